"""The tools for tests do what they say, and notice the mistakes that they are there for."""

import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat
from torch import nn

import mmgen
from mmgen.data import Splits
from mmgen.distributions import Gaussian, product_of_experts
from mmgen.evaluation import Evaluation
from mmgen.registry import entries
from mmgen.testing import (
    ConstantNetwork,
    LinearGaussianWorld,
    all_rows,
    check_absence,
    check_absence_in_model,
    check_gradients,
    edit_array,
    edit_matlab,
    edit_text,
    exchange_files,
    finite_differences,
    make_model,
    matching_rows,
    raises_sentence,
    recorded_calls,
    row_value,
    set_entry,
    set_exact_joint_encoder,
    set_latents,
    substitute,
    toy_data,
    toy_model,
    toy_run,
    with_labels,
    world_batch,
    world_model,
    write_idx,
    write_toy_table,
)

# Gradients ------------------------------------------------------------------------------------------------------------


def cubes(x, scale):
    return sum(float(scale) * value**3 for row in x.tolist() for value in row)


def test_finite_differences_are_the_derivative():
    x = torch.tensor([[0.5, -2.0], [0.0, 3.0]], dtype=torch.float64)
    scale = torch.tensor(0.25, dtype=torch.float64)
    before = x.clone()
    by_x, by_scale = finite_differences(cubes, [x, scale])
    torch.testing.assert_close(by_x, 0.75 * x**2, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(by_scale, (x**3).sum(), rtol=1e-7, atol=1e-7)
    assert torch.equal(x, before)


def test_gradients_that_are_right_pass_and_any_other_entry_is_named():
    x = torch.tensor([[0.5, -2.0], [0.0, 3.0]], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    (scale * x**3).sum().backward()
    check_gradients(cubes, (x, scale))
    for index in ((0, 0), (0, 1), (1, 0), (1, 1)):
        for wrong in (x.grad[index] * 1.01 + 0.01, torch.nan):
            gradient = x.grad.clone()
            gradient[index] = wrong
            with pytest.raises(
                AssertionError, match=rf"argument 0 at \[{index[0]}, {index[1]}\] is .*; by finite diff"
            ):
                check_gradients(cubes, (x, scale), (gradient, scale.grad))
    with pytest.raises(AssertionError, match="argument 1 has the shape"):
        check_gradients(cubes, (x, scale), (x.grad, scale.grad[None]))


def test_an_argument_that_no_gradient_reached_is_named():
    x = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    with pytest.raises(AssertionError, match="no gradient reached argument 0"):
        check_gradients(cubes, (x, torch.tensor(1.0)))


# Substitutes ----------------------------------------------------------------------------------------------------------


def test_a_network_is_back_in_its_place_also_after_an_error():
    model = nn.Sequential()
    model.first, model.second = nn.Linear(1, 2), nn.Linear(2, 1)
    names = [name for name, _ in model.named_parameters()]
    first, output = model.first, torch.ones(3)

    def fail():
        with substitute(model, first=ConstantNetwork(output)):
            assert model.first(None) is output
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert model.first is first
    assert [name for name, _ in model.named_parameters()] == names


def test_methods_come_from_the_class_again_and_unknown_names_are_errors():
    model = make_model("elbo", toy_data())
    with substitute(model, experts=lambda batch: "outer"):
        with substitute(model, experts=lambda batch: "inner"):
            assert model.experts(None) == "inner"
        assert model.experts(None) == "outer"
    assert "experts" not in vars(model)
    with pytest.raises(AttributeError, match="expert_of"), substitute(model, expert_of=None):
        pass
    before = Gaussian.rsample
    with substitute(Gaussian, rsample=None):
        assert Gaussian.rsample is None
    assert Gaussian.rsample is before


def test_calls_are_recorded_while_they_are_asked_for():
    one, two = nn.Identity(), nn.Identity()
    with recorded_calls([one, None, two]) as calls:
        two(1), one(1), two(1)
    one(1)
    assert calls == [2, 0, 2]


# Absence --------------------------------------------------------------------------------------------------------------


def test_absence_of_experts():
    torch.manual_seed(0)
    q = Gaussian(*torch.randn(2, 3, 4, 2, dtype=torch.float64))
    available = torch.tensor([[True, True, True], [True, False, True], [False, True, False], [True, True, False]])
    check_absence(product_of_experts, q, available)
    with pytest.raises(AssertionError):
        check_absence(lambda q, available: product_of_experts(q, torch.ones_like(available)), q, available)
    check_absence(lambda q, available: (q.mean.sum(-1) * available.T).sum(0), q, available)
    with pytest.raises(AssertionError):
        check_absence(lambda q, available: (q.mean.sum(-1) * available.T).mean(0), q, available)


def test_absence_in_a_model():
    weights = {"vector": 2.0, "counts": 0.5, "tags": 1.0}
    model, batch = toy_model("elbo", weights), toy_data().train[:4]

    def make(kinds):
        return toy_model("elbo", {kind: weights[kind] for kind in kinds})

    check_absence_in_model(model, make, batch)

    def changed(change):
        forward = model.forward
        return substitute(model, forward=lambda batch: change(forward(batch), batch.available))

    faults = {
        "value of modalities": lambda terms, there: replace(
            terms, others={"count": 1.0 * there.sum(-1) * there.shape[1]}
        ),
        "divergence of modalities": lambda terms, there: replace(
            terms,
            divergence=terms.divergence + (~there).sum(-1),
            others={"divergence": 0.7 * (~there).sum(-1).double()},
        ),
        "likelihood of a missing modality is not 0": lambda terms, there: replace(
            terms, log_likelihood=terms.log_likelihood - 1.0 * ~there.T
        ),
    }
    for sentence, change in faults.items():
        terms = ("log_likelihood",) if "missing" in sentence else ("value", "log_likelihood", "divergence")
        with changed(change), pytest.raises(AssertionError, match=sentence):
            check_absence_in_model(model, make, batch, terms=terms)


# Models and runs ------------------------------------------------------------------------------------------------------


def test_a_toy_model_is_made_once_and_is_the_one_that_was_asked_for():
    weights = {"vector": 2.0, "tags": 0.5}
    model = toy_model("elbo", weights)
    assert toy_model("elbo", dict(weights)) is model
    assert list(model.modalities) == ["vector", "tags"]
    assert [modality.weight for modality in model.modalities.values()] == [2.0, 0.5]
    assert not any(parameter.requires_grad for parameter in model.parameters())
    others = [
        toy_model("elbo", {"tags": 0.5, "vector": 2.0}),
        toy_model("elbo", {"vector": 2.0, "tags": 1.0}),
        toy_model("elbo", weights, aggregator="moe"),
        toy_model("independent", weights),
    ]
    assert len({id(each) for each in (model, *others)}) == 5


def test_a_toy_run_has_a_folder_where_one_is_named(tmp_path):
    run = toy_run(output=tmp_path / "run", epochs=2)
    assert len(mmgen.load_run(tmp_path / "run").history) == len(run.history) == 2
    data = toy_data(("counts", "tags"), rows=10)
    run = toy_run(data, objective="independent", options={"latent_dim": 3})
    batch = data.test[:2]
    assert list(run.model.modalities) == ["counts", "tags"] and run.model.encode(batch).mean.shape == (2, 3)


def test_the_joint_encoder_of_a_world_has_its_posterior():
    world = LinearGaussianWorld((3, 4), 2, orthogonal=True, seed=2)
    model = world_model(world, "jmvae")
    set_exact_joint_encoder(model.objective.joint, world)
    _, x = world.sample(5)
    mean, covariance = world.posterior(x)
    q = model.objective.joint(model.prepare(world_batch(x)))
    torch.testing.assert_close(q.mean, mean)
    torch.testing.assert_close(torch.diag_embed(q.variance), covariance)


# Files ----------------------------------------------------------------------------------------------------------------


def test_all_rows_are_in_the_order_of_their_files():
    data = toy_data(rows=8)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    sides = [data.train, data.val, data.test]
    parts = torch.split(order, [len(side) for side in sides])
    named = [replace(side, rows=part) for side, part in zip(sides, parts, strict=True)]
    rows = all_rows(Splits(*named, data.provenance, {}))
    assert rows.rows.tolist() == list(range(16))
    values = torch.cat([side.data["vector"][:] for side in sides])
    assert torch.equal(rows.data["vector"][:], values[order.argsort()])


@pytest.mark.parametrize("gaps", [False, True])
def test_a_toy_table_is_one_that_is_read(tmp_path, gaps):
    data = mmgen.load_dataset("table", config=str(write_toy_table(tmp_path, rows=40, gaps=gaps)))
    assert list(data.modalities) == ["genes", "proteins"] and data.labels == {"diagnosis": ("ill", "well")}
    table = all_rows(Splits(data.train, data.val, data.test, data.provenance, {}))
    assert table.available.all() == (not gaps)
    if not gaps:
        assert len(table) == 40
        ill = table.labels["diagnosis"] == 0
        genes = table.data["genes"][:]
        assert float(genes[ill].mean() - genes[~ill].mean()) == pytest.approx(5, abs=0.6)


def test_files_are_exchanged_and_edited(tmp_path):
    one, two = tmp_path / "one.npy", tmp_path / "two.npy"
    np.save(one, np.arange(3))
    np.save(two, np.zeros(2))
    exchange_files(one, two)
    assert np.load(one).tolist() == [0, 0] and np.load(two).tolist() == [0, 1, 2]
    edit_array(two, lambda values: values[1:] * 2)
    assert np.load(two).tolist() == [2, 4]
    set_entry(two, slice(1, None), 9)
    assert np.load(two).tolist() == [2, 9]
    text = tmp_path / "a.txt"
    text.write_text("μ and μ", encoding="utf-8")
    edit_text(text, "μ", "σ")
    assert text.read_text(encoding="utf-8") == "σ and σ"
    with pytest.raises(AssertionError, match=r"a\.txt does not hold 'μ'"):
        edit_text(text, "μ", "σ")
    savemat(tmp_path / "a.mat", {"x": np.eye(2), "y": np.ones((1, 3)), "z": np.zeros((1, 1))})
    edit_matlab(tmp_path / "a.mat", x=lambda x: 2 * x, y=None, w=np.ones((2, 1)))
    arrays = {name: array.tolist() for name, array in loadmat(tmp_path / "a.mat").items() if name[0] != "_"}
    assert arrays == {"x": [[2, 0], [0, 2]], "z": [[0]], "w": [[1], [1]]}


def test_bytes_in_the_format_of_mnist(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "images.gz", images)
    write_idx(tmp_path / "codes", np.array([7, 9], dtype=np.uint8))
    assert gzip.decompress((tmp_path / "images.gz").read_bytes()) == struct.pack(">4i", 2051, 2, 3, 4) + bytes(
        range(24)
    )
    assert (tmp_path / "codes").read_bytes() == struct.pack(">2i", 2049, 2) + bytes([7, 9])


# Metrics and sentences -----------------------------------------------------------------------------------------------


def test_rows_latents_and_labels_are_those_that_were_asked_for():
    rows = [{"measure": "a", "given": "x", "value": 1.0}, {"measure": "a", "given": "y", "value": 2.0}]
    assert row_value(rows, given="y") == 2.0 and matching_rows(rows, measure="a") == rows
    for fields, count in (({"measure": "a"}, 2), ({"given": "z"}, 0)):
        with pytest.raises(AssertionError, match=f"{count} rows have"):
            row_value(rows, **fields)
    data = toy_data(("vector", "counts"), rows=8)
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    means = torch.arange(2 * 4 * 3.0).reshape(2, 4, 3)
    set_latents(evaluation, "test", means)
    assert torch.equal(evaluation.latents("test").means, means)
    named = with_labels(
        data, lambda table, side: {"side": torch.full((len(table),), len(side))}, {"side": tuple("abcdef")}
    )
    assert [getattr(named, side).labels["side"].unique().tolist() for side in ("train", "val", "test")] == [
        [5],
        [3],
        [4],
    ]
    assert named.fingerprint != data.fingerprint and torch.equal(
        named.test.data["vector"][:], data.test.data["vector"][:]
    )


@pytest.mark.parametrize(
    ("text", "options", "complaint"),
    [
        ("There is no file a.csv.", {}, None),
        ("There is no file a.csv.", {"naming": "a.csv"}, None),
        ("There is no file a.csv.", {"naming": "b.csv"}, "'b.csv' is not named"),
        ("There is no file a.csv", {}, "this is no sentence"),
        ("There is no file a.csv; did you mean 'b.csv'?", {}, None),
        ("There is no file a.csv; did you mean 'b.csv'?.", {}, "this is no sentence"),
        ("There is no file\na.csv.", {}, "more than one line"),
        ("There is a file a.csv.", {}, "is not found in"),
        (None, {}, "there was no DataError; it should say 'no file'"),
    ],
)
def test_a_sentence_is_asked_for(text, options, complaint):
    def check():
        with raises_sentence("no file", mmgen.DataError, **options):
            if text is not None:
                raise mmgen.DataError(text)

    if complaint is None:
        check()
    else:
        with pytest.raises(AssertionError, match=complaint):
            check()
    with pytest.raises(mmgen.MmgenError, match="another class"), raises_sentence("no file", mmgen.DataError):
        raise mmgen.MmgenError("another class.")


# Fixtures -------------------------------------------------------------------------------------------------------------


def test_a_distribution_is_on_the_path_for_one_test(install, tmp_path):
    source = "from mmgen import Prior\n\nclass Mine(Prior):\n    '''Mine.'''\n"
    site = install("mmgen-plugin-x", {"mmgen.priors": {"mine": "mine_mod:Mine"}}, {"mine_mod": source}, version="2.5")
    assert [(e.distribution, e.version) for e in entries("priors") if e.name == "mine"] == [("mmgen-plugin-x", "2.5")]
    assert (site / "mine_mod.py").read_text() == source


def test_it_is_gone_after_it():
    assert not [entry for entry in entries("priors") if entry.name == "mine"]


def test_a_command_gives_its_exit_code_and_what_it_wrote_alone(command_line):
    print("earlier")
    code, out, err = command_line("list", "priors")
    assert code == 0 and "normal" in out and "earlier" not in out and not err
    code, out, err = command_line("info", 3)
    assert code == 2 and not out and "'3'" in err
