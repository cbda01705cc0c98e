"""A test of the contracts: faults seeded into copies of real components, each caught by the check that is meant for it;
the unfaulted copies pass.
"""

import math
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from pydantic import Field

from mmgen.data import DatasetConfig, Folder, Provenance, Splits, Table, VectorModality, make_likelihood
from mmgen.data.own_table import OwnTable
from mmgen.data.own_table.array_file import NpzFile
from mmgen.data.own_table.csv_file import CsvColumns, TsvColumns
from mmgen.data.own_table.parquet_file import ParquetColumns
from mmgen.data.own_table.toy import toy_options
from mmgen.data.transforms import CentredLogRatio, Log1p, Standardise, Transform
from mmgen.distributions import (
    Gaussian,
    Likelihood,
    Mixture,
    Pushed,
    kl_gaussians,
    mixture_of_experts,
    product_of_experts,
    standard_normal,
    weighted_product,
)
from mmgen.distributions.likelihoods import Laplace, LogNormal, Normal, Poisson, ScaleConfig, StudentT
from mmgen.errors import DataError
from mmgen.evaluation import Metric, row
from mmgen.models import ELBO, Terms
from mmgen.models.aggregators import MixtureOfExperts, ProductOfExperts
from mmgen.models.flows import FlowAggregator, FlowPrior
from mmgen.models.priors import MixtureOfPosteriors, ScaledNormal, VampPrior
from mmgen.models.samplers import GaussianMixtureSampler, PriorSampler
from mmgen.models.weighted_aggregators import WeightedProduct
from mmgen.networks import Encoder, MLPTrunk
from mmgen.testing import (
    AggregatorContract,
    DatasetContract,
    FormatContract,
    LikelihoodContract,
    MetricContract,
    ModalityContract,
    ObjectiveContract,
    PriorContract,
    SamplerContract,
    ToyDataset,
)

# Objectives: the ELBO with a product of experts, in steps that a fault can take the place of --------------------------


class Copy(ELBO):
    def terms(self, model, batch):
        q = self.joint(self.experts(model, batch), self.seen(batch))
        z = self.latents(q)
        likelihood = self.likelihood(model, z, batch)
        return Terms(likelihood, self.divergence(model, q))

    def experts(self, model, batch):
        return model.experts(batch)

    def seen(self, batch):
        return batch.available

    def joint(self, experts, given):
        return self.aggregate(experts, given).components[0]

    def latents(self, q):
        return q.rsample()

    def likelihood(self, model, z, batch):
        return model.log_likelihood(z, batch)

    def divergence(self, model, q):
        return kl_gaussians(q, self.prior_for(model, q[None], torch.ones(len(q.mean), 1, dtype=torch.bool)))


class PriorIgnored(Copy):
    def divergence(self, model, q):
        return kl_gaussians(q, standard_normal(q))


class AggregatorIgnored(Copy):
    def joint(self, experts, given):
        return product_of_experts(experts, given, prior=True)

    def posterior(self, model, batch, experts, given):
        return Mixture.of(product_of_experts(experts, given, prior=True))


class PriorFromNowhere(PriorIgnored):
    prior = None

    def infers(self, model, given):
        return True


class ReversedKL(Copy):
    def divergence(self, model, q):
        return kl_gaussians(standard_normal(q), q)


class MaskIgnored(Copy):
    def seen(self, batch):
        return torch.ones_like(batch.available)


class Opposed(Copy):
    """With an adversary that tells z of rows from z of the prior."""

    bound = None

    def build(self, model):
        self.adversary = torch.nn.Linear(model.config.latent_dim, 1)

    def says(self, z):
        return torch.nn.functional.logsigmoid(self.adversary(z)).squeeze(-1)

    def drawn(self, model, batch):
        return self.latents(self.joint(model.experts(batch), batch.available))

    def terms(self, model, batch):
        terms = super().terms(model, batch)
        return replace(terms, others={"fooling": self.says(self.drawn(model, batch))})

    def adversary_terms(self, model, batch):
        z = self.drawn(model, batch)
        return self.says(torch.zeros_like(z)) - self.says(z)


class AdversaryUnasked(Opposed):
    def terms(self, model, batch):
        return Copy.terms(self, model, batch)


class AdversaryOfOne(Opposed):
    def adversary_terms(self, model, batch):
        return super().adversary_terms(model, batch).mean()[None]


class AdversaryDetached(Opposed):
    def adversary_terms(self, model, batch):
        return super().adversary_terms(model, batch).detach() + self.adversary.bias


class EncodersSeePlaceholders(Copy):
    def experts(self, model, batch):
        return model.encode_each([batch.data[name] for name in model.modalities])


class EncodersSeeZeros(Copy):
    def experts(self, model, batch):
        return model.encode_each(list(batch.restrict(batch.available).data.values()))


class DecodersSeePlaceholders(Copy):
    def likelihood(self, model, z, batch):
        each = [
            weight * likelihood.log_prob(model.decode(z, name), batch.data[name])
            for weight, likelihood, name in zip(model.likelihood_weights, model.likelihoods, model.modalities)
        ]
        return torch.stack(each).where(batch.available.T, 0.0)


class DecodersRunOnEverything(Copy):
    def likelihood(self, model, z, batch):
        return DecodersSeePlaceholders.likelihood(self, model, z, batch.restrict(batch.available))


class EmptyCellsScored(Copy):
    def likelihood(self, model, z, batch):
        return model.log_likelihood(z, replace(batch, observed={}))


class NothingTold(Copy):
    def terms(self, model, batch):
        return super().terms(model, replace(batch, told=None if batch.told is None else torch.zeros_like(batch.told)))

    def posterior(self, model, batch, experts, given):
        return super().posterior(model, batch, experts.map(torch.zeros_like), given)


class PrivateHeadsDetached(Copy):
    def private_posterior(self, model, head, name):
        return super().private_posterior(model, head.map(torch.Tensor.detach), name)


class MeanOverModalities(Copy):
    def likelihood(self, model, z, batch):
        return super().likelihood(model, z, batch) / len(model.modalities)


class MeanOverLatents(Copy):
    def divergence(self, model, q):
        return super().divergence(model, q) / q.mean.shape[-1]


class TwoBounds(Copy):
    """Below the evidence where that is below 0."""

    def likelihood(self, model, z, batch):
        return 2 * super().likelihood(model, z, batch)

    def divergence(self, model, q):
        return 2 * super().divergence(model, q)


class DetachedLatents(Copy):
    def latents(self, q):
        return q.rsample().detach()


class DetachedExpert(Copy):
    def experts(self, model, batch):
        return super().experts(model, batch).map(lambda value: torch.cat([value[:1].detach(), value[1:]]))


class BatchStatistics(Copy):
    def latents(self, q):
        return super().latents(q) - q.mean.mean(0)


class BatchStatisticsInTraining(BatchStatistics):
    def latents(self, q):
        return super().latents(q) if self.training else Copy.latents(self, q)


class EverythingAtTest(Copy):
    def posterior(self, model, batch, experts, given):
        return self.aggregate.infer(experts, batch.available.expand_as(given))


class NothingAtTest(Copy):
    def posterior(self, model, batch, experts, given):
        return self.aggregate.infer(experts, torch.zeros_like(given))


class DrawnAtTest(Copy):
    def posterior(self, model, batch, experts, given):
        q = super().posterior(model, batch, experts, given)
        return Mixture(Gaussian(q.components.rsample(), q.components.log_variance), q.log_weights)


class NumPyNoise(Copy):
    def latents(self, q):
        return q.mean + q.scale * torch.from_numpy(np.random.standard_normal(q.mean.shape))  # noqa: NPY002


class UnseededNoise(Copy):
    def latents(self, q):
        return q.mean + q.scale * torch.from_numpy(np.random.default_rng().standard_normal(q.mean.shape))


class NoNoise(Copy):
    def latents(self, q):
        return q.mean


class BetaTwice(Copy):
    def divergence(self, model, q):
        return model.config.beta * super().divergence(model, q)


class WeightsForgotten(Copy):
    def likelihood(self, model, z, batch):
        each = [
            model.likelihoods[m].log_prob(model.decode(z, name), batch.data[name])
            for m, name in enumerate(model.modalities)
        ]
        return torch.stack(each).where(batch.available.T, 0.0)


class ValueInTheOrder(Copy):
    def likelihood(self, model, z, batch):
        return super().likelihood(model, z, batch) * torch.tensor([3.0, 2.0, 1.0])[:, None]


class LostOnSaving(Copy):
    def build(self, model):
        self.factor = torch.rand(())

    def divergence(self, model, q):
        return super().divergence(model, q) * self.factor


class RemembersTheLastStep(Copy):
    """A baseline that is kept beside the model."""

    usual = 0.0

    def terms(self, model, batch):
        terms = super().terms(model, batch)
        value, self.usual = terms.divergence * (1 + self.usual), terms.divergence.detach().mean() / 100
        return Terms(terms.log_likelihood, value)


class HardClamp(Copy):
    def experts(self, model, batch):
        experts = super().experts(model, batch)
        return Gaussian(experts.mean, experts.log_variance.clamp(-10, 10))


class SquaresForLikelihoods(Copy):
    def build(self, model):
        model.likelihoods[0] = WithoutConstant(model.likelihoods[0].shape)


# Aggregators ----------------------------------------------------------------------------------------------------------


class PriorExpertForgotten(ProductOfExperts):
    def forward(self, experts, given):
        return Mixture.of(product_of_experts(experts, given, prior=False))


class SaysItMixes(ProductOfExperts):
    mixes = True


class SaysItDoesNotMix(MixtureOfExperts):
    mixes = False


class WeightsOfAll(MixtureOfExperts):
    def forward(self, experts, given):
        mixture = super().forward(experts, given)
        return Mixture(
            mixture.components,
            torch.where(mixture.log_weights.isfinite(), -torch.tensor(float(given.shape[-1])).log(), -torch.inf),
        )


class AbsentExpertsRead(MixtureOfExperts):
    def forward(self, experts, given):
        everything = given | given.any(-1, keepdim=True)
        return mixture_of_experts(experts, everything)


class FirstExpertDetached(ProductOfExperts):
    def forward(self, experts, given):
        first = experts.map(lambda value: torch.cat([value[:1].detach(), value[1:]]))
        return super().forward(first, given)


class OverTheBatch(ProductOfExperts):
    def forward(self, experts, given):
        q = super().forward(experts, given).components[..., 0, :, :]
        return Mixture.of(
            Gaussian(q.mean - q.mean.mean(-2, keepdim=True) * given.any(-1, keepdim=True), q.log_variance)
        )


class WrongDeterminant(ProductOfExperts):
    def forward(self, experts, given):
        q = super().forward(experts, given)
        twice = torch.full_like(q.components.mean, math.log(2))
        return Mixture(Pushed(q.components, Twice(), twice, given.any(-1)[..., None, :, None]), q.log_weights)


class Twice:
    def push(self, u, context):
        return u * context.exp(), context.sum(-1)

    def pull(self, z, context):
        return z / context.exp(), 0 * context.sum(-1)  # its logarithm is forgotten


class WeightsDetached(WeightedProduct):
    def forward(self, experts, given):
        return Mixture.of(weighted_product(experts, given, self.logits.detach()))


# Priors ---------------------------------------------------------------------------------------------------------------


class NotDivided(VampPrior):
    def forward(self, model, experts, given):
        found = super().forward(model, experts, given)
        return Mixture(found.components, torch.zeros_like(found.log_weights))


class SaysItIsFixed(MixtureOfPosteriors):
    dynamic = False


class SaysItIsDynamic(ScaledNormal):
    dynamic = True


class StretchedFlow(FlowPrior):
    def forward(self, model, experts, given):
        found = super().forward(model, experts, given)
        return Pushed(found, Twice(), torch.full_like(experts.mean[0], math.log(2)))


class ScaleDetached(ScaledNormal):
    def forward(self, model, experts, given):
        return super().forward(model, experts, given).map(torch.detach)


class MaskOfThePriorIgnored(MixtureOfPosteriors):
    def forward(self, model, experts, given):
        return mixture_of_experts(experts, torch.ones_like(given))


# Modalities -----------------------------------------------------------------------------------------------------------


class WithoutConstant(Normal):
    def pointwise(self, parameters, x):
        return -0.5 * (x - self.mean(parameters)).square()


class MeanOverValues(Normal):
    def log_prob(self, parameters, x, observed=None):
        return super().log_prob(parameters, x, observed) / self.shape[0]


class WideSamples(Normal):
    def sample(self, parameters):
        return self.mean(parameters) + 1.5 * torch.randn_like(self.mean(parameters))


class Softplus(Likelihood):  # a Bernoulli whose second outcome has the probability of the first
    discrete = True

    def pointwise(self, parameters, x):
        return -torch.nn.functional.softplus(self.output(parameters, 0) + 1)

    def mean(self, parameters):
        return self.output(parameters, 0).sigmoid()

    def sample(self, parameters):
        return torch.bernoulli(self.mean(parameters))


class ScaleForgotten(Normal):  # right as long as the scale is 1
    def pointwise(self, parameters, x):
        return super().pointwise(parameters, x) + self.spread(parameters)

    def log_prob(self, parameters, x, observed=None):
        return self.total(self.pointwise(parameters, x))


class SquaresAsAnOption(VectorModality):
    """Normalised unless an option asks for something else."""

    def make_likelihood(self):
        return WithoutConstant(self.shape) if self.likelihood.name == "squared-error" else super().make_likelihood()


class ScaleForgottenAsAnOption(VectorModality):
    def make_likelihood(self):
        return (
            ScaleForgotten(self.shape, ScaleConfig(scale=self.likelihood.scale))
            if self.likelihood.name == "normal"
            else super().make_likelihood()
        )


PREDICTED = ScaleConfig(scale_kind="predicted")


class HardScale(Normal):
    def spread(self, parameters):
        return self.output(parameters, 1).clamp(-7, 7)


class LogOfWhatIsHeld(LogNormal):  # log 0 of a cell that is not observed, and where a row lacks the modality
    def pointwise(self, parameters, x):
        return Normal.pointwise(self, parameters, x.log()) - x.log()

    def filled(self, x, observed):
        return torch.where(observed, x, torch.zeros_like(x))


class MaskForgotten(Normal):
    def log_prob(self, parameters, x, observed=None):
        return super().log_prob(parameters, x)


class SaysItIsPositive(Normal):
    support = "positive"


class VarianceWithoutSquare(Normal):
    def variance(self, parameters):
        return (2 * super().variance(parameters)).sqrt()


class LogOfTheScale(Normal):
    def normal_scale(self, parameters):
        return self.spread(parameters).expand_as(self.mean(parameters))


class MedianForAll(Laplace):
    def quantile(self, parameters, p):
        return self.mean(parameters)


class HardRate(Poisson):
    def log_mean(self, parameters, exposure=None):
        return self.output(parameters, 0).clamp(-5, 5)


class SingleGammas(StudentT):  # the constant is wrong for every number of degrees of freedom but one
    def pointwise(self, parameters, x):
        return super().pointwise(parameters, x) + 0.05 * (self.degrees - 4).to(x.dtype)


class HardEncoder(Encoder):
    def forward(self, x):
        mean, log_variance = super().forward(x)
        return mean, log_variance.clamp(-10, 10)


class HardSpread(VectorModality):
    def encoder(self, latent_dim):
        return HardEncoder(self.trunk(latent_dim), latent_dim)


def vector_with(likelihood):
    class Vector(VectorModality):
        def make_likelihood(self):
            return likelihood(self.shape)

    return Vector


class MeanForgotten(Standardise):
    def inverse(self, values):
        return self.scale * values


class WrongInverse(VectorModality):
    def make_transform(self):
        return MeanForgotten(self.shape)


class ExpForgotten(Log1p):
    def inverse(self, values):
        return self.mean + self.scale * values


class LogsAreWritten(VectorModality):
    def make_transform(self):
        return ExpForgotten(self.shape) if self.transform == "log1p" else super().make_transform()


class CentreOfEverything(CentredLogRatio):
    def forward(self, values, observed=None):
        return super().forward(values)


class GapsMoveTheCentre(VectorModality):
    def make_transform(self):
        return CentreOfEverything(self.shape) if self.transform == "clr" else super().make_transform()


class MeansForNetworks(VectorModality):
    def make_transform(self):
        return MeansNotTurnedBack(self.shape) if self.transform == "log1p" else super().make_transform()


class MeansNotTurnedBack(Log1p):
    def mean_of(self, likelihood, parameters):
        return likelihood.mean(parameters)


class UnitLength(MLPTrunk):
    def forward(self, x):
        return super().forward(x / x.norm(dim=-1, keepdim=True))


class NoRowOfZeros(VectorModality):
    def trunk(self, latent_dim):
        return UnitLength(self.shape, (8,))


class GuessForNetworks(VectorModality):
    def make_transform(self):
        return WrongUnits()

    def guess(self, values):
        return WrongUnits()(values).mean(0)


class WrongUnits(Transform):
    def forward(self, values, observed=None):
        return values / 2

    def inverse(self, values):
        return 2 * values


class OneNameTooMany(VectorModality):
    def value_names(self, name):
        return [*super().value_names(name), "another"]


class ArrangedWithAnAxisMore(VectorModality):
    @classmethod
    def arranged(cls, values, fields):
        return values[:, None]


class EndingsWithoutAReader(VectorModality):
    file_endings = (".dat",)


class CellsWithoutTheirOffset(VectorModality):
    def in_source_units(self, values):
        return values + 1000


# Datasets -------------------------------------------------------------------------------------------------------------


class Honest(ToyDataset):
    """Rows with groups that are on one side."""

    def splits(self):
        tables, start = [], 0
        for table in vars(super().splits()).values():
            if isinstance(table, Table):
                numbers = torch.arange(start, start + len(table))
                tables.append(Table(table.data, table.available, table.labels, numbers, numbers // 2))
                start += len(table)
        return self.sides(*tables)

    def sides(self, train, val, test):
        return Splits(train, val, test, Provenance("simulated", "A toy."), {"class": ("x", "y", "z")})


class Leaking(Honest):
    def sides(self, train, val, test):
        return super().sides(train, val, Table.concatenate([test, train.select(torch.arange(4))]))


class UnseededRows(Honest):
    def sides(self, train, val, test):
        train.data["vector"].add_(torch.randn(()))
        return super().sides(train, val, test)


class UndeclaredClass(Honest):
    def sides(self, train, val, test):
        test.labels["class"][0] = 3
        return super().sides(train, val, test)


class OtherShape(Honest):
    def sides(self, train, val, test):
        data = {**train.data, "vector": train.data["vector"][:, :4]}
        return super().sides(Table(data, train.available, train.labels, train.rows, train.groups), val, test)


class WithGaps(Honest):
    """Rows some of whose cells are empty, and which have covariates."""

    def modalities(self):
        return {
            name: modality.model_copy(update={"missing": "cell"} if name == "vector" else {})
            for name, modality in super().modalities().items()
        }

    def sides(self, *tables):
        made = [replace(table, **self.more(table)) for table in tables]
        return replace(super().sides(*made), covariates={"site": ("north", "south"), "age": ()})

    def more(self, table):
        rows = torch.arange(len(table))
        cells = (rows[:, None] + torch.arange(5)) % 4 > 0
        data = {**table.data, "vector": table.data["vector"] * cells}
        age = (50 + rows / 3).where(rows % 5 > 0, torch.nan)
        return {"data": data, "observed": {"vector": cells}, "covariates": {"site": rows % 3 - 1, "age": age}}


class HidesValues(WithGaps):
    def more(self, table):
        return {**super().more(table), "data": table.data}


class NothingObserved(WithGaps):
    def more(self, table):
        more = super().more(table)
        cells = more["observed"]["vector"] & (torch.arange(len(table)) > 0)[:, None]
        data = {**table.data, "vector": more["data"]["vector"] * cells}
        return {**more, "data": data, "observed": {"vector": cells}}


class MaskOfRows(WithGaps):
    def more(self, table):
        more = super().more(table)
        return {**more, "observed": {"vector": more["observed"]["vector"].any(1, keepdim=True)}}


class MaskOfNumbers(WithGaps):
    def more(self, table):
        more = super().more(table)
        return {**more, "observed": {"vector": more["observed"]["vector"].to(torch.uint8)}}


class GapsUnannounced(WithGaps):
    def modalities(self):
        return Honest.modalities(self)


class CovariateUndeclared(WithGaps):
    def sides(self, *tables):
        return replace(super().sides(*tables), covariates={"age": ()})


class CovariateOutOfRange(WithGaps):
    def more(self, table):
        more = super().more(table)
        return {**more, "covariates": {**more["covariates"], "site": more["covariates"]["site"] + 1}}


class CovariateOfInfinity(WithGaps):
    def more(self, table):
        more = super().more(table)
        return {**more, "covariates": {**more["covariates"], "age": 1 / torch.arange(len(table))}}


class CovariateOfCodes(WithGaps):
    def more(self, table):
        more = super().more(table)
        return {**more, "covariates": {**more["covariates"], "age": more["covariates"]["age"].nan_to_num().long()}}


class UnseededGaps(WithGaps):
    def more(self, table):
        more = super().more(table)
        cells = more["observed"]["vector"].roll(int(torch.randint(1, 4, ())), 0)
        data = {**table.data, "vector": table.data["vector"] * cells}
        return {**more, "data": data, "observed": {"vector": cells}}


class UnseededCovariates(WithGaps):
    def more(self, table):
        more = super().more(table)
        return {**more, "covariates": {**more["covariates"], "age": torch.rand(len(table))}}


class Told(OwnTable):
    """One's own table with columns that are covariates."""

    @classmethod
    def toy(cls):
        return cls(cls.Config.model_validate({**toy_options(), "covariates": ["site", "age"]}))


class CovariatesOfTheFile(Told):
    def splits(self):
        if self.schema is not None:
            known = {name: tuple(sorted(classes)) for name, classes in self.schema.covariates.items()}
            self.schema = replace(self.schema, covariates=known)
        return super().splits()


class IgnoresTheRun(OwnTable):
    def splits(self):
        if self.schema is not None:
            self.schema = replace(self.schema, modalities={}, labels={})
        return super().splits()

    def _read(self):
        known, self.schema = self.schema, None
        content = super()._read()
        self.schema = known
        return content


class KeysOfWholeRows(OwnTable):
    """Rows that are recognised only with everything that they have."""

    def splits(self):
        found = super().splits()
        return replace(found, **{side: self.keyed(getattr(found, side)) for side in ("train", "val", "test")})

    def keyed(self, table):
        whole = table.identity.content.sum(1, keepdim=True) * table.available
        return replace(table, identity=replace(table.identity, content=whole))


class KeysOfNothing(KeysOfWholeRows):
    def keyed(self, table):
        content = table.identity.content + ~table.available
        return replace(table, identity=replace(table.identity, content=content))


class DrawsSidesAnew(OwnTable):
    def splits(self):
        if self.schema is not None:
            self.schema = replace(self.schema, sides=None)
        return super().splits()


class FilesConfig(DatasetConfig):
    root: Folder | None = Field(None, description="Where the file is.")
    download: bool = Field(False, description="Whether to make it where it is missing.")


class WithFiles(Honest):
    """Rows that a file belongs to, which is made when the rows are."""

    Config = FilesConfig

    def sources(self):
        return [self.config.root / "file"] if self.config.root else []

    def splits(self):
        if self.config.download:
            self.fetch()
        return super().splits()

    def fetch(self):
        (self.config.root / "file").write_text("content")


class RelativeFolderConfig(FilesConfig):
    root: Path | None = Field(None, description="Where the file is.")


class RelativeFolder(WithFiles):
    Config = RelativeFolderConfig


class DownloadsWhenAsked(WithFiles):
    def sources(self):
        if self.config.download:
            self.fetch()
        return super().sources()


class MakesAFolder(Honest):
    def modalities(self):
        Path("leftover").mkdir(exist_ok=True)
        return super().modalities()


class AsksTheNetwork(Honest):
    def modalities(self):
        with suppress(OSError):  # as a careful program would
            socket.create_connection(("localhost", 9), timeout=0.1)
        return super().modalities()


# Metrics --------------------------------------------------------------------------------------------------------------


class MeanLength(Metric):
    """Mean length of the posterior means, and the mean of a modality's own values."""

    headline = ("length",)

    def summarise(self, evaluation, judgements):
        latents = evaluation.latents()
        return [
            row("length", self.of(latents), len(latents.table)),
            row("mean", self.mean(latents.table), len(latents.table), target="vector"),
        ]

    def of(self, latents):
        keep = latents.complete[-1]
        return latents.means[-1][keep].norm(dim=-1).mean()

    def mean(self, table):
        return table.data["vector"][table.available[:, 0]].mean()


class ChangesTheModel(MeanLength):
    def summarise(self, evaluation, judgements):
        rows = super().summarise(evaluation, judgements)
        with torch.no_grad():
            next(evaluation.model.parameters()).mul_(1.001)
        return rows


class LeavesTrainingMode(MeanLength):
    def summarise(self, evaluation, judgements):
        evaluation.model.train()
        return super().summarise(evaluation, judgements)


class MissingRowsRead(MeanLength):
    def mean(self, table):
        return table.data["vector"].mean()


class UnseededRowsLookedAt(MeanLength):
    def of(self, latents):
        picked = np.random.default_rng().permutation(len(latents.table))[:10]
        return latents.means[-1][torch.from_numpy(picked)].norm(dim=-1).mean()


class GlobalNoise(MeanLength):
    def of(self, latents):
        torch.manual_seed(0)
        return super().of(latents) + 0 * torch.rand(())


class HeadlineOfNothing(MeanLength):
    headline = ("width",)


class FieldForgotten(MeanLength):
    def summarise(self, evaluation, judgements):
        return [
            {name: value for name, value in each.items() if name != "n"}
            for each in super().summarise(evaluation, judgements)
        ]


class FirstRows(MeanLength):
    def mean(self, table):
        return table.data["vector"][:10].mean()


class FirstModality(MeanLength):
    def summarise(self, evaluation, judgements):
        lengths = [means.norm(dim=-1).mean() for means in evaluation.latents().means]
        return [row("length", lengths[0], len(evaluation.latents().table))]


class MeanOverNothing(MeanLength):
    def summarise(self, evaluation, judgements):
        return [*super().summarise(evaluation, judgements), row("width", 0.0, 0)]


class NoughtForNoTerm(MeanLength):
    def summarise(self, evaluation, judgements):
        latents = evaluation.latents()
        alone = [self.of(latents) for given in latents.subsets if len(given) == 1]
        made = row("length", sum(alone), len(latents.table), given="self", target="all")
        return [*super().summarise(evaluation, judgements), made]


class AllOfSome(MeanLength):
    def summarise(self, evaluation, judgements):
        given, n = "+".join(evaluation.names), len(evaluation.latents().table)
        made = row("targets", len(evaluation.targets), n, given=given, target="all")
        return [*super().summarise(evaluation, judgements), made]


class FigureInAnotherFolder(MeanLength):
    def figures(self, evaluation, metrics=()):
        return {"../length": Figure()}


class FigureOfNothing(MeanLength):
    def figures(self, evaluation, metrics=()):
        return {"length": None}


class DrawingTrains(MeanLength):
    def figures(self, evaluation, metrics=()):
        with torch.no_grad():
            next(evaluation.model.parameters()).mul_(1.001)
        return {"length": Figure()}


class NobodyCanBeWrong(MeanLength):
    def summarise(self, evaluation, judgements):
        usual = evaluation.labels("train")["class"].max()
        truth = evaluation.labels()["class"]
        made = row("accuracy", (truth == usual).mean(), len(truth), label="class")
        return [*super().summarise(evaluation, judgements), made]


# Samplers -------------------------------------------------------------------------------------------------------------


class AlwaysTheFirst(GaussianMixtureSampler):
    def sample(self, count):
        return super().sample(1).expand(count, -1)


class WeightsOfComponentsForgotten(GaussianMixtureSampler):
    def log_prob(self, z):
        return super().log_prob(z) + torch.tensor(float(len(self.weights))).log()


class WiderDraws(GaussianMixtureSampler):
    def sample(self, count):
        return self.means[0] + 2 * (super().sample(count) - self.means[0])


class NothingFitted(PriorSampler):
    fitted = True


class DimensionsApart(GaussianMixtureSampler):
    def fit(self, latents):
        super().fit(torch.stack([column.roll(37 * d) for d, column in enumerate(latents.T)], -1))


class OneLatentForAll(GaussianMixtureSampler):
    def fit(self, latents):
        super().fit(latents[:, :2])


class FitOfNumPy(GaussianMixtureSampler):
    def fit(self, latents):
        super().fit(latents + 0.01 * torch.from_numpy(np.random.randn(*latents.shape)))  # noqa: NPY002


class DrawsOfTheirOwn(GaussianMixtureSampler):
    def sample(self, count):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return super().sample(count)


class KeptInAnAttribute(GaussianMixtureSampler):
    def build(self, model):
        super().build(model)
        self.middle = torch.zeros(2)

    def fit(self, latents):
        super().fit(latents - latents.mean(0))
        self.middle = latents.mean(0)

    def sample(self, count):
        return self.middle + super().sample(count)


class WritesIntoTheModel(GaussianMixtureSampler):
    def build(self, model):
        super().build(model)
        self.encoder = [model.encoders[0]]

    def fit(self, latents):
        super().fit(latents)
        with torch.no_grad():
            next(self.encoder[0].parameters()).mul_(1.001)


class GoesOnFromTheLast(GaussianMixtureSampler):
    seen = None

    def fit(self, latents):
        self.seen = latents if self.seen is None else torch.cat([self.seen, latents])
        super().fit(self.seen)


# Formats --------------------------------------------------------------------------------------------------------------


class NoNumbers(CsvColumns):
    @classmethod
    def write_toy(cls, folder):
        path = folder / "toy.csv"
        path.write_text("site,town\n" + "north,here\n" * 8)
        return path


class TitledByItsFolder(NpzFile):
    def __init__(self, path):
        super().__init__(path)
        self.title = path.parent.name


class ANameTwice(NpzFile):
    def _names(self):
        return [*super()._names(), "genes"]


class LosesTheLastRow(CsvColumns):
    def cells(self, name):
        cells = super().cells(name)
        return cells[:-1] if name == "site" else cells


class CountsNothing(NpzFile):
    def check_length(self, name, count):
        pass


class NumbersInTheirOwnOrder(CsvColumns):
    def _block(self, names, where, truths):
        return super()._block(sorted(names), where, truths)


class TypedInTheirOwnOrder(CsvColumns):
    def typed(self, names):
        found = super().typed(sorted(names))
        return found.set_axis(list(names), axis=1)


class WrittenFromTheFirstRowOn(CsvColumns):
    def written(self, names, rows):
        return super().written(names, np.arange(len(rows)))


class ReadOnce(CsvColumns):
    read = frozenset()

    def cells(self, name):
        cells = super().cells(name)
        first, self.read = name not in self.read, self.read | {name}
        return cells if first else [""] * len(cells)


class ReaderOfAnother(NpzFile):
    opened = 0

    def __init__(self, path):
        super().__init__(path)
        type(self).opened += 1
        self.number = self.opened

    def _values(self, name):
        return super()._values(name) + self.number


class MissingIsEmpty(NpzFile):
    def _names(self):
        return super()._names() if self.path.exists() else ["genes"]

    def _values(self, name):
        return super()._values(name) if self.path.exists() else np.zeros((8, 4))


class EmptyIsATable(NpzFile):
    def _names(self):
        return super()._names() if self.path.stat().st_size else ["genes"]

    def _values(self, name):
        return super()._values(name) if self.path.stat().st_size else np.zeros((8, 4))


class ErrorsOfTheReader(NpzFile):
    def __init__(self, path):
        self.path = path
        super(NpzFile.__base__, self).__init__(path.name, self._names())


class DamageWithoutAName(NpzFile):
    @classmethod
    def open(cls, path, reading):
        try:
            return super().open(path, reading)
        except DataError as error:
            raise DataError("The file cannot be read.") from error


class WritesAnIndex(CsvColumns):
    def __init__(self, path, settings):
        super().__init__(path, settings)
        path.with_suffix(".index").write_text("0")


# ----------------------------------------------------------------------------------------------------------------------

OBJECTIVE = ObjectiveContract, {"tight": True}
OPPOSED = (ObjectiveContract, {})
PRODUCT, MIXTURE = (AggregatorContract, {"exact": True}), (AggregatorContract, {})
PRIOR, MODALITY, LIKELIHOOD, DATASET, FORMAT, METRIC, SAMPLER = (
    (contract, {})
    for contract in (
        PriorContract,
        ModalityContract,
        LikelihoodContract,
        DatasetContract,
        FormatContract,
        MetricContract,
        SamplerContract,
    )
)

GOOD = {
    Opposed: OPPOSED,
    Copy: OBJECTIVE,
    ProductOfExperts: PRODUCT,
    MixtureOfExperts: MIXTURE,
    WeightedProduct: MIXTURE,
    FlowAggregator: MIXTURE,
    VampPrior: PRIOR,
    ScaledNormal: PRIOR,
    MixtureOfPosteriors: PRIOR,
    FlowPrior: PRIOR,
    LogNormal: LIKELIHOOD,
    StudentT: LIKELIHOOD,
    vector_with(Normal): MODALITY,
    vector_with(lambda shape: make_likelihood("bernoulli", shape)): MODALITY,
    vector_with(lambda shape: make_likelihood("laplace", shape, scale_kind="predicted")): MODALITY,
    Honest: DATASET,
    OwnTable: DATASET,
    WithFiles: DATASET,
    WithGaps: DATASET,
    Told: DATASET,
    MeanLength: METRIC,
    PriorSampler: SAMPLER,
    GaussianMixtureSampler: SAMPLER,
    TsvColumns: FORMAT,
    NpzFile: FORMAT,
    ParquetColumns: FORMAT,
}
FAULTS = [
    (PriorIgnored, OBJECTIVE, "test_the_prior_is_used"),
    (AggregatorIgnored, OBJECTIVE, "test_the_aggregator_is_used"),
    (PriorFromNowhere, OBJECTIVE, "test_the_prior_is_used"),
    (ReversedKL, OBJECTIVE, "test_the_bound_holds"),
    (AdversaryUnasked, OPPOSED, "test_an_adversary_learns_from_terms_of_its_own"),
    (AdversaryOfOne, OPPOSED, "test_an_adversary_learns_from_terms_of_its_own"),
    (AdversaryDetached, OPPOSED, "test_an_adversary_learns_from_terms_of_its_own"),
    (MaskIgnored, OBJECTIVE, "test_what_is_missing_does_not_matter"),
    (EncodersSeePlaceholders, OBJECTIVE, "test_what_is_missing_does_not_matter"),
    (EncodersSeeZeros, OBJECTIVE, "test_rows_do_not_exist_for_the_networks_of_what_they_lack"),
    (DecodersSeePlaceholders, OBJECTIVE, "test_what_is_missing_does_not_matter"),
    (DecodersRunOnEverything, OBJECTIVE, "test_rows_do_not_exist_for_the_networks_of_what_they_lack"),
    (EmptyCellsScored, OBJECTIVE, "test_empty_cells_do_not_matter"),
    (NothingTold, OBJECTIVE, "test_it_is_told_covariates"),
    (PrivateHeadsDetached, OBJECTIVE, "test_modalities_can_have_private_latents"),
    (MeanOverModalities, OBJECTIVE, "test_the_bound_holds"),
    (MeanOverLatents, OBJECTIVE, "test_the_bound_holds"),
    (TwoBounds, OBJECTIVE, "test_the_bound_holds"),
    (DetachedLatents, OBJECTIVE, "test_the_likelihood_reaches_where_z_comes_from"),
    (DetachedExpert, OBJECTIVE, "test_every_parameter_learns"),
    (BatchStatistics, OBJECTIVE, "test_rows_do_not_depend_on_each_other"),
    (BatchStatisticsInTraining, OBJECTIVE, "test_rows_do_not_depend_on_each_other"),
    (EverythingAtTest, OBJECTIVE, "test_a_posterior_sees_what_is_given_and_nothing_else"),
    (EverythingAtTest, OBJECTIVE, "test_single_modalities_have_posteriors_of_their_own"),
    (NothingAtTest, OBJECTIVE, "test_a_posterior_sees_what_is_given_and_nothing_else"),
    (DrawnAtTest, OBJECTIVE, "test_a_trained_model_is_deterministic"),
    (NumPyNoise, OBJECTIVE, "test_noise_is_seeded"),
    (UnseededNoise, OBJECTIVE, "test_noise_is_seeded"),
    (NoNoise, OBJECTIVE, "test_noise_is_seeded"),
    (BetaTwice, OBJECTIVE, "test_beta_multiplies_the_divergence_alone"),
    (WeightsForgotten, OBJECTIVE, "test_likelihood_weights_multiply_the_log_likelihood"),
    (ValueInTheOrder, OBJECTIVE, "test_the_order_of_modalities_does_not_matter"),
    (LostOnSaving, OBJECTIVE, "test_saving_and_loading"),
    (RemembersTheLastStep, OBJECTIVE, "test_trainings_in_one_pass_are_those_of_each_alone"),
    (HardClamp, OBJECTIVE, "test_bounds_can_be_left"),
    (SquaresForLikelihoods, OBJECTIVE, "test_likelihoods_are_normalised"),
    (PriorExpertForgotten, PRODUCT, "test_exact_experts_give_the_true_posterior"),
    (SaysItMixes, PRODUCT, "test_mixes_says_whether_there_is_a_mixture"),
    (SaysItDoesNotMix, MIXTURE, "test_mixes_says_whether_there_is_a_mixture"),
    (WeightsOfAll, MIXTURE, "test_shapes_and_weights"),
    (AbsentExpertsRead, MIXTURE, "test_an_expert_that_is_not_given_does_not_matter"),
    (FirstExpertDetached, PRODUCT, "test_gradients_reach_every_given_expert"),
    (OverTheBatch, PRODUCT, "test_rows_do_not_depend_on_each_other"),
    (WrongDeterminant, PRODUCT, "test_the_density_is_that_of_the_samples"),
    (WeightsDetached, MIXTURE, "test_gradients_reach_what_it_learns"),
    (StretchedFlow, PRIOR, "test_the_density_integrates_to_one"),
    (NotDivided, PRIOR, "test_the_density_integrates_to_one"),
    (SaysItIsFixed, PRIOR, "test_dynamic_says_whether_it_depends_on_the_row"),
    (SaysItIsDynamic, PRIOR, "test_dynamic_says_whether_it_depends_on_the_row"),
    (ScaleDetached, PRIOR, "test_gradients_reach_its_parameters_and_experts"),
    (MaskOfThePriorIgnored, PRIOR, "test_what_is_not_given_does_not_matter"),
    (vector_with(WithoutConstant), MODALITY, "test_the_likelihood_is_normalised"),
    (vector_with(Softplus), MODALITY, "test_the_likelihood_is_normalised"),
    (SquaresAsAnOption, MODALITY, "test_the_likelihood_is_normalised"),
    (ScaleForgottenAsAnOption, MODALITY, "test_the_likelihood_is_normalised"),
    (
        vector_with(lambda shape: HardScale(shape, ScaleConfig(scale_kind="predicted"))),
        MODALITY,
        "test_bounds_can_be_left",
    ),
    (HardSpread, MODALITY, "test_bounds_can_be_left"),
    (LogOfWhatIsHeld, LIKELIHOOD, "test_cells_that_are_not_observed_do_not_matter"),
    (LogOfWhatIsHeld, LIKELIHOOD, "test_a_row_of_zeros_is_taken"),
    (MaskForgotten, LIKELIHOOD, "test_cells_that_are_not_observed_do_not_matter"),
    (SaysItIsPositive, LIKELIHOOD, "test_samples_are_of_the_values_that_it_is_for"),
    (VarianceWithoutSquare, LIKELIHOOD, "test_mean_and_variance_are_those_of_the_samples"),
    (LogOfTheScale, LIKELIHOOD, "test_mean_and_variance_are_those_of_the_samples"),
    (MedianForAll, LIKELIHOOD, "test_quantiles_are_those_of_the_samples"),
    (HardRate, LIKELIHOOD, "test_gradients_far_out"),
    (SingleGammas, LIKELIHOOD, "test_it_is_normalised"),
    (WithoutConstant, LIKELIHOOD, "test_it_is_normalised"),
    (WideSamples, LIKELIHOOD, "test_samples_have_the_likelihood"),
    (MeanOverValues, LIKELIHOOD, "test_shapes"),
    (vector_with(MeanOverValues), MODALITY, "test_log_prob_is_the_sum_over_values"),
    (vector_with(WideSamples), MODALITY, "test_samples_have_the_likelihood"),
    (WrongInverse, MODALITY, "test_the_transform_comes_back"),
    (LogsAreWritten, MODALITY, "test_every_transform_is_undone"),
    (GapsMoveTheCentre, MODALITY, "test_every_transform_is_undone"),
    (MeansForNetworks, MODALITY, "test_every_transform_is_undone"),
    (NoRowOfZeros, MODALITY, "test_few_rows_may_have_it"),
    (OneNameTooMany, MODALITY, "test_values_can_be_shown"),
    (ArrangedWithAnAxisMore, MODALITY, "test_values_of_its_shape_are_arranged"),
    (EndingsWithoutAReader, MODALITY, "test_values_of_its_shape_are_arranged"),
    (GuessForNetworks, MODALITY, "test_distances"),
    (CellsWithoutTheirOffset, MODALITY, "test_values_can_be_shown"),
    (Leaking, DATASET, "test_no_group_is_on_two_sides"),
    (UnseededRows, DATASET, "test_making_it_again_gives_the_same"),
    (UndeclaredClass, DATASET, "test_labels_are_declared"),
    (OtherShape, DATASET, "test_values_are_as_declared"),
    (IgnoresTheRun, DATASET, "test_a_run_reads_rows_by_its_own_codes_and_sides"),
    (DrawsSidesAnew, DATASET, "test_a_run_reads_rows_by_its_own_codes_and_sides"),
    (KeysOfWholeRows, DATASET, "test_rows_are_known_by_each_modality"),
    (KeysOfNothing, DATASET, "test_rows_are_known_by_each_modality"),
    (HidesValues, DATASET, "test_empty_cells_are_marked"),
    (NothingObserved, DATASET, "test_empty_cells_are_marked"),
    (MaskOfRows, DATASET, "test_empty_cells_are_marked"),
    (MaskOfNumbers, DATASET, "test_empty_cells_are_marked"),
    (GapsUnannounced, DATASET, "test_empty_cells_are_marked"),
    (CovariateUndeclared, DATASET, "test_covariates_are_declared"),
    (CovariateOutOfRange, DATASET, "test_covariates_are_declared"),
    (CovariateOfInfinity, DATASET, "test_covariates_are_declared"),
    (CovariateOfCodes, DATASET, "test_covariates_are_declared"),
    (UnseededGaps, DATASET, "test_making_it_again_gives_the_same"),
    (UnseededCovariates, DATASET, "test_making_it_again_gives_the_same"),
    (CovariatesOfTheFile, DATASET, "test_a_run_reads_rows_by_its_own_codes_and_sides"),
    (RelativeFolder, DATASET, "test_paths_do_not_depend_on_the_working_directory"),
    (DownloadsWhenAsked, DATASET, "test_being_asked_has_no_side_effects"),
    (MakesAFolder, DATASET, "test_being_asked_has_no_side_effects"),
    (AsksTheNetwork, DATASET, "test_being_asked_has_no_side_effects"),
    (ChangesTheModel, METRIC, "test_the_model_is_left_alone"),
    (LeavesTrainingMode, METRIC, "test_the_model_is_left_alone"),
    (MissingRowsRead, METRIC, "test_missing_values_are_not_read"),
    (UnseededRowsLookedAt, METRIC, "test_the_same_seed_gives_the_same_rows"),
    (GlobalNoise, METRIC, "test_the_global_random_state_is_left_alone"),
    (HeadlineOfNothing, METRIC, "test_headline_measures_exist"),
    (FieldForgotten, METRIC, "test_rows_have_the_declared_fields"),
    (FirstRows, METRIC, "test_the_order_of_rows_means_nothing"),
    (FirstModality, METRIC, "test_the_order_of_modalities_means_nothing"),
    (MeanOverNothing, METRIC, "test_rows_have_the_declared_fields"),
    (MeanOverNothing, METRIC, "test_few_rows_and_labels_without_classes"),
    (NoughtForNoTerm, METRIC, "test_what_a_model_does_not_do_has_no_row"),
    (AllOfSome, METRIC, "test_what_a_model_does_not_do_has_no_row"),
    (NobodyCanBeWrong, METRIC, "test_few_rows_and_labels_without_classes"),
    (FigureInAnotherFolder, METRIC, "test_figures_are_files_of_their_own"),
    (FigureOfNothing, METRIC, "test_figures_are_files_of_their_own"),
    (DrawingTrains, METRIC, "test_figures_are_files_of_their_own"),
    (AlwaysTheFirst, SAMPLER, "test_draws_are_independent"),
    (WeightsOfComponentsForgotten, SAMPLER, "test_the_density_integrates_to_one"),
    (WiderDraws, SAMPLER, "test_samples_have_the_density"),
    (NothingFitted, SAMPLER, "test_draws_look_like_the_latents"),
    (DimensionsApart, SAMPLER, "test_draws_look_like_the_latents"),
    (OneLatentForAll, SAMPLER, "test_modalities_may_keep_their_own_latents"),
    (FitOfNumPy, SAMPLER, "test_noise_is_seeded"),
    (DrawsOfTheirOwn, SAMPLER, "test_noise_is_seeded"),
    (KeptInAnAttribute, SAMPLER, "test_saving_and_restoring"),
    (WritesIntoTheModel, SAMPLER, "test_the_model_is_left_alone"),
    (GoesOnFromTheLast, SAMPLER, "test_fitting_again_forgets"),
    (NoNumbers, FORMAT, "test_a_toy_file_opens"),
    (TitledByItsFolder, FORMAT, "test_a_toy_file_opens"),
    (ANameTwice, FORMAT, "test_names_are_unique"),
    (LosesTheLastRow, FORMAT, "test_lengths_agree"),
    (CountsNothing, FORMAT, "test_lengths_agree"),
    (NumbersInTheirOwnOrder, FORMAT, "test_numbers_are_those_of_the_cells"),
    (TypedInTheirOwnOrder, FORMAT, "test_columns_come_back_as_they_are"),
    (WrittenFromTheFirstRowOn, FORMAT, "test_columns_come_back_as_they_are"),
    (ReadOnce, FORMAT, "test_reading_twice_gives_the_same"),
    (ReaderOfAnother, FORMAT, "test_reading_twice_gives_the_same"),
    (MissingIsEmpty, FORMAT, "test_a_missing_file_is_a_sentence"),
    (EmptyIsATable, FORMAT, "test_an_empty_file_is_a_sentence"),
    (ErrorsOfTheReader, FORMAT, "test_a_damaged_file_is_a_sentence"),
    (DamageWithoutAName, FORMAT, "test_a_damaged_file_is_a_sentence"),
    (WritesAnIndex, FORMAT, "test_nothing_is_written"),
]


def of(component, contract):
    kind, attributes = contract
    return kind.of(component, **attributes)


@pytest.mark.parametrize("component", GOOD, ids=lambda component: component.__name__)
def test_the_unfaulted_copy_passes(component):
    assert of(component, GOOD[component]).failures() == {}


@pytest.mark.parametrize(
    ("component", "contract", "check"), FAULTS, ids=[f"{fault.__name__}-{check}" for fault, _, check in FAULTS]
)
def test_the_fault_is_caught(component, contract, check, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some faults leave something behind
    made = of(component, contract)
    assert check in made.checks()
    with pytest.raises(AssertionError, match=component.__name__):
        getattr(made(), check)()
