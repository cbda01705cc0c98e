"""A toy paper in a distribution of its own, about a small table, and runs that are made in this process."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mmgen.registry import refresh
from mmgen_plugin_compare.testing import run_here

TABLE = """
path: my.csv
label: diagnosis
modalities:
  genes: {columns: "g*", kind: vector, hidden: [4]}
  proteins: {columns: [p0, p1], kind: counts, likelihood: poisson, hidden: [4]}
"""
PAPER = """
title: On toys
authors: A. Author
venue: Journal of Toys
year: 2020
timed_on: a toy machine.
plugins: {nothing-such: mmgen-plugin-nothing-such}
experiments:
  whole:
    dataset: table
    set: [dataset.config=my.yaml, training.epochs=2, model.latent_dim=2]
    desk: {seeds: 2}
    paper: {seeds: 4, rows: 12800}
    methods:
      product: {name: Product, objective: elbo, set: [aggregator.name=poe], desk: {minutes: 2.5},
                paper: {minutes: 30, set: [model.latent_dim=3]}}
      mixture: {name: Mixture, objective: elbo, set: [aggregator.name=moe], desk: {minutes: 1}}
      older: {name: Older, reason: There is no such method.}
  parts:
    dataset: table
    set: [dataset.config=my.yaml, training.epochs=1, model.latent_dim=2]
    variants: {few: [dataset.missing_rate=0.1], many: [dataset.missing_rate=0.3]}
    desk: {seeds: 1, betas: [0.5, 2]}
    methods:
      product: {name: Product, objective: elbo}
  absent:
    dataset: table
    set: [dataset.config=my.yaml]
    methods:
      strange: {name: Strange, objective: nothing-such}
tables:
  - id: table-1
    caption: Accuracy and error.
    page: 7
    experiment: whole
    columns:
      - {name: G, better: higher,
         answers: [{metric: latent-classification, measure: per_subset, given: genes, label: diagnosis}]}
      - name: error %
        better: lower
        answers:
          - {metric: classification, measure: error_rate, times: 100}
          - {metric: latent-classification, measure: per_subset, given: genes, times: -100, plus: 100}
      - {name: no number, better: neither, reason: nothing measures it}
    printed:
      product: [0.75, [25.0, 1.5], null]
      older: [0.5, null, 3]
    empty: the paper prints some alone
    note: A toy.
  - id: figure-1
    caption: Reconstruction.
    experiment: whole
    rows: [mixture]
    columns:
      - {name: loss, better: lower,
         answers: [{metric: reconstruction, measure: loss, given: genes+proteins, target: all}]}
    empty: it is a figure
  - id: figure-2
    caption: Reconstruction with withheld modalities.
    experiment: parts
    columns:
      - {name: few, better: lower, variant: few,
         answers: [{metric: reconstruction, measure: loss, given: self, target: all}]}
      - {name: many, better: lower, variant: many,
         answers: [{metric: reconstruction, measure: loss, given: self, target: all}]}
      - {name: mean, better: lower, mean_of: [few, many]}
    empty: it is a figure
  - id: table-2
    caption: Strange.
    experiment: absent
    columns:
      - {name: loss, better: lower,
         answers: [{metric: reconstruction, measure: loss, given: self, target: all}]}
    empty: they were lost
  - id: figure-3
    caption: A picture.
    reason: It is a picture.
"""
RECIPE = """
description: A toy.
scale: paper
dataset: {name: table}
objective: {name: elbo}
training: {epochs: 50, batch_size: 8}
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The current folder, with my.csv of 60 rows and my.yaml; the file of the toy paper, installed, is
    toy_papers/papers/toy.yaml.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    random = np.random.default_rng(0)
    with Path("my.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["diagnosis", "g0", "g1", "g2", "p0", "p1"])
        for i in range(60):
            ill = i % 2
            genes = [f"{2 * ill + random.normal():.3f}" for _ in range(3)]
            writer.writerow(["ill" if ill else "well", *genes, *random.poisson(1 + 5 * ill, 2).tolist()])
    (tmp_path / "my.yaml").write_text(TABLE)
    for folder in ("papers", "recipes"):
        (tmp_path / "toy_papers" / folder).mkdir(parents=True)
    (tmp_path / "toy_papers" / "__init__.py").write_text("")
    (tmp_path / "toy_papers" / "papers" / "toy.yaml").write_text(PAPER)
    (tmp_path / "toy_papers" / "recipes" / "elbo-table-paper.yaml").write_text(RECIPE)
    info = tmp_path / "toy_papers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-papers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mmgen.papers]\ntoy = toy_papers\n[mmgen.recipes]\ntoy = toy_papers\n")
    refresh()
    yield tmp_path
    monkeypatch.undo()
    refresh()


@pytest.fixture
def here(monkeypatch):
    """Runs are made in this process; the launchers that were used."""
    return run_here(monkeypatch)
