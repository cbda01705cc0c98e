"""``dataset.missing_rate``: which values rows lose, and what stays as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgen import DataError, DatasetConfig, MmgenError, Provenance, Splits, Table, VectorModality
from mmgen.data import Identity, missing
from mmgen.data.loading import make_dataset, open_dataset
from mmgen.options import validated

NAMES = ("a", "b", "c")


def splits(rows=4000, lacking=0.0, classes=4):
    draw = np.random.default_rng(1)

    def table(count):
        available = draw.random((count, 3)) >= lacking
        data = {name: torch.from_numpy(draw.normal(size=(count, 2))) for name in NAMES}
        codes = torch.from_numpy(draw.integers(-1 if lacking else 0, classes, count))
        answers = torch.zeros(count, 2, dtype=torch.int64)
        return Table.of(data, available=torch.from_numpy(available), labels={"kind": codes, "answers": answers})

    labels = {"kind": tuple("wxyz"[:classes]), "answers": ("p", "q")}
    return Splits(table(rows), table(rows), table(rows), Provenance("simulated", "Noise."), labels)


def config(**options):
    return validated(DatasetConfig, options, "dataset")


MODALITIES = {name: VectorModality(shape=(2,)) for name in NAMES}


def withhold(made, options):
    """The training and validation rows that are left, and what is said."""
    return missing.withhold(made, MODALITIES, options)


def lost(before, after):
    return (before.available & ~after.available).double()


def test_a_rate_is_a_rate_in_training_and_validation_and_test_keeps_everything():
    made = splits()
    tables, said = withhold(made, config(missing_rate=0.3))
    assert set(tables) == {"train", "val"}
    for side, table in tables.items():
        expected = 0.3 - 0.3**3 / 3  # of three values, one is kept where all would be lost
        assert abs(lost(getattr(made, side), table).mean() - expected) < 0.02
        assert table.available.any(-1).all()
        for name in NAMES:
            assert table.data[name] is getattr(made, side).data[name]
    share = sum(float(lost(getattr(made, side), table).sum()) for side, table in tables.items()) / 24000
    assert said == f"{share:.1%} of the values of training and validation rows withheld"


def test_the_same_seed_loses_the_same_and_a_higher_rate_more():
    made = splits()
    masks = {rate: withhold(made, config(missing_rate=rate))[0]["train"].available for rate in (0.1, 0.4)}
    assert torch.equal(masks[0.4], withhold(made, config(missing_rate=0.4))[0]["train"].available)
    assert not torch.equal(masks[0.4], withhold(made, config(missing_rate=0.4, missing_seed=1))[0]["train"].available)
    whole = (masks[0.4] | masks[0.1]) == masks[0.1]
    rescued = masks[0.4].sum(-1) == 1
    assert whole[~rescued].all()
    assert not torch.equal(masks[0.1], masks[0.4])


def test_rates_by_modality():
    tables, _ = withhold(splits(), config(missing_rate={"b": 0.5}))
    shares = 1 - tables["train"].available.double().mean(0)
    assert shares[0] == shares[2] == 0
    assert abs(shares[1] - 0.5) < 0.03


def test_a_label_decides_how_much_is_lost():
    made = splits(classes=3)
    tables, said = withhold(made, config(missing_rate=0.2, missing_by="kind"))
    gone = lost(made.train, tables["train"]).mean(-1)
    shares = [float(gone[made.train.labels["kind"] == code].mean()) for code in range(3)]
    assert shares[0] == 0
    assert abs(shares[1] - 0.2) < 0.03 and abs(shares[2] - 0.4) < 0.04
    assert said.endswith("withheld, by kind")


def test_what_is_missing_already_stays_missing_and_no_row_loses_its_last():
    made = splits(lacking=0.6)
    tables, _ = withhold(made, config(missing_rate=0.9, missing_by=None))
    table = tables["train"]
    assert not (table.available & ~made.train.available).any()
    assert torch.equal(table.available.any(-1), made.train.available.any(-1))
    assert not made.train.available.any(-1).all()


def test_a_rescued_value_is_any_of_them():
    tables, _ = withhold(splits(), config(missing_rate=0.99))
    alone = tables["train"].available[tables["train"].available.sum(-1) == 1].double().mean(0)
    assert ((alone - 1 / 3).abs() < 0.05).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"missing_rate": {"d": 0.1}}, r"dataset\.missing_rate: there is no modality 'd'; there are a, b, c"),
        (
            {"missing_rate": 0.1, "missing_by": "kin"},
            r"dataset\.missing_by: there is no label 'kin' .*there are kind.*did you mean 'kind'",
        ),
        ({"missing_rate": 0.1, "missing_by": "answers"}, r"no label 'answers' of one class per row"),
        ({"missing_rate": 0.6, "missing_by": "kind"}, r"at most 0\.5, not 0\.6"),
    ],
)
def test_mistakes_end_in_a_sentence(options, said):
    with pytest.raises(DataError, match=said):
        withhold(splits(rows=50), config(**options))


def test_rows_that_lose_something_are_still_known():
    whole = splits(rows=20)
    identity = Identity(torch.arange(20)[:, None], torch.zeros(20, dtype=torch.int64))
    made = replace(whole, train=replace(whole.train, identity=identity))
    assert withhold(made, config(missing_rate=0.5))[0]["train"].identity is identity


@pytest.mark.parametrize("rate", [1.0, -0.1, "much", {"a": 2}])
def test_rates_are_shares(rate):
    with pytest.raises(MmgenError, match=r"dataset\.missing_rate"):
        config(missing_rate=rate)


def test_prepared_data_and_judges_do_not_depend_on_it():
    whole = open_dataset("mfeat", make_dataset("mfeat", {}))
    part = open_dataset("mfeat", make_dataset("mfeat", {"missing_rate": 0.5}))
    assert whole.fingerprint == part.fingerprint
    assert torch.equal(part.complete["train"].available, whole.train.available)
    assert not torch.equal(part.train.available, whole.train.available)
    assert torch.equal(part.test.available, whole.test.available)
    assert part.provenance.summary.endswith("withheld") and "withheld" not in whole.provenance.summary
