"""A modality that keeps its own latents is decoded and judged once for all subsets that it is in."""

from collections import Counter

import pytest
import torch

from mmgen.evaluation import Evaluation
from mmgen.evaluation.coherence import Coherence
from mmgen.evaluation.judges import Judges
from mmgen.evaluation.pairs import judgements
from mmgen.models import MultimodalVAE
from mmgen.testing import make_model, toy_data


class Everything:
    """Keeps all of every pair."""

    reads_likelihood = True
    sampler = None

    def wants(self, evaluation, pair):
        return True

    def judge(self, evaluation, generation):
        return generation


@pytest.mark.parametrize(("aggregator", "per_target"), [("none", 1 + 3), ("poe", 7)])
def test_each_pair_is_what_it_is_by_itself(monkeypatch, aggregator, per_target):
    data = toy_data(missing=0.3)
    model = make_model("elbo", data, aggregator=aggregator)
    asked, judged = Counter(), Counter()
    decode, verdicts = MultimodalVAE.decode, Judges.verdicts

    def decoded(self, z, target):
        asked[target] += 1
        return decode(self, z, target)

    def said(self, target, values):
        judged[target] += 1
        return verdicts(self, target, values)

    evaluation = Evaluation(model, data, split="train")
    monkeypatch.setattr(MultimodalVAE, "decode", decoded)
    monkeypatch.setattr(Judges, "verdicts", said)
    coherence = Coherence(Coherence.Config(classifier_steps=2, given=True))
    kept, words = judgements(evaluation, [Everything(), coherence])
    monkeypatch.undo()
    assert asked == dict.fromkeys(model.modalities, per_target)
    assert all(judged[name] in (0, per_target, per_target + 1) for name in model.modalities), "one from the prior"
    assert sum(judged.values())
    for (given, target), found in kept.items():
        if not given:
            continue
        alone = evaluation.generation(given, target)
        assert (found.given, found.target) == (given, target)
        for name in ("values", "truth", "log_likelihood", "complete", "has_target"):
            assert torch.equal(getattr(found, name), getattr(alone, name)), name
        if (given, target) in words:
            own = coherence.judge(evaluation, alone)
            assert all((words[given, target][label] == own[label]).all() for label in own)
