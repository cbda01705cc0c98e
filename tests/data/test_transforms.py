"""Transforms of vectors and of mixed columns: plain loops in float64, and the way there and back."""

import math
import statistics

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import integrate, stats

import mmgen
from mmgen import MixedModality, VectorModality
from mmgen.data.heavy_tails import better_transform
from mmgen.data.transforms import CentredLogRatio, Log1p, RankGauss
from mmgen.errors import DataError, DataWarning
from mmgen.testing import raises_sentence

POSITIVE = st.one_of(st.just(0.0), st.floats(2**-10, 1e6, width=32))


def rows_of(cell, width=3, least=2):
    return st.lists(st.lists(cell, min_size=width, max_size=width), min_size=least, max_size=12)


def standardised(columns):
    """Columns of lists of numbers or None, each less its mean over its standard deviation."""
    made = []
    for column in columns:
        cells = [cell for cell in column if cell is not None]
        mean = sum(cells) / len(cells) if cells else 0.0
        spread = math.sqrt(sum((cell - mean) ** 2 for cell in cells) / len(cells)) if cells else 0.0
        spread = spread if spread > 1e-12 * max(abs(mean), 1e-12) else 1.0
        made.append([None if cell is None else (cell - mean) / spread for cell in column])
    return made


def fitted(transform, rows):
    """A transform in float64 of rows with None for cells that are not there, what it makes of them, and the cells."""
    observed = torch.tensor([[cell is not None for cell in row] for row in rows])
    values = torch.tensor([[123.0 if cell is None else cell for cell in row] for row in rows], dtype=torch.float64)
    transform = transform.double()
    transform.fit(values, observed)
    return transform, transform(values, observed), values, observed


def agree(seen, expected, tolerance=1e-6):
    for row, others in zip(seen.tolist(), expected, strict=True):
        for cell, other in zip(row, others, strict=True):
            assert other is None or cell == pytest.approx(other, rel=tolerance, abs=tolerance)


@given(rows_of(st.one_of(st.none(), POSITIVE)))
def test_log1p_is_the_standardised_logarithm(rows):
    transform, seen, values, observed = fitted(Log1p((3,)), rows)
    logs = [[None if row[j] is None else math.log(1 + row[j]) for row in rows] for j in range(3)]
    known = [[cell for cell in column if cell is not None] or [0.0] for column in logs]
    varied = [max(cells) - min(cells) > 1e-3 for cells in known]  # of others the scale is that of rounding
    expected = zip(*standardised(logs), strict=True)
    agree(seen[:, varied], [[cell for cell, one in zip(row, varied, strict=True) if one] for row in expected], 1e-5)
    torch.testing.assert_close(transform.inverse(seen)[observed], values[observed], rtol=1e-5, atol=1e-5)


@given(rows_of(st.one_of(st.none(), POSITIVE)))
def test_clr_is_the_log_ratio_to_the_geometric_mean_of_the_observed_cells(rows):
    """Zeros are half of the smallest share of all rows, at most 1/6 with three parts."""
    rows = [[1.0 if not any(cell or 0 for cell in row) else cell for cell in row] for row in rows]
    _, seen, _, _ = fitted(CentredLogRatio((3,)), rows)
    shares = [[None if cell is None else cell / sum(c for c in row if c) for cell in row] for row in rows]
    least = min(min(share for row in shares for share in row if share) / 2, 1 / 6)
    ratios = []
    for row in shares:
        logs = [None if share is None else math.log(share or least) for share in row]
        centre = statistics.fmean(log for log in logs if log is not None)
        ratios.append([None if log is None else log - centre for log in logs])
    columns = list(zip(*ratios, strict=True))
    known = [[cell for cell in column if cell is not None] or [0.0] for column in columns]
    varied = [max(cells) - min(cells) > 1e-3 for cells in known]
    expected = list(zip(*standardised(columns), strict=True))
    agree(seen[:, varied], [[cell for cell, one in zip(row, varied, strict=True) if one] for row in expected], 1e-4)


@given(rows_of(POSITIVE, width=4), st.floats(0.5, 1e5))
def test_compositions_come_back_with_their_zeros(rows, total):
    values = torch.tensor([row if any(row) else [1.0] * 4 for row in rows], dtype=torch.float64)
    values = total * values / values.sum(1, keepdim=True)
    transform = CentredLogRatio((4,)).double()
    transform.fit(values)
    back = transform.inverse(transform(values))
    torch.testing.assert_close(back, values, rtol=1e-5, atol=1e-9 * total)
    assert torch.equal(back == 0, values == 0)


def test_a_generated_composition_has_the_usual_total_and_a_given_pseudocount_holds():
    transform = CentredLogRatio((3,), pseudocount=0.01)
    values = torch.tensor([[1.0, 1.0, 2.0], [10.0, 0.0, 10.0], [3.0, 3.0, 0.0]])
    observed = torch.tensor([[True, True, True], [True, True, True], [True, True, False]])
    transform.fit(values, observed)
    assert float(transform.total) == 4.0, "the median of the whole rows, the lower one of two"
    torch.testing.assert_close(transform.inverse(torch.randn(5, 3)).sum(-1), torch.full((5,), 4.0))
    raw = transform.mean + transform.scale * transform(values, observed)
    assert float(raw[1, 1] - raw[1, 0]) == pytest.approx(math.log(0.01 / 0.5), rel=1e-5)
    assert float(raw[2, 0]) == pytest.approx(0, abs=1e-6), "the third cell is not there"


@given(rows_of(st.one_of(st.none(), st.floats(-1e3, 1e3, width=32)), width=2, least=1))
def test_rank_gauss_is_the_normal_score_of_the_rank(rows):
    """Of few rows all that lies between knots is a straight line: numbers of the training rows are hit up to the width
    of one interval, equal numbers have the score of their middle rank, and order stays.
    """
    transform, seen, values, observed = fitted(RankGauss((2,)), rows)
    width = float(transform.scores[1] - transform.scores[0])
    for j in range(2):
        cells = sorted(row[j] for row in rows if row[j] is not None)
        for i, row in enumerate(rows):
            if row[j] is None or max(cells) - min(cells) < 1e-6:
                continue
            ranks = [rank for rank, cell in enumerate(cells) if cell == row[j]]
            ends = [stats.norm.ppf((ranks[k] + 0.5) / len(cells)) for k in (0, -1)]
            end = float(transform.scores[-1])
            if ranks[0] == 0:
                ends[0] = -end
            if ranks[-1] == len(cells) - 1:
                ends[1] = end
            assert float(seen[i, j]) == pytest.approx(sum(ends) / 2, abs=1.5 * width)
            for k, other in enumerate(rows):
                if other[j] is not None and other[j] > row[j] + 1e-6:
                    assert seen[k, j] > seen[i, j]
    span = values[observed].max() - values[observed].min() if observed.any() else 0
    torch.testing.assert_close(transform.inverse(seen)[observed], values[observed], rtol=1e-5, atol=1e-5 * (1 + span))


def test_rank_gauss_makes_columns_normal_and_stays_within_the_training_rows():
    torch.manual_seed(0)
    values = torch.stack([torch.randn(4000).mul(2).exp(), torch.rand(4000), torch.randn(4000) ** 3], 1)
    transform = RankGauss((3,))
    transform.fit(values)
    seen = transform(values)
    for column in seen.T:
        assert stats.kstest(column.numpy(), "norm").statistic < 0.01
    span = values.amax(0) - values.amin(0)
    assert ((transform.inverse(seen) - values).abs() / span).max() < 1e-5
    far = torch.tensor([[-1e6] * 3, [1e9] * 3])
    ends = transform.scores[[0, -1]]
    torch.testing.assert_close(transform(far), ends[:, None].expand(2, 3))
    ends = torch.stack([values.amin(0), values.amax(0)])
    torch.testing.assert_close(transform.inverse(torch.tensor([[-99.0] * 3, [99.0] * 3])), ends)
    constant = RankGauss((1,))
    constant.fit(torch.full((9, 1), 7.0))
    assert float(constant(torch.tensor([[7.0]]))) == 0
    assert float(constant.inverse(torch.tensor([[1.3]]))) == 7


@pytest.mark.parametrize("transform", ["log1p", "rank-gauss"])
def test_means_are_means_and_not_medians(transform):
    """Against an integral of scipy: ∫ inverse(u) N(u; μ, s²) du."""
    torch.manual_seed(0)
    modality = VectorModality(shape=(1,), transform=transform, likelihood={"name": "normal", "scale": 0.8})
    made = modality.make_transform().double()
    made.fit((0.7 * torch.randn(2000, 1, dtype=torch.float64)).exp() * 30)
    likelihood = modality.make_likelihood().double()
    for location in (-1.0, 0.0, 0.9):
        found = float(made.mean_of(likelihood, torch.full((1, 1, 1), location, dtype=torch.float64)))

        def density(u, location=location):
            back = float(made.inverse(torch.tensor([[u]], dtype=torch.float64)))
            return back * stats.norm.pdf(u, location, 0.8)

        points = np.linspace(location - 6.4, location + 6.4, 4001)
        expected = integrate.trapezoid([density(u) for u in points], points)
        assert found == pytest.approx(expected, rel=3e-3)
        assert found > 1.05 * float(made.inverse(torch.full((1, 1), location, dtype=torch.float64)))


@settings(max_examples=25)
@given(st.floats(-2, 6), st.floats(0.01, 3))
def test_the_mean_of_a_log_normal_between_its_limits(location, scale):
    """Of a column of 0, 1, …, 20: against a sum over 20,000 strips, in float32 too."""
    values = torch.arange(21, dtype=torch.float64)[:, None]
    made = Log1p((1,)).double()
    made.fit(values)
    mean, spread = float(made.mean), float(made.scale)
    points = np.linspace(-9, 9, 20_001)
    total = 0.0
    for z, weight in zip(points, stats.norm.pdf(points) * (points[1] - points[0]), strict=True):
        log = min(max(mean + spread * (location + z * scale), 0.0), math.log(21) + spread)
        total += weight * math.expm1(log)
    at = torch.tensor([[location]], dtype=torch.float64), torch.tensor([[scale]], dtype=torch.float64)
    assert float(made.mean_on_curve(*at)) == pytest.approx(min(total, 20.0), rel=1e-4, abs=1e-6)
    assert float(made.float().mean_on_curve(*(x.float() for x in at))) == pytest.approx(min(total, 20.0), rel=1e-4)


def test_means_of_heavy_tails_are_medians():
    modality = VectorModality(shape=(1,), transform="log1p", likelihood="student-t")
    made = modality.make_transform()
    made.fit(torch.rand(50, 1).exp())
    parameters = torch.full((1, 1, 1), 0.3)
    assert torch.equal(made.mean_of(modality.make_likelihood(), parameters), made.inverse(parameters[:, 0]))


def test_log1p_comes_back_no_further_than_a_deviation_above_the_training_rows():
    torch.manual_seed(0)
    values = torch.randn(500, 2).exp()
    made = Log1p((2,))
    made.fit(values)
    most = (values.amax(0).log1p() + made.scale).expm1()
    torch.testing.assert_close(made.inverse(torch.full((1, 2), 1e3))[0], most)
    assert torch.equal(made.inverse(torch.full((1, 2), -1e3)), torch.zeros(1, 2))
    normal = VectorModality(shape=(2,)).make_likelihood()
    torch.testing.assert_close(made.mean_of(normal, torch.full((1, 1, 2), 1e3))[0], values.amax(0))


def test_curves_are_of_numbers_in_units_of_the_source():
    """What is stored less a constant, or over a power of ten, is put back before logarithms are taken."""
    torch.manual_seed(0)
    source = torch.randn(300, 3, dtype=torch.float64).exp() * 50
    offset, factor = (20.0, 0.0, -5.0), (1.0, 10.0, 2.0)
    stored = (source - torch.tensor(offset)) / torch.tensor(factor)
    for transform in ("log1p", "clr"):
        plain = VectorModality(shape=(3,), transform=transform).make_transform().double()
        moved = VectorModality(shape=(3,), transform=transform, offset=offset, factor=factor).make_transform().double()
        plain.fit(source)
        moved.fit(stored)
        torch.testing.assert_close(moved(stored), plain(source))
        u = torch.randn(4, 3, dtype=torch.float64)
        torch.testing.assert_close(moved.inverse(u), (plain.inverse(u) - torch.tensor(offset)) / torch.tensor(factor))


def test_mixed_columns_have_transforms_of_their_own():
    torch.manual_seed(0)
    modality = MixedModality(
        shape=(5,),
        columns=("crp", "age", "ldl", "dose", "yes"),
        likelihoods={"dose": "log-normal", "yes": "bernoulli"},
        transforms={"crp": "log1p", "ldl": "rank-gauss"},
        offset=(2.0, 0.0, 0.0, 0.0, 0.0),
    )
    raw = torch.randn(400, 5).exp()
    raw[:, 0] += 1 - 2  # stored: x − 2
    raw[:, 4] = (raw[:, 4] > 1).float()
    observed = torch.rand(400, 5) < 0.8
    made = modality.make_transform()
    made.fit(raw, observed)
    seen = made(raw, observed)
    for column, alone in ((0, Log1p((1,), offset=(2.0,))), (2, RankGauss((1,)))):
        alone.fit(raw[:, [column]], observed[:, [column]])
        torch.testing.assert_close(seen[:, [column]], alone(raw[:, [column]]))
    plain = MixedModality(
        shape=(5,), columns=modality.columns, likelihoods={"dose": "log-normal", "yes": "bernoulli"}
    ).make_transform()
    plain.fit(raw, observed)
    assert torch.equal(seen[:, [1, 3, 4]], plain(raw)[:, [1, 3, 4]])
    torch.testing.assert_close(made.inverse(seen)[observed], raw[observed], rtol=1e-4, atol=1e-4)
    likelihood = modality.make_likelihood()
    parameters = 0.3 * torch.randn(1, likelihood.outputs, 5)
    draws = made.inverse(likelihood.sample(parameters.expand(100_000, *parameters.shape[1:])))
    torch.testing.assert_close(made.mean_of(likelihood, parameters)[0], draws.mean(0), rtol=0.03, atol=0.02)
    again = modality.make_transform()
    again.load_state_dict(made.state_dict())
    assert torch.equal(again(raw), seen)
    assert made.curve == "log1p and rank-gauss"
    assert not any(key.startswith("curves") for key in plain.state_dict())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"transform": "log1p", "likelihood": "log-normal"}, "transform log1p gives real numbers"),
        ({"transform": "clr", "shape": (1,)}, "parts of a whole"),
        ({"transform": "log1p", "pseudocount": 0.1}, "pseudocount does nothing with transform=log1p"),
        ({"transform": "clr", "pseudocount": 0.3}, r"at most 1/\(2 · 3 parts\)"),
        ({"transform": "log2"}, "transform"),
    ],
)
def test_what_makes_no_sense_together_is_refused(fields, words):
    with pytest.raises(ValidationError, match=words):
        VectorModality(**{"shape": (3,), **fields})


def test_mixed_transforms_are_of_columns_of_numbers():
    for transforms, words in (
        ({"b": "log1p"}, "'b', which is no column"),
        ({"yes": "log1p"}, "'yes' log1p, and its likelihood is of yes/no answers"),
    ):
        with pytest.raises(ValidationError, match=words):
            MixedModality(shape=(2,), columns=("a", "yes"), likelihoods={"yes": "bernoulli"}, transforms=transforms)


# One's own data -------------------------------------------------------------------------------------------------------


def world(rows=200, seed=0):
    draw = np.random.default_rng(seed)
    z = draw.normal(size=(rows, 2))
    genes = np.exp(z @ draw.normal(size=(2, 6)) + 0.4 * draw.normal(size=(rows, 6)) + 2)
    return {"genes": genes, "others": z @ draw.normal(size=(2, 4)) + 0.3 * draw.normal(size=(rows, 4))}


def test_values_that_a_transform_does_not_take_are_refused_by_row_and_column():
    data = world()
    data["genes"][7, 2] = -0.5
    for how in ("log1p", "clr"):
        with raises_sentence(rf"holds -0\.5 in row 7 \(.*and transform {how} is of numbers from 0 on\."):
            mmgen.load_dataset(data, modalities={"genes": {"transform": how}})
    data = world()
    data["genes"][7] = 0
    with raises_sentence(r"holds 0 in row 7 \(.*, as do all of its row, and transform clr is of shares"):
        mmgen.load_dataset(data, modalities={"genes": {"transform": "clr"}})
    mmgen.load_dataset(data, modalities={"genes": {"transform": "log1p"}})


def test_values_are_looked_at_again_where_a_transform_is_changed():
    data = mmgen.load_dataset(world())
    with raises_sentence(r"modalities\.others\.transform: 'others' holds -.* in training row \d+"):
        mmgen.MultimodalVAE.create("mvtcae", data, modalities={"others": {"transform": "log1p"}})
    model = mmgen.MultimodalVAE.create("mvtcae", data, modalities={"genes": {"transform": "log1p"}})
    assert model.description["modalities"]["genes"]["transform"] == "log1p"


def test_mixed_values_are_refused_too():
    frame = pd.DataFrame({"a": np.linspace(-1, 1, 60), "b": ["x", "y"] * 30})
    with raises_sentence(r"the column 'a' .* holds -1 in row 0 \(.*transform log1p is of numbers from 0 on"):
        mmgen.load_dataset({"it": frame}, modalities={"it": {"transforms": {"a": "log1p"}}})


def test_a_run_keeps_the_transform_and_reads_new_rows_by_it(tmp_path):
    options = {"genes": {"transform": "log1p", "hidden": [16]}, "others": {"hidden": [16]}}
    run = mmgen.train("mvtcae", world(), modalities=options, epochs=2, output=tmp_path / "run")
    new = world(30, seed=1)
    again = mmgen.load_run(tmp_path / "run", dataset=new)
    with pytest.warns(DataWarning, match="None of the 30 rows"):
        assert len(again.data.split("all")) == 30
    assert again.model.modalities["genes"].transform == "log1p"
    assert torch.equal(again.model.transforms[0].most, run.model.transforms[0].most)
    assert not any("heavy-tailed" in note for note in again.data.notes)
    with raises_sentence(r"holds -.* in row 0 \(.*transform log1p is of numbers from 0 on"):
        len(mmgen.load_run(tmp_path / "run", dataset={"genes": -new["genes"]}).data.train)


@pytest.mark.parametrize("transform", ["log1p", "rank-gauss"])
def test_intervals_of_a_log_normal_world_hold_nine_of_ten_values(transform, tmp_path):
    """In the units of the data, of held-out rows whose genes are inferred from the other modality."""
    options = {"genes": {"transform": transform, "hidden": [32]}, "others": {"hidden": [32]}}
    training = {"epochs": 100, "learning_rate": 5e-3, "batch_size": 64, "seed": 0}
    run = mmgen.train("mvtcae", world(900), modalities=options, latent_dim=2, output=tmp_path / "run", **training)
    held = run.data.test
    lacking = {"genes": np.full((len(held), 6), np.nan), "others": held.data["others"][:].numpy()}
    with pytest.warns(DataWarning, match="720 of the rows that the run was trained on"):
        frame = mmgen.load_run(tmp_path / "run", dataset=lacking).impute(split="all", draws=200, uncertainty=True)
    names = run.model.modalities["genes"].value_names("genes")
    truth = held.data["genes"][:].numpy()
    low, high = (frame[[f"{name}_{q}" for name in names]].to_numpy() for q in ("q05", "q95"))
    assert (low >= 0).all()
    covered = ((truth >= low) & (truth <= high)).mean()
    assert 0.85 < covered < 0.95, f"{covered:.1%}"
    means = frame[names].to_numpy()
    floor = np.square(truth - run.data.train.data["genes"][:].mean(0).numpy()).mean()
    assert np.square(truth - means).mean() < 0.7 * floor


def test_densities_after_a_curve_are_noted(tmp_path):
    options = {"genes": {"transform": "log1p", "hidden": [8]}, "others": {"hidden": [8]}}
    run = mmgen.train("mvtcae", world(), modalities=options, epochs=1, output=tmp_path / "run")
    for row in run.measurements(metrics=["reconstruction", "log-likelihood"], log_likelihood={"samples": 5}):
        about = row["measure"] in ("log_likelihood", "loss", "joint") or row["measure"].startswith("conditional")
        noted = "density of genes after log1p" in row["note"]
        if row["target"] in ("genes", "all"):
            assert noted == about, row
        elif row["target"] == "others":
            assert not noted


# What is noticed ------------------------------------------------------------------------------------------------------


def test_heavy_tails_are_noticed_and_normal_ones_are_not():
    draw = np.random.default_rng(0)
    assert better_transform(np.exp(1.2 * draw.normal(size=300) + 3)) == "log1p"
    assert better_transform(draw.exponential(size=3000) * 10) == "log1p"
    assert better_transform(1e-6 * np.exp(1.2 * draw.normal(size=300))) == "rank-gauss"
    assert better_transform(-np.exp(1.2 * draw.normal(size=300))) == "rank-gauss"
    assert better_transform(draw.standard_cauchy(300)) == "rank-gauss"
    assert better_transform((draw.random(300) < 0.1).astype(float)) == ""
    assert better_transform(np.exp(2 * draw.normal(size=30))) == ""
    for quiet in (draw.normal(size=300), draw.random(300), draw.standard_t(5, 300), np.repeat(1.0, 300)):
        assert better_transform(quiet) == ""
    wrong = draw.normal(size=300)
    wrong[:2] = 1e6
    assert better_transform(wrong) == "", "two wrong cells are no tail"
    assert sum(bool(better_transform(column)) for column in draw.normal(size=(2000, 60))) <= 6


def notes(data, **options):
    return [note for note in mmgen.load_dataset(data, **options).notes if "heavy-tailed" in note]


def test_a_sentence_names_the_columns_and_the_option():
    (note,) = notes(world(400))
    assert note.startswith("genes: ")
    assert "of 6 columns of genes (genes_" in note
    assert "modalities.genes.transform: log1p" in note
    for how in ("log1p", "rank-gauss", "standardise", "none"):
        assert notes(world(400), modalities={"genes": {"transform": how}}) == []
    assert notes(world(400), modalities={"genes": {"likelihood": "log-normal"}}) == []
    counts = np.random.default_rng(0).negative_binomial(1, 0.01, size=(200, 5))
    assert notes({"it": counts, **{"others": world()["others"]}}) == []
    shares = np.random.default_rng(0).dirichlet([0.3] * 6, 300)
    (note,) = notes({"taxa": shares})
    assert "its rows have the same total" in note
    assert "modalities.taxa.transform: clr" in note


def test_the_sentence_is_said_of_files_too_and_not_after_it_was_answered(tmp_path):
    genes = world(300)["genes"]
    frame = pd.DataFrame(genes, columns=[f"g{j}" for j in range(6)]).assign(
        crp=genes[:, 0] * 2, age=np.arange(300) + 0.5
    )
    frame.to_csv(tmp_path / "my.csv", index=False)
    modalities = {
        "genes": {"columns": "g*", "kind": "vector"},
        "clinic": {"columns": ["crp", "age"], "kind": "mixed"},
    }
    options = {"path": str(tmp_path / "my.csv"), "modalities": modalities}
    for _ in range(2):  # prepared, and opened again
        found = [note for note in mmgen.load_dataset("table", **options).notes if "heavy-tailed" in note]
        assert [note.split(":")[0] for note in found] == ["genes", "clinic"]
        assert "transforms: {crp: log1p}" in found[1]
    data = mmgen.open_dataset(
        "table",
        mmgen.make_dataset("table", options),
        {"genes": {"transform": "log1p"}, "clinic": {"transform": "none"}},
    )
    assert not any("heavy-tailed" in note for note in data.notes)


def test_the_error_is_one_of_the_data():
    with pytest.raises(DataError):
        mmgen.load_dataset({"it": -world()["genes"]}, modalities={"it": {"transform": "log1p"}})


@pytest.mark.parametrize(("rows", "kept"), [(10, 10), (7, 7), (3, 3), (100, 20)])
def test_statistics_of_a_huge_table_are_of_rows_from_all_over(monkeypatch, rows, kept):
    monkeypatch.setattr("mmgen.models.model.FITTED_ROWS", rows)
    monkeypatch.setattr("mmgen.models.model.FITTED_NUMBERS", 1)
    values = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    split = ["train"] * 20 + ["val"] * 4 + ["test"] * 4
    data = mmgen.load_dataset({"a": np.concatenate([values, values[:8]])}, split=split)
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
    step = math.ceil(20 / rows)
    of = data.train.data["a"][::step].double()
    assert len(of) == kept
    torch.testing.assert_close(model.transforms[0].mean.double(), of.mean(0), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(model.transforms[0].scale.double(), of.std(0, correction=0), rtol=1e-6, atol=1e-6)
