"""What a training prints where no bar can be drawn."""

import io
import itertools

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mmgen.screen import LINES, Milestones, about
from mmgen.training.display import Display


@given(st.integers(1, 5000))
def test_the_first_the_last_and_at_most_twenty_between(total):
    milestones = Milestones(total)
    said = [done for done in range(1, total + 1) if milestones.due(done)]
    assert said[0] == 1 and said[-1] == total
    assert len(said) <= LINES + 1 and (total > LINES or said == [*range(1, total + 1)])
    assert all(later - earlier <= total // LINES + 2 for earlier, later in itertools.pairwise(said))


@given(st.integers(1, 400), st.integers(1, 30), st.integers(0, 200))
def test_lines_are_of_validations_alone(epochs, every, done):
    text = io.StringIO()
    with Display(Console(file=text, width=160), epochs, epochs, 0, every) as display:
        for epoch in range(min(done, epochs - 1) + 1, epochs + 1):
            record = {"epoch": epoch, "train": {"loss": 1.0}, "val": {"loss": 2.0}, "samples_per_second": 3.0}
            display.epoch(record)
    said = [int(line.split("/")[0].split()[1]) for line in text.getvalue().splitlines()]
    assert said[-1] == epochs and len(said) <= LINES + 1
    assert all(epoch % every == 0 for epoch in said[:-1])


def said_of(monkeypatch, epochs, steps, of_one, done=0):
    """What is printed in the first hundred steps of ``of_one`` seconds each."""
    text, now = io.StringIO(), [0.0]
    monkeypatch.setattr("mmgen.training.display.time.monotonic", lambda: now[0])
    with Display(Console(file=text, width=200), epochs, steps, done) as display:
        for _ in range(min(steps - done, 100)):
            now[0] += of_one
            display.advance()
    return text.getvalue()


def test_how_long_it_will_take_is_said_once_where_that_is_long(monkeypatch):
    assert said_of(monkeypatch, 10, 1000, 0.01) == ""
    assert said_of(monkeypatch, 10, 1000, 0.1) == "This training will take about 2 min, if it does not stop early.\n"
    assert "about 1 h 23 min" in said_of(monkeypatch, 50, 50_000, 0.1)
    assert "--epochs 6 takes about 10 min, and --resume" in said_of(monkeypatch, 50, 50_000, 0.1)
    assert "An epoch alone takes more than 10 min." in said_of(monkeypatch, 2, 20_000, 0.1)
    assert "about 3 min" in said_of(monkeypatch, 50, 50_000, 0.1, done=48_000)


def test_durations_in_words():
    found = [about(seconds) for seconds in (0.7, 33.3, 91, 3590, 3700, 90_000)]
    expected = ["1 s", "33 s", "2 min", "1 h 00 min", "1 h 02 min", "25 h 00 min"]
    assert found == [f"about {words}" for words in expected]
