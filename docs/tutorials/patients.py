"""
Patients: three files, an imputed table, and new patients
==========================================================

Three hundred patients. Their genes, their blood values and what the clinic knows about them come from three places, as
three CSV files. Some patients are in one file only, and many blood values were not measured. This page goes from the
files to pictures of what the measurements have in common, to one table without gaps, and to patients who come later.

**The patients are simulated**, so that we know the truth that a real study hides. Everything else is as it would be
with your own files: the defaults are not tuned for this page, and simple methods stand beside every number.

You need to know pandas. You need not know what a variational autoencoder is: think of one that describes each patient
by a few numbers (*latents*), which it infers from whatever was measured, and from which it predicts what was not.
"""

# %%
# Three files
# -----------
#
# Three hidden properties of a patient (inflammation, metabolism, age) drive all measurements. ``world`` draws people
# and measures everything; the files then lack part of it.

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import mmgen

draw = np.random.default_rng(7)
on_genes = draw.normal(size=(3, 30)) * (draw.random((3, 30)) < 0.5)  # each gene follows some of the properties


def world(ids):
    """Complete measurements of patients with these ids: genes, labs, clinic."""
    n, rows = len(ids), pd.Index(ids, name="patient_id")
    diagnosis = draw.choice(["healthy", "type A", "type B"], size=n, p=[0.4, 0.35, 0.25])
    site = draw.choice(["north", "south", "west"], size=n)
    inflammation = draw.normal(size=n) * 0.8 + np.where(diagnosis == "healthy", -0.9, 0.6)
    metabolism = draw.normal(size=n) * 0.8 + 1.2 * (diagnosis == "type A") - 1.2 * (diagnosis == "type B")
    age = draw.normal(size=n)
    hidden = np.column_stack([inflammation, metabolism, age])
    genes = np.exp(3 + 0.8 * hidden @ on_genes + 0.5 * draw.normal(size=(n, 30)))
    at_site = np.select([site == "south", site == "west"], [0.6, -0.6], 0)  # laboratories differ
    noise = draw.normal(size=(8, n))
    labs = {
        "crp": np.exp(1.2 + 0.9 * inflammation + 0.4 * noise[0]),
        "albumin": 40 - 3 * inflammation + 1.5 * noise[1],
        "haemoglobin": 13.5 - 0.8 * inflammation + 0.6 * at_site + 0.6 * noise[2],
        "ferritin": np.exp(4.6 + 0.7 * inflammation - 0.3 * metabolism + 0.4 * noise[3]),
        "hba1c": 5.8 + 0.6 * metabolism + 0.3 * noise[4],
        "ldl": 3.2 + 0.7 * metabolism + 0.3 * at_site + 0.5 * noise[5],
        "creatinine": 80 + 6 * age + 5 * at_site + 7 * noise[6],
        "platelets": 260 + 45 * np.tanh(1.5 * inflammation) + 25 * noise[7],
    }
    pain = pd.cut(inflammation + 0.5 * draw.normal(size=n), [-9, -0.5, 0.7, 9], labels=["none", "mild", "severe"])
    clinic = {
        "site": site,
        "diagnosis": diagnosis,
        "age": (55 + 12 * age).round().astype(int),
        "sex": draw.choice(["female", "male"], size=n),
        "bmi": 26 + 3 * metabolism + 2 * draw.normal(size=n),
        "smoker": (draw.random(n) < 0.3).astype(int),
        "pain": pain.astype(str),
        "visits": draw.poisson(np.exp(0.6 + 0.6 * inflammation)),
    }
    return (
        pd.DataFrame(genes, rows, [f"g{i}" for i in range(1, 31)]).round(1),
        pd.DataFrame(labs, rows).round(2),
        pd.DataFrame(clinic, rows).round(1),
    )


genes, true_labs, clinic = world([f"P{number:03d}" for number in range(300)])
labs = true_labs.mask(draw.random(true_labs.shape) < 0.12)  # about every eighth blood value was not measured
for name, frame, share in (("genes", genes, 0.8), ("labs", labs, 0.9), ("clinic", clinic, 0.95)):
    frame.sample(frac=share, random_state=1 + len(name)).to_csv(f"{name}.csv")  # not everybody, in any order

pd.read_csv("labs.csv").head()

# %%
# A few lines say what the files are. ``label`` is what colours the pictures and is never learned from. A blood value
# depends on the laboratory too, so ``site`` is a *covariate*: the model is told of it, and need not find it in z.
# Columns are not listed: each file has those that are nothing else, and their kinds are seen in their values.

description = """\
id: patient_id
label: diagnosis
covariates: [site]
simulated: true        # only because these patients are; every result will say so
modalities:
  genes:  {path: genes.csv}
  labs:   {path: labs.csv}
  clinic: {path: clinic.csv}
"""
Path("patients.yaml").write_text(description)

data = mmgen.load_dataset("table", config="patients.yaml")
print(*data.notes, sep="\n")

# %%
# Read these notes: they say what was understood, and here they find something. The last two are about heavy tails.
# Expressions are log-normal, and without a transform the few largest values would decide most of what is learned. So
# we do what the notes suggest. It is undone in everything that comes out.
# There are `other transforms <https://github.com/mmgen-core/mmgen/blob/main/docs/own-data.md#transforms>`_ too.

description = description.replace("genes.csv}", "genes.csv, transform: log1p}")
description = description.replace("labs.csv}", "labs.csv, transform: log1p}")
Path("patients.yaml").write_text(description)
print(description)

# %%
# Train
# -----
#
# One line, with all defaults. In a shell it is
#
# .. code-block:: bash
#
#    mmgen train --objective mvtcae --dataset table --set dataset.config=patients.yaml --output runs/patients
#
# and both write the same run. A fifth of the patients is held out for testing, and none of the numbers below is of a
# patient that the model was trained on, unless it says so.

run = mmgen.train("mvtcae", {"name": "table", "config": "patients.yaml"}, output="runs/patients", quiet=True)
print(run.data)
run.figure("missingness")

# %%
# The picture shows what there was to learn from: each line is a patient, white is what is missing. Nobody was left out
# because of a gap.
#
# How good is it?
# ---------------
#
# Every modality is predicted from the others, in patients that the model has never seen. Beside the model stand three
# methods of scikit-learn that were trained on the same patients: ridge regression, nearest neighbours and iterative
# imputation. *Skill* is R² of numbers, and its like for answers and categories: 0 for knowing nothing of the patient, 1
# for being right.

evaluation = run.evaluation()
scores = run.evaluate(metrics=["imputation"], evaluation=evaluation)

methods = {"skill": "mmgen", "skill_ridge": "ridge", "skill_knn": "neighbours", "skill_iterative": "iterative"}
others = {"ridge_wins": "columns where ridge is better", "coverage_90": "inside 90 % intervals"}
most = ["labs+clinic", "genes+clinic", "genes+labs", "other cells"]  # what is given
whole = scores[scores.given.isin(most) & (scores.label == "") & (scores.target != "mean")]
whole = whole.pivot(index=["target", "given"], columns="measure", values="value").rename(columns=methods | others)
whole["best"] = whole[list(methods.values())].idxmax(axis=1)
whole[[*methods.values(), "best", *others.values()]].round(2)

# %%
run.figure("imputation", evaluation=evaluation)

# %%
# What you should see: the model is among the best for every target, and does not win everywhere. Most of these
# relations were simulated as straight lines, which is what ridge regression and iterative imputation are for;
# *columns where ridge is better* is the share of columns in which ridge regression wins, whatever the mean says.
# These are the columns that the model knows least about:

worst = scores[(scores.label != "") & scores.measure.isin(["skill", "skill_ridge"]) & scores.given.isin(most[:3])]
worst = worst.pivot(index=["target", "label"], columns="measure", values="value").rename(columns=methods).round(2)
noise = {*genes.columns[(on_genes == 0).all(axis=0)], "sex", "smoker"}
worst["only noise"] = [column in noise for _, column in worst.index]
worst

# %%
# Columns of *only noise* follow none of the hidden properties, so nobody can predict them. A skill below 0 says that a
# method reads something into noise, where the mean would have been better; one above 0 is luck, since the patients of
# the test are few.
#
# If ridge regression is as good on your data and filling gaps is all that you want, take it. A model like this one
# does all of it at once: every pattern of gaps, columns of all types, intervals, and latents. Of the 90 % intervals,
# about 90 % should hold the true value. Where it is more, as it often is with a few hundred rows, they are wider than
# need be.
#
# What did it learn?
# ------------------
#
# Latents of the held-out patients, each inferred from one file alone, coloured by a diagnosis that the model was never
# told:

run.figure("latents", evaluation=evaluation)

# %%
# The three groups lie apart, whichever file a patient is known from (right). Which dimension speaks of which
# file:

run.figure("variance-explained", evaluation=evaluation)

# %%
# And of which columns: by how many of its standard deviations a column rises with one of the dimension. We look at the
# dimension that blood values depend on most.

loadings = run.loadings()
first = loadings.loc["labs"].abs().mean().idxmax()
loadings[first].sort_values(key=abs, ascending=False).head(8).round(2).to_frame()

# %%
# In the simulation some blood values follow inflammation (crp, albumin, ferritin, platelets), others metabolism (hba1c,
# ldl). The dimensions need not be these properties themselves: they may be mixed and turned, and another seed may order
# them otherwise.
#
# The table without gaps
# ----------------------
#
# ``run.impute`` gives everything back in its own units: what was measured as it is, and every gap filled from all that
# the patient has. In a shell:
#
# .. code-block:: bash
#
#    mmgen impute runs/patients --out complete.csv --uncertainty --mask

complete = run.impute(uncertainty=True, mask=True)
complete.to_csv("complete.csv")
complete[["crp", "ldl", "ldl_sd", "ldl_q05", "ldl_q95", "ldl_imputed", "pain", "pain_imputed"]].head(8)

# %%
# A filled value has a standard deviation and the 5 % and 95 % quantiles; measured ones have none. Since we simulated
# the patients, we know what their laboratories did not measure, and the model has not seen:

fig, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for axes, column in zip(panels, ["hba1c", "creatinine"]):
    filled = complete[complete[f"{column}_imputed"] == 1]
    truth, guess = true_labs.loc[filled.index, column], filled[column]
    low, high = filled[f"{column}_q05"], filled[f"{column}_q95"]
    inside = truth.between(low, high)
    lengths = [guess - low, high - guess]
    axes.errorbar(truth, guess, lengths, fmt="o", markersize=3, linewidth=0.6, color="tab:blue", alpha=0.6)
    axes.axline((truth.mean(), truth.mean()), slope=1, color="grey", linestyle=":")
    r2 = 1 - ((truth - guess) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    axes.set(xlabel="true value (withheld)", ylabel="imputed, with 90 % interval")
    axes.set_title(f"{column}: R² {r2:.2f}, {inside.mean():.0%} of {len(filled)} intervals hold the truth", fontsize=10)

# %%
# Intervals should cross the dotted line. hba1c is told by many other measurements, so its intervals are short;
# creatinine is mostly noise, so they are long. A model that is honest about what cannot be known is what intervals are
# for.
#
# New patients
# ------------
#
# Forty new patients arrive as a DataFrame. Nobody has sequenced them yet, there is no diagnosis, and their laboratory
# does not measure ferritin.

_, new_labs, new_clinic = world([f"N{number:02d}" for number in range(40)])
new = new_labs.drop(columns="ferritin").join(new_clinic.drop(columns="diagnosis"))

latents = run.encode(new)  # says that ferritin is missing in every row, and that nobody has been sequenced
latents.iloc[:5, :5].round(2)

# %%
# Rows keep their order and their names, so that ``new.join(latents)`` fits. Latents are ordinary columns, for
# whatever you do with columns. For instance, a diagnosis for patients without one, from a classifier that has seen
# the latents of the old ones:

from sklearn.linear_model import LogisticRegression

old = run.encode(split="all")
old = old[old.diagnosis.notna() & (old.diagnosis != "")]
z = [name for name in old if name.startswith("z") and not name.endswith("scale")]
guessed = LogisticRegression(max_iter=1000).fit(old[z], old.diagnosis).predict(latents[z])
most_frequent = old.diagnosis.mode()[0]
print(f"right: {np.mean(guessed == new_clinic.diagnosis):.0%} of the new patients")
print(f"right, had all been called {most_frequent!r}: {np.mean(new_clinic.diagnosis == most_frequent):.0%}")

# %%
# Their table can be completed too, with the genes that they would probably have, and the ferritin:

new_complete = run.impute(new, uncertainty=True)
new_complete[["ferritin", "ferritin_q05", "ferritin_q95", "g1", "g1_q05", "g1_q95"]].head().round(1)

# %%
# A shell does the same with a file:

new.to_csv("new.csv")


def shell(line):
    """Run a line as a shell would, and print what it says."""
    command = [sys.executable, "-m", *line.split()]
    print("$", line)
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


shell("mmgen encode runs/patients --data new.csv --out new-latents.csv")
shell("mmgen impute runs/patients --data new.csv --out new-complete.csv --uncertainty --mask")

# %%
# To send to anybody
# ------------------
#
# One page with everything about the run, in a single file that needs nothing else: data, learning curves, these tables
# and pictures, and latents to hover over (``pip install 'mmgen-core[report]'``).

shell("mmgen report runs/patients --out patients.html")

# %%
# From here: `your own data <https://github.com/mmgen-core/mmgen/blob/main/docs/own-data.md>`_ has every option of the
# file; `comparing objectives <https://github.com/mmgen-core/mmgen/blob/main/docs/compare.md>`_ finds out which method
# suits your data, by the same score.
