"""
Single cells: three omics, and few cells with all of them
=========================================================

Two thousand cells. Of some the RNA was counted, of some surface proteins, of some it was found which peaks of chromatin
are open. A quarter has all three, and many have only one. This page goes from a MuData file to one latent space for
all cells, whatever was measured of them, to the proteins that a cell without proteins would have, and to the genes
behind each latent dimension.

**The cells are simulated**, so that we know what a real experiment hides. Simple methods stand beside the numbers.

You need to know AnnData and pandas, and have ``mmgen-plugin-scverse`` installed. You need not know what a variational
autoencoder is: think of one that describes each cell by a few numbers (*latents*), which it infers from whatever was
measured, and from which it predicts what was not.
"""

# %%
# Cells of known truth
# --------------------
#
# T, B and NK cells, and myeloid cells that mature from early to late. Six programs (four of kinds, where myeloid cells
# have two, and an *activation* that any cell may have to some degree) raise genes, proteins and peaks. Cells were read
# at different depths, and there are two batches in which genes and proteins were measured differently well.

import subprocess
import sys
import warnings

import matplotlib.pyplot as plt
import mudata
import numpy as np
import pandas as pd
import scipy.sparse
from anndata import AnnData

import mmgen
from mmgen_plugin_scverse import add_imputed, add_latents, write_cells

warnings.filterwarnings("ignore", module="(anndata|mudata)\\.")  # what they will change for the next pandas
mudata.set_options(pull_on_update=False)  # as mudata will do by itself one day
draw = np.random.default_rng(0)
cell_type = draw.choice(["T", "B", "NK", "myeloid"], size=2000, p=[0.35, 0.2, 0.15, 0.3])
maturity = np.where(cell_type == "myeloid", draw.uniform(size=2000), np.nan)
programs = pd.DataFrame(
    {
        "T": cell_type == "T",
        "B": cell_type == "B",
        "NK": cell_type == "NK",
        "early": np.nan_to_num(1 - maturity),
        "late": np.nan_to_num(maturity),
        "activation": draw.uniform(size=2000),
    }
).astype(float)
batch = draw.choice(["A", "B"], size=2000)


def driven(letters, count, each, size, usual, shift=0.0):
    """Names and log-means of variables, of which each program raises some."""
    names = [f"{letters}{i}" for i in range(count)]
    weights = np.zeros((6, count))
    for k, chosen in enumerate(draw.permutation(count)[: 6 * each].reshape(6, each)):
        weights[k, chosen] = size * draw.uniform(0.5, 1, size=each)
        for i in chosen:
            names[i] = f"{letters}{i}-{programs.columns[k]}"  # so that you can see later what was found
    batches = np.outer(batch == "B", draw.normal(0, shift, size=count))
    return names, draw.normal(*usual, size=count) + programs.to_numpy() @ weights + batches


def counted(mean, dispersion):
    """Negative binomial counts."""
    return draw.poisson(draw.gamma(dispersion, mean / dispersion)).astype(np.float32)


genes, log_rate = driven("gene", 500, each=25, size=3, usual=(0, 1), shift=0.5)
share = np.exp(log_rate) / np.exp(log_rate).sum(axis=1, keepdims=True)
rna = counted(share * draw.lognormal(np.log(2000), 0.4, size=(2000, 1)), dispersion=3)
proteins, log_level = driven("protein", 20, each=3, size=3, usual=(1.5, 0.5), shift=0.4)
level = np.exp(log_level)  # what a cell really has of each protein
prot = counted(level * draw.lognormal(0, 0.2, size=(2000, 1)), dispersion=8)
peaks, logit = driven("peak", 300, each=25, size=3.5, usual=(-2.5, 0.7))
atac = (draw.uniform(size=logit.shape) < 1 / (1 + np.exp(-logit))).astype(np.float32)

# %%
# What was measured of which cell is a matter of money and of luck. Each modality becomes an AnnData object of the cells
# that have it, and MuData holds the three together.

assays = {"RNA+ADT+ATAC": 0.25, "RNA+ADT": 0.3, "RNA+ATAC": 0.25, "RNA": 0.1, "ADT": 0.05, "ATAC": 0.05}
assay = draw.choice(list(assays), size=2000, p=list(assays.values()))
cells = pd.DataFrame({"cell_type": cell_type, "batch": batch, "assay": assay}, [f"cell{i}" for i in range(2000)])


def measured(word, values, names):
    """The cells in whose assay the word is."""
    has = np.array([word in each.split("+") for each in assay])
    return AnnData(scipy.sparse.csr_matrix(values[has]), cells[has], pd.DataFrame(index=names))


mdata = mudata.MuData(
    {"rna": measured("RNA", rna, genes), "prot": measured("ADT", prot, proteins), "atac": measured("ATAC", atac, peaks)}
)
write_cells(mdata, "cells.h5mu")
print({name: mod.shape for name, mod in mdata.mod.items()}, "of", mdata.n_obs, "cells")

# %%
# Train
# -----
#
# The file describes itself. ``label`` colours pictures and is never learned from; ``batch`` is a *covariate*: the model
# is told of it, and need not find it in the latents. In a shell:
#
# .. code-block:: bash
#
#    mmgen train --objective mopoe --dataset table --set dataset.path=cells.h5mu --set dataset.label=cell_type \
#        --set 'dataset.covariates=[batch]' --latent-dim 10 --epochs 60 --output runs/cells
#
# In Python the object itself does as well:

run = mmgen.train(
    "mopoe",
    mdata,
    label="cell_type",
    covariates=["batch"],
    simulated=True,  # only because these cells are; every result will say so
    latent_dim=10,
    epochs=60,
    output="runs/cells",
    quiet=True,
)
print(*run.data.notes, sep="\n")

# %%
# Read these notes: they say what was understood. RNA and proteins are counts (negative binomial; RNA with the total of
# each cell as its size factor), peaks are yes/no answers. Nobody was left out for want of a modality. A fifth of the
# cells is held out.
#
# One latent space
# ----------------
#
# ``add_latents`` writes the latents of all cells into ``obsm["X_mmgen"]``, where scanpy and muon would look for them
# (``scanpy.pp.neighbors(mdata, use_rep="X_mmgen")``). In a shell: ``mmgen encode runs/cells --out cells-latents.h5mu``.
# Here scikit-learn makes the map.

from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score

add_latents(mdata, run)
z = mdata.obsm["X_mmgen"]
known = cells.loc[mdata.obs_names].assign(maturity=pd.Series(maturity, cells.index))
known = known.assign(activation=pd.Series(programs["activation"].to_numpy(), cells.index))
place = TSNE(init="pca", random_state=0).fit_transform(z)

fig, panels = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
for axes, column in zip(panels.flat, ["cell_type", "assay", "batch", "maturity"], strict=True):
    if column == "maturity":
        axes.scatter(*place.T, s=2, color="lightgrey")
        fig.colorbar(axes.scatter(*place.T, s=4, c=known[column]), ax=axes)
    else:
        for name in known[column].unique():
            axes.scatter(*place[known[column] == name].T, s=4, label=name)
        axes.legend(markerscale=3, fontsize=8)
    axes.set(title=column.replace("_", " "), xticks=[], yticks=[])

# %%
# What you should see: four kinds apart, myeloid cells in the order in which they mature, and cells of all assays and of
# both batches side by side. Nobody told the model of kinds or maturity. Four clusters, compared with the truth (1:
# the same, 0: chance), of all cells and by what was measured of them:

found = KMeans(4, n_init=10, random_state=0).fit_predict(z)
agreement = {
    name: adjusted_rand_score(part.cell_type, found[part.index])
    for name, part in known.reset_index(drop=True).groupby("assay")
}
pd.Series({"all cells": adjusted_rand_score(known.cell_type, found), **agreement}, name="adjusted Rand index").round(3)

# %%
# What is continuous should be in the latents too. R² of linear regression from the latents, of cells that it was not
# fitted to, by what was measured of them. Open or not open says least about a degree, so that ATAC alone is the worst:

from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_predict

table = {}
for truth in ("maturity", "activation"):
    has = known[truth].notna().to_numpy()
    guess = pd.Series(cross_val_predict(LinearRegression(), z[has], known[truth][has], cv=5), known.index[has])
    for name, part in known[has].groupby("assay"):
        table[name, truth] = 1 - np.mean((part[truth] - guess[part.index]) ** 2) / part[truth].var(ddof=0)
pd.Series(table).unstack().round(2)

# %%
# Is the batch gone? How often logistic regression names the right batch of a cell: from the latents, and from the
# principal components of the logarithms of its counts. 0.5 is chance.

from sklearn.decomposition import PCA

rows = mdata.obs_names.get_indexer(mdata["rna"].obs_names)
depth = mdata["rna"].X.sum(axis=1)
logs = np.log1p(mdata["rna"].X.toarray() / np.asarray(depth).reshape(-1, 1) * 2000)
inputs = {"principal components": PCA(10, random_state=0).fit_transform(logs), "latents": z[rows]}
batches = known.batch.iloc[rows]
right = {
    name: np.mean(cross_val_predict(LogisticRegression(max_iter=1000), each, batches, cv=5) == batches)
    for name, each in inputs.items()
}
pd.Series(right, name="batch found").round(2)

# %%
# The map above shows no batch, and some of it is still there. Being told of a covariate takes away the reason to keep
# it in the latents, and does not forbid it. How much is left depends on the objective, and on how long it was trained:
# the metric ``covariate-leakage``, which ``mmgen evaluate`` computes, is worth a look before batches are compared.
#
# Proteins of cells that have none
# --------------------------------
#
# First, how good is it? Every modality is predicted from the others in held-out cells, by the model and by methods of
# scikit-learn that were trained on the same cells. *Skill* is R² of counts and its like (2 AUC − 1) for peaks: 0 for
# knowing nothing of the cell, 1 for being right, which nobody can be, because counts scatter.

scores = run.evaluate(metrics=["imputation"])
methods = {"skill": "mmgen", "skill_ridge": "ridge", "skill_knn": "neighbours"}
others = {"ridge_wins": "columns where ridge is better", "coverage_90": "inside 90 % intervals"}
asked = scores[(scores.label == "") & scores.target.isin(["rna", "prot", "atac"]) & ~scores.given.str.contains(" of ")]
asked = asked.pivot(index=["target", "given"], columns="measure", values="value").rename(columns=methods | others)
asked["best"] = asked[list(methods.values())].idxmax(axis=1)
asked[[*methods.values(), "best", *others.values()]].round(3)

# %%
# What you should see: the model is ahead on average, by little, and not in every column. Where ridge regression is the
# best, the table says so; logarithms follow the programs here in straight lines, and each ridge regression was fitted
# for one target and one set of inputs, where the model does all of them at once. Iterative imputation is for at most
# 100 columns, and was left out.
#
# Now fill in what was not measured. ``add_imputed`` gives an object in which every modality has all cells: the layer
# ``imputed`` is what was measured where it was, and predicted elsewhere, and ``obs["measured"]`` says which. In a
# shell: ``mmgen impute runs/cells --out complete.h5mu``.

complete = add_imputed(mdata, run)
print(complete["prot"])

# %%
# Since we simulated these cells, we know the true level of their proteins, without the noise of counting:

missing = complete["prot"][~complete["prot"].obs["measured"].to_numpy(dtype=bool)]
guess = pd.DataFrame(np.asarray(missing.layers["imputed"]), missing.obs_names, proteins)
truth = pd.DataFrame(level, cells.index, proteins).loc[missing.obs_names]
follows = np.corrcoef(programs["activation"], np.log(level).T)[0, 1:].argmax()
fig, panels = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for axes, column in zip(panels, [proteins[follows], next(name for name in proteins if "late" in name)], strict=True):
    for name, part in cells.loc[missing.obs_names].groupby("cell_type"):
        axes.loglog(truth.loc[part.index, column], guess.loc[part.index, column], ".", markersize=4, label=name)
    axes.axline((10, 10), (20, 20), color="grey", linestyle=":")
    axes.set_xticks([5, 10, 20, 40], [5, 10, 20, 40])
    axes.set_yticks([5, 10, 20, 40], [5, 10, 20, 40])
    axes.minorticks_off()
    errors = np.log(truth[column]) - np.log(guess[column])
    r2 = 1 - np.mean(errors**2) / np.log(truth[column]).var(ddof=0)
    axes.set(title=f"{column}: R² {r2:.2f} of logarithms", xlabel="true level (not measured)", ylabel="imputed")
axes.legend()
print(f"{len(missing)} cells without proteins")

# %%
# What did it learn?
# ------------------
#
# Which genes, proteins and peaks rise with each latent dimension: loadings are in standard deviations of the variable
# per standard deviation of z. Names end in the program that really drives them.

loadings = run.loadings()
strongest = loadings.abs().max().nlargest(6).index
top = {
    (dimension, name): loadings[dimension].loc[name].abs().nlargest(4).index
    for dimension in strongest
    for name in ("rna", "prot", "atac")
}
pd.DataFrame.from_dict({" ".join(key): list(names) for key, names in top.items()}, orient="index")

# %%
# And how strong are they, on average over the genes of each program, and over those that no program drives? A
# dimension may be a program, the contrast of two, or a mixture: nothing forces them apart, and another seed may turn
# them otherwise.

of_program = loadings.loc["rna"].abs().groupby(lambda name: name.partition("-")[2] or "none").mean()
fig, axes = plt.subplots(figsize=(7, 3), layout="constrained")
image = axes.imshow(of_program, cmap="viridis", aspect="auto")
axes.set_xticks(range(len(of_program.columns)), of_program.columns)
axes.set_yticks(range(len(of_program)), of_program.index)
bar = fig.colorbar(image, label="mean |loading| of its genes")

# %%
# New cells
# ---------
#
# The run reads other cells by the names of variables. Here five cells of which only the RNA is known; for the model it
# makes no difference whether they are in an object or in a file.

write_cells(mdata["rna"][:5].copy(), "new.h5ad")


def shell(line):
    """Run a line as a shell would, and print what it says."""
    print("$", line)
    print(subprocess.run([sys.executable, "-m", *line.split()], check=True, capture_output=True, text=True).stdout)


shell("mmgen encode runs/cells --data new.h5ad --out new-latents.h5ad")

# %%
# ``new-latents.h5ad`` has them in ``obsm["X_mmgen"]``. From here: `the plugin's page
# <https://github.com/mmgen-core/mmgen/blob/main/plugins/mmgen-plugin-scverse/README.md>`__ says what is read and how
# options change it, and `comparing objectives <https://github.com/mmgen-core/mmgen/blob/main/docs/compare.md>`__ finds
# out which method suits your cells.
