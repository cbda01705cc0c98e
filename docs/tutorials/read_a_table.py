"""
Read a paper's table: printed numbers, ours, and what the difference means
==========================================================================

A table in a paper has a method in each line and a number in each cell. Behind each number are data, networks, a
training, a measure and some chance, and most of it is not in the table. This page takes one table, makes the runs
behind it in a very small version, sets our numbers beside the printed ones, and asks which of the differences mean
something.

**What runs here is far from the paper**: other data, a hundredth of the training. So numbers will not agree. How to
make them at the paper's size is said at the end.

You need to know pandas. Beside mmgen it takes ``pip install 'mmgen-plugin-papers[all]'``.
"""

# %%
# Which table
# -----------
#
# ``mmgen reproduce --list`` has every table and figure of the papers that are installed, with what each costs. Here is
# the third table of "Discriminative multimodal learning via conditional priors in generative models":

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mmgen
from mmgen_plugin_compare import summarise


def shell(line):
    """Run a line as a shell would, and print what it says."""
    done = subprocess.run([sys.executable, "-m", *line.split()], check=True, capture_output=True, text=True)
    print("$", line)
    print(done.stdout)


shell("mmgen reproduce --list cmmd/table-3")

# %%
# The last two columns are why this page does something smaller. In words: a written digit and a street number of the
# same class are known in training, and the written digit alone afterwards. Which digit is it? CMMD (``cmmd``) has a
# classifier and is trained with labels; MVAE and MMVAE (``mvae``, ``mmvae``) never see one, and a linear classifier
# reads the digit from their latents.
#
# A tiny version
# --------------
#
# The runs of the table, with three seeds, but with 2,000 pairs and three epochs. ``--set`` changes anything, for all
# methods. Without MNIST and SVHN the written digits are scikit-learn's, enlarged from 8×8 pixels, and the street
# numbers are rendered from fonts; every result says so. In a shell:
#
# .. code-block:: bash
#
#    mmgen reproduce cmmd/table-3 --seeds 0,1,2 --set training.epochs=3 --set dataset.train_tuples=2000 \
#        --set dataset.test_tuples=500 --set dataset.rendered=[2000,400] --output runs/table

numbers = mmgen.reproduce(
    "cmmd",
    "table-3",
    seeds=[0, 1, 2],
    output="runs/table",
    jobs=1,
    assignments=[
        "training.epochs=3",
        "dataset.train_tuples=2000",
        "dataset.test_tuples=500",
        "dataset.rendered=[2000,400]",
    ],
)
numbers[["method", "column", "ours", "std", "n", "printed", "printed_std", "difference"]].round(2)

# %%
# ``ours`` is the mean over seeds, on test rows, and ``std`` the sample standard deviation; ``difference`` is ours −
# printed. What the command writes for people is a page, ``reproduction.md``. It says what else one should know, and
# that is the part of a table that papers leave out:

print(Path("runs/table/reproduction.md").read_text(encoding="utf-8"))

# %%
# What does the difference mean?
# ------------------------------
#
# Nothing about the methods: these are other digits, and each training had 60 steps where the paper's had thousands. Two
# questions can be asked of such a table, though. The first: **is any of this much?** Two simple methods answer it, with
# the same training rows and labels: logistic regression on the pixels of the written digits, and on as many numbers as
# the latents have (20), which are *random* sums of pixels and have learned nothing.

data = mmgen.load_dataset("mnist-svhn", train_tuples=2000, test_tuples=500, rendered=[2000, 400])
pixels = [part.data["mnist"][:].flatten(1).float().numpy() for part in (data.train, data.test)]
labels = [part.labels["digit"].numpy() for part in (data.train, data.test)]
at_random = np.random.default_rng(0).normal(size=(28 * 28, 20))


def right(learn, ask):
    """Accuracy of logistic regression on test rows, in percent."""
    method = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return 100 * method.fit(learn, labels[0]).score(ask, labels[1])


simple = right(*pixels)
random = right(*(part @ at_random for part in pixels))

fig, axes = plt.subplots(figsize=(8, 3), layout="constrained")
for height, row in enumerate(numbers.itertuples()):
    axes.errorbar(row.ours, height, xerr=row.std, fmt="o", color="C0", capsize=3, label="" if height else "ours")
    axes.plot(row.printed, height, "D", color="C1", label="" if height else "printed")
axes.axvline(simple, color="grey", linestyle="--", label="our pixels")
axes.axvline(random, color="grey", linestyle="-.", label="20 random sums of them")
axes.axvline(10, color="black", linestyle=":", label="chance")
axes.set_yticks(range(len(numbers)), numbers.method)
axes.set(xlabel="accuracy given the written digit, %", ylim=(-0.5, len(numbers) - 0.5))
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
print(f"logistic regression on pixels: {simple:.1f} %, on 20 random sums of pixels: {random:.1f} %")

# %%
# What you should see: the printed numbers lie close together near the top, and ours lie apart. MVAE and MMVAE are
# hardly better than numbers that have learned nothing, if at all: a linear classifier reads digits from almost any 20
# numbers about a picture, so 90 % is no sign of a good method, and a table should say so. CMMD's classifier, which
# has to be learned, is worst after 60 steps and best in the paper. And logistic regression on pixels is above all of
# ours. **Who wants the digit and has labels trains a classifier**; the table is about what latents keep of it.
#
# The second question: **which differences between the methods are larger than their errors?** Behind a table is an
# ordinary comparison, as ``mmgen compare`` makes it, so its summary tells:

results = pd.read_csv("runs/table/mnist-svhn/results.csv", keep_default_na=False)
summary = summarise(results)
summary[["objective", "metric", "measure", "given", "mean", "std", "n", "best"]].round(3)

# %%
# ``best`` is said of one method in a column, and only where it is better than the second best by more than Welch's
# standard error of the difference, √(s₁²/n₁ + s₂²/n₂). That takes two seeds at least, and three make a rough estimate
# of an error. But read what is *given* too: ``1 of 2`` is the mean over the written digit and the street number for
# MVAE and MMVAE. CMMD infers from the written digit alone, so its mean is of the easy one, and its mark compares two
# different things. The cells of the paper's table are of the written digit for all; their difference by hand:

pair = [numbers[numbers.method == name].iloc[0] for name in ("MVAE", "MMVAE")]
difference = pair[0].ours - pair[1].ours
error = sum(each["std"] ** 2 / each["n"] for each in pair) ** 0.5
print(f"MVAE − MMVAE: ours {difference:+.1f} ± {error:.1f} points, printed {pair[0].printed - pair[1].printed:+.1f}")

# %%
# The printed difference has no error: the paper quotes both numbers from an earlier one, which prints none. Only CMMD's
# 97.6 has one, ± 0.08, and the paper does not say of how many runs. So of the printed table one can say that CMMD is
# above MVAE if MVAE's runs scatter by less than a point, which is likely and not printed.
#
# At full size
# ------------
#
# First ask what it takes; this builds every model, times a few steps, and writes nothing:
#
# .. code-block:: bash
#
#    mmgen reproduce cmmd/table-3 --scale paper --dry-run
#
# Then the desk's version, which trains seven minutes or so per seed on one core, with MNIST's and SVHN's files where
# you have them; and the paper's, on a GPU:
#
# .. code-block:: bash
#
#    mmgen reproduce cmmd/table-3 --scale desk --set dataset.digits=MNIST --set dataset.svhn=SVHN
#    mmgen reproduce cmmd/table-3 --scale paper --set dataset.digits=MNIST --set dataset.svhn=SVHN --jobs 3
#
# The same command goes on where it was stopped. A question of your own, with β and seeds, is a comparison:
#
# .. code-block:: bash
#
#    mmgen compare --objectives mvae,mmvae,cmmd --dataset mnist-svhn --seeds 0,1,2 --output runs/compare
#
# `Reproducing the papers <https://github.com/mmgen-core/mmgen/blob/main/docs/reproduce.md>`__ has the rest: scales,
# what is in the folder, how to write down the tables of another paper. `What two-view and discriminative methods make
# of two views <https://github.com/mmgen-core/mmgen/blob/main/docs/studies/discriminative-desk.md>`__ is such a table,
# made in earnest.
