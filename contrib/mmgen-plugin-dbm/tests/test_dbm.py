"""The objective ``dbm``: what each layer learns from, training in stages, tags from images, and sentences for what does
not fit.
"""

import copy
import functools

import pytest
import torch
import yaml

from mmgen import (
    CountsModality,
    Data,
    MmgenError,
    MultimodalVAE,
    Provenance,
    Table,
    TagsModality,
    Trainer,
    VectorModality,
)
from mmgen.distributions import central_noise
from mmgen.testing import ObjectiveContract, ToyDataset, make_model, toy_data

KINDS = ("vector", "tags")
LAYERS = ("image1", "text1", "image2", "text2", "joint")
SIZES = {"image_hidden": (12, 8), "text_hidden": (12, 8)}


@functools.cache
def two_clusters():
    """A cluster of pictures has its four tags, now and then, and rarely one of the other's."""
    generator = torch.Generator().manual_seed(0)
    tables = []
    for rows in (300, 40, 200):
        side = torch.randint(2, (rows,), generator=generator)
        signs = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
        image = 2 * (2 * side[:, None] - 1) * signs + torch.randn(rows, 6, generator=generator)
        chance = torch.where((torch.arange(8) < 4) == (side[:, None] == 0), 0.6, 0.06)
        tags = (torch.rand(rows, 8, generator=generator) < chance).to(torch.uint8)
        tables.append(Table.of({"image": image, "tags": tags}, labels={"side": side}))
    modalities = {"image": VectorModality(shape=(6,)), "tags": TagsModality(shape=(8,))}
    return Data(
        "two", ToyDataset(), modalities, *tables, {"side": ("a", "b")}, Provenance("simulated", "Two clusters."), "two"
    )


def stages(epochs, **last):
    plan = [{"epochs": epochs, "train": [f"objective.{layer}"], "objective": {"layer": layer}} for layer in LAYERS]
    plan[-1] = {"train": ["objective.joint"], "objective": {"layer": "joint", **last}}
    return plan


@functools.cache
def trained():
    data = two_clusters()
    model = MultimodalVAE.create("dbm", data, latent_dim=8, **SIZES)
    before = tags_found(model, data)
    run = Trainer(epochs=6 * 6, batch_size=30, learning_rate=2e-2, stages=stages(6, cd_steps=2)).fit(model, data)
    return model, run, before


def tags_found(model, data):
    """Share of the four most probable tags given the picture that are the cluster's own; ½ by chance."""
    best = model.generate(data.test[:], ["image"], ["tags"])["tags"][0].topk(4).indices
    return float(((best < 4) == (data.test.labels["side"][:, None] == 0)).double().mean())


def test_tags_are_recovered_from_images_and_the_other_way_round():
    model, run, before = trained()
    data = two_clusters()
    assert before < 0.65
    assert tags_found(model, data) > 0.95
    rows = data.test[(data.test.data["tags"].sum(-1) > 0).nonzero().squeeze(1)]
    image = model.generate(rows, ["tags"], ["image"])["image"][0]
    assert float((image.sign() == rows.data["image"].sign()).double().mean()) > 0.9
    counts = data.train.data["tags"].sum(-1).double()
    assert float(model.objective.text1.words) == pytest.approx(float(counts[counts > 0].mean()))
    assert [record["stage"] for record in run.history] == [1 + min(epoch // 6, 4) for epoch in range(36)]
    for record in run.history:
        moving = [name for name in LAYERS if record["train"][name] != 0]
        assert moving == [LAYERS[record["stage"] - 1]], "the other machines stand still"


def test_only_the_layer_of_a_stage_learns():
    data = toy_data(KINDS)
    model = MultimodalVAE.create("dbm", data, latent_dim=4, **SIZES)
    before = {name: value.clone() for name, value in model.named_parameters()}
    plan = [
        {"epochs": 1, "objective": {"layer": "image1"}},
        {"train": ["objective.text2"], "objective": {"layer": "text2", "cd_steps": 2}},
    ]
    Trainer(epochs=2, batch_size=12, stages=plan).fit(model, data)
    changed = {name.split(".")[1] for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {"image1", "text2"}
    assert model.objective.config.layer == "all", "a stage's options end with it"


def test_microbatches_draw_the_noise_of_the_whole_batch():
    data, losses = toy_data(KINDS), []
    for parts in (1, 3):
        model = MultimodalVAE.create("dbm", data, latent_dim=4, **SIZES)
        run = Trainer(epochs=2, batch_size=12, learning_rate=1e-2, microbatches=parts).fit(model, data)
        losses.append([record["train"]["loss"] for record in run.history])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3, abs=1e-4)
    assert losses[0][0] != losses[0][1]


@pytest.mark.parametrize("layer", LAYERS)
def test_each_machine_learns_from_the_probabilities_below_it(layer):
    model = make_model("dbm", toy_data(KINDS), layer=layer, **SIZES)
    batch, objective = model.prepare(toy_data(KINDS).train[:12]), model.objective
    with torch.no_grad():
        for parameter in objective.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
        image, text = batch.data["vector"], batch.data["tags"]
        first = [torch.sigmoid(2 * (image @ objective.image1.weight + objective.image1.hidden_bias))]
        words = text.sum(-1, keepdim=True)
        first.append(torch.sigmoid(2 * (text @ objective.text1.weight + words * objective.text1.hidden_bias)))
        pairs = zip(first, (objective.image2, objective.text2))
        second = [torch.sigmoid(2 * (below @ machine.weight + machine.hidden_bias)) for below, machine in pairs]
    data = dict(zip(LAYERS, (image, text, *first, torch.cat(second, -1))))[layer]
    with central_noise():
        terms = model(batch)
        expected = -getattr(objective, layer).contrastive_divergence(data, 1)
    seen = torch.ones(12, dtype=torch.bool) if layer.startswith("image") else words[:, 0] > 0
    torch.testing.assert_close(terms.others[layer], torch.where(seen, expected, 0.0))
    assert terms.others[layer].abs().max() > 0
    assert all(name == layer or not value.any() for name, value in terms.others.items())
    assert not terms.log_likelihood.any()
    assert not terms.divergence.any()
    terms.value(1.0).sum().backward()
    assert {name.split(".")[0] for name, p in objective.named_parameters() if p.grad is not None} == {layer}


def test_rows_that_lack_a_modality_train_the_other_path():
    model = make_model("dbm", toy_data(KINDS), **SIZES)
    batch = toy_data(KINDS).train[:24]
    batch = batch[(batch.data["tags"].sum(-1) > 0).nonzero().squeeze(1)]
    available = torch.ones(len(batch), 2, dtype=torch.bool)
    available[0, 0] = available[1, 1] = False
    others = model(batch.restrict(available)).others
    for layer, missing in (("image1", {0}), ("image2", {0}), ("text1", {1}), ("text2", {1}), ("joint", {0, 1})):
        assert {row for row, value in enumerate(others[layer].tolist()) if value == 0} == missing


LEFT_OUT = {
    "test_the_likelihood_reaches_where_z_comes_from": "a Boltzmann machine is trained by differences of free "
    "energies; nothing is decoded while it learns"
}


class TestWithTags(ObjectiveContract):
    component = "dbm"
    skip = LEFT_OUT


class TestWithCounts(ObjectiveContract):
    component = "dbm"
    kinds = ("counts", "vector")
    skip = LEFT_OUT


def test_decoders_are_the_machine_itself():
    model, _, _ = trained()
    assert not any(name.startswith(("decoders", "likelihoods")) for name in model.state_dict())
    twin, batch = copy.deepcopy(model), two_clusters().test[:5]
    with torch.no_grad():
        twin.objective.text1.visible_bias[0] += 5
    one, other = (each.generate(batch, ["image"])["tags"] for each in (model, twin))
    assert (other[..., 0] > one[..., 0]).all(), "decoders of a copy are the copy's"


def test_counts_are_generated_as_counts():
    data = toy_data(("vector", "counts"))
    model = MultimodalVAE.create("dbm", data, latent_dim=4, **SIZES)
    model.objective.text1.words.fill_(7.0)
    got = model.generate(data.test[:5])["counts"]
    torch.testing.assert_close(got.sum(-1), torch.full((1, 5), 7.0))
    drawn = model.generate(data.test[:5], draw=True)["counts"]
    assert (drawn.sum(-1) == 7).all()
    assert torch.equal(drawn, drawn.round())


def data_of(**modalities):
    rows = {name: torch.zeros(6, *modality.shape) for name, modality in modalities.items()}
    table = Table.of(rows)
    return Data("some", ToyDataset(), modalities, table, table, table, {}, Provenance("simulated", "Nothing."), "some")


NUMBERS, TAGS, COUNTS = VectorModality(shape=(3,)), TagsModality(shape=(4,)), CountsModality(shape=(2,))


def test_what_does_not_fit_is_said():
    for data, options, sentence in (
        (
            data_of(x=TAGS),
            {},
            r"^The image path of the objective 'dbm' takes a vector, and there is no such modality among x\.$",
        ),
        (
            data_of(x=NUMBERS),
            {},
            r"^The text path of the objective 'dbm' takes tags or counts, and there is no such modality among x\.$",
        ),
        (
            data_of(x=NUMBERS, y=NUMBERS, t=TAGS),
            {},
            r"takes one modality, and x, y could be it; name one with objective\.image\.$",
        ),
        (
            data_of(x=NUMBERS, t=TAGS, u=TAGS),
            {},
            r"takes one modality, and t, u could be it; name one with objective\.text\.$",
        ),
        (
            data_of(x=NUMBERS, t=TAGS),
            {"image": "t"},
            r"^objective\.image: .* takes a vector, and 't' is a TagsModality\.$",
        ),
        (
            data_of(x=NUMBERS, t=TAGS),
            {"text": "words"},
            r"^objective\.text: there is no modality 'words'; there are x, t\.$",
        ),
        (data_of(x=NUMBERS, t=TAGS), {"layer": "text3"}, r"objective\.layer"),
        (data_of(x=NUMBERS, t=TAGS), {"image_hidden": (3,)}, r"objective\.image_hidden"),
    ):
        with pytest.raises(MmgenError, match=sentence):
            MultimodalVAE.create("dbm", data, **options)


def test_modalities_can_be_named_and_the_rest_is_left_alone():
    data = data_of(x=NUMBERS, y=NUMBERS, t=TAGS, c=COUNTS)
    model = MultimodalVAE.create("dbm", data, image="y", text="c")
    assert model.decoder_sizes == {"y": 64, "c": 64}
    assert MultimodalVAE.create("dbm", data, image="y").objective.sides == ("y", "t"), "tags before counts"
    with pytest.raises(MmgenError, match="infers nothing from x alone"):
        model.encode(data.test[:2], ["x"])
    with pytest.raises(MmgenError, match="does not generate 't'"):
        model.generate(data.test[:2], ["y"], ["t"])
    with pytest.raises(MmgenError, match="no prior to generate from"):
        model.generate(samples=2)


def test_a_stage_that_trains_another_part_is_refused():
    data = toy_data(KINDS)
    model = MultimodalVAE.create("dbm", data, latent_dim=4, **SIZES)
    for stage, sentence in (
        (
            {"train": ["objective.text2"], "objective": {"layer": "image2"}},
            r"layer is 'image2' .* its parameters are objective\.image2\.$",
        ),
        (
            {"objective": {"sweeps": 3}},
            r"cannot change its option 'sweeps' between stages; it can change layer, cd_steps",
        ),
        ({"train": ["decoders"]}, r"the model has no part 'decoders' that could learn"),
    ):
        with pytest.raises(MmgenError, match=sentence):
            Trainer(epochs=1, batch_size=12, stages=[stage]).fit(model, data)


@pytest.mark.parametrize("scale", ["desk", "paper"])
def test_recipes_train_every_layer_from_the_bottom_to_the_top(scale):
    pytest.importorskip("mmgen_plugin_mirflickr")
    from mmgen.registry import recipes
    from mmgen.runs import TrainingConfig, layered

    name = f"dbm-mirflickr-{scale}"
    config = layered(recipe=name)
    training = TrainingConfig.model_validate(config["training"])
    order = [stage.objective["layer"] for stage in training.stages]
    assert list(dict.fromkeys(order)) == list(LAYERS)
    assert all(stage.train == (f"objective.{stage.objective['layer']}",) for stage in training.stages)
    assert yaml.safe_load(recipes()[name].read_text())["scale"] == scale
