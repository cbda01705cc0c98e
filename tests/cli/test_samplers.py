"""``--sampler`` of ``mmgen generate`` and ``mmgen evaluate``."""

import json

import numpy as np
import pytest

TWO = ("--sampler", "gmm", "--set", "sampler.components=2")


def test_generate_from_a_sampler(trained, command_line, home):
    made = []
    for words in ((), TWO, TWO):
        code, out, err = command_line("generate", "run", *words, "--out", "made.npz")
        assert code == 0, err
        assert ("from the sampler gmm (components=2): made.npz" if words else "from the prior: made.npz") in out
        made.append(np.load(home / "made.npz")["genes"])
    assert np.array_equal(made[1], made[2]) and not np.array_equal(made[0], made[1])
    kept = sorted(path.name.partition("-")[0] for path in (home / "run" / "samplers").iterdir())
    assert kept == ["aggregated", "gmm"]  # the first is kept by the training


def test_evaluate_with_a_sampler(trained, command_line, home):
    steps = ("--set", "metrics.coherence.classifier_steps=5", "--metrics", "coherence", "--no-figures", "--json")
    for words in ((), TWO):
        code, out, err = command_line("evaluate", "run", *steps, *words)
        assert code == 0, err
    givens = {row["given"] for row in json.loads(out) if row["measure"] == "joint"}
    assert givens == {"sampler gmm (components=2)"}
    kept = [json.loads(line) for line in (home / "run" / "results.jsonl").read_text().splitlines()]
    assert {row["given"] for row in kept if row["measure"] == "joint"} == {*givens, "prior"}


def test_a_dynamic_prior_is_told_of_samplers(home, command_line):
    setting = ("--objective", "elbo", "--prior", "geometric", "--dataset", "table", "--set", "dataset.config=my.yaml")
    assert command_line("train", *setting, "--epochs", "1", "--output", "run")[0] == 0
    code, out, _ = command_line("generate", "run", "--out", "made.npz")
    assert code == 0 and "decoded from N(0, I). --sampler gmm" in " ".join(out.split())
    code, out, _ = command_line(
        "generate", "run", "--out", "made.npz", "--sampler", "gmm", "--set", "sampler.components=2"
    )
    assert code == 0 and "N(0, I)" not in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--sampler", "gm"),
            "There is no sampler 'gm'; installed are: aggregated, flow, gaussian, gmm, prior; did you mean 'gmm'?",
        ),
        (("--set", "sampler.components=2"), "--set sampler.components: say by --sampler whose option it is"),
        (("--sampler", "gmm", "--set", "sampler.component=2"), "component"),
        (("--sampler", "gmm", "--given", "genes"), "A sampler draws where nothing is given"),
        (
            ("--sampler", "gmm", "--set", "model.beta=2"),
            "this command can only set dataset.…, sampler.…, covariates.…, not",
        ),
    ],
)
def test_what_is_wrong_is_a_sentence(trained, command_line, words, sentence):
    code, _, err = command_line("generate", "run", *words, "--out", "made.npz")
    assert code != 0 and sentence in " ".join(err.split())


def test_samplers_are_listed_and_described(command_line):
    code, out, _ = command_line("list", "samplers", "--json")
    names = [each["name"] for each in json.loads(out)["samplers"]]
    assert code == 0 and names == ["aggregated", "flow", "gaussian", "gmm", "prior"]
    code, out, _ = command_line("info", "gmm", "--json")
    assert code == 0 and {"sampler.components", "sampler.covariance"} <= {
        each["option"] for each in json.loads(out)["options"]
    }
