"""Objectives without an aggregator or a prior: how they are declared, described and refused."""

import pytest

from mmgen import MmgenError, MultimodalVAE
from mmgen.models import ELBO
from mmgen.testing import make_model, toy_data


def test_an_objective_that_aggregates_nothing_defines_its_posterior():
    with pytest.raises(MmgenError, match="Nothing declares no aggregator; define its posterior, or declare one"):
        type("Nothing", (ELBO,), {"aggregator": None})


@pytest.mark.parametrize(
    ("objective", "chosen", "sentence"),
    [
        ("cca", {"aggregator": "moe"}, "The objective 'cca' aggregates nothing; leave the aggregator out."),
        (
            "joint",
            {"aggregator": {"name": "poe"}},
            "The objective 'joint' aggregates nothing; leave the aggregator out.",
        ),
        ("cca", {"prior": "normal"}, "The objective 'cca' has no prior; leave the prior out."),
    ],
)
def test_what_an_objective_has_not_cannot_be_asked_for(objective, chosen, sentence):
    with pytest.raises(MmgenError) as error:
        MultimodalVAE.create(objective, toy_data(("vector", "counts")), latent_dim=2, **chosen)
    assert str(error.value) == sentence


def test_a_description_has_no_section_of_what_an_objective_has_not():
    data = toy_data(("vector", "counts"))
    model = MultimodalVAE.create("cca", data, latent_dim=2)
    assert not {"aggregator", "prior"} & set(model.description)
    again = MultimodalVAE.rebuild(model.description)
    assert again.objective.aggregate is None and again.objective.prior_for is None and again.objective.shared
    joint = MultimodalVAE.create("joint", data, latent_dim=2)
    assert "aggregator" not in joint.description and joint.description["prior"] == {"name": "normal"}
    with pytest.raises(MmgenError, match="'cca' has no prior to generate from"):
        model.sample_prior(3)


def test_pseudo_inputs_need_an_aggregator():
    kind = type("Alone", (ELBO,), {"aggregator": None, "posterior": lambda self, *inputs: None})
    with pytest.raises(MmgenError, match="made of aggregated posteriors, and this objective aggregates nothing"):
        make_model(kind, toy_data(("vector",)), prior="vamp")
