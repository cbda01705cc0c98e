"""The model card of an exported run: what the model is, on what data, how well, and where not to trust it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmgen.evaluation.metric import Metric
from mmgen.registry import requirements
from mmgen.yaml_files import dump_yaml

from ..descriptions import (
    DataDescription,
    ObjectiveDescription,
    component_versions,
    describe_data,
    describe_objective,
    enumerate_words,
)
from ..result_cells import Key, format_number


@dataclass(frozen=True)
class CardContent:
    """What a card is written from.

    Attributes:
        config: The run's configuration, without local paths.
        environment: What the run was made with.
        results: Rows of metrics.
        history: A record per epoch.
        folders: Options that named files or folders of the machine where it was trained.
        address: What ``mmgen.load_run`` is called with.
    """

    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    history: Sequence[Mapping[str, Any]]
    folders: Sequence[str]
    address: str


def model_card(content: CardContent) -> str:
    """The text of ``README.md``: front matter in YAML, then Markdown."""
    objective = describe_objective(content.config["objective"]["name"])
    data = describe_data(content.config, content.environment)
    sections = {
        "": _introduction(content, objective),
        "Data": _data(data),
        "How to load it": [_loading(content)],
        "Metrics": [_metrics(content.results)],
        "Limits": ["\n".join(f"- {limit}" for limit in _limits(content, data.kind, objective.bound))],
        "Licence": [_licence(data)],
        "Made with": [_made_with(content.environment)],
    }
    blocks = [block for title, texts in sections.items() for block in ([f"## {title}"] if title else []) + texts]
    return f"---\n{_front_matter(objective.name)}---\n\n" + "\n\n".join(block for block in blocks if block) + "\n"


def _front_matter(objective: str) -> str:
    tags = ["mmgen", "multimodal", "variational-autoencoder", objective]
    return dump_yaml({"library_name": "mmgen", "license": "unknown", "tags": tags})


def _introduction(content: CardContent, objective: ObjectiveDescription) -> list[str]:
    config = content.config
    model, training = config["model"], config["training"]
    modalities = ", ".join(
        f"`{name}` ({spec.get('kind', '?')}, {spec.get('shape', '?')})"
        for name, spec in config.get("modalities", {}).items()
    )
    return [
        f"# {_plain(objective.name)} on {_plain(config['dataset']['name'])}",
        "A multimodal variational autoencoder, trained with [mmgen](https://github.com/mmgen-core/mmgen). "
        f"{_plain(objective.summary)}",
        f"Equation: {_plain(objective.source)}" if objective.source else "",
        f"Modalities: {modalities}. Latent dimension {model.get('latent_dim', '?')}, β = {model['beta']:g}, seed "
        f"{training['seed']}, {len(content.history)} epochs.",
    ]


def _data(data: DataDescription) -> list[str]:
    return [
        f"`{data.name}`: {data.meaning} {_plain(data.summary)}" + (f" {data.rows}." if data.rows else ""),
        "\n".join(f"- {name}: {_plain(value)}" for name, value in data.facts),
    ]


def _licence(data: DataDescription) -> str:
    of_data = "".join(
        f" The data have one of their own: {_plain(value)}." for name, value in data.facts if name == "Licence"
    )
    return (
        "No licence has been chosen for these weights: `license: unknown` above is for whoever publishes them to "
        f"replace.{of_data}"
    )


def _made_with(environment: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in environment.get("versions", {}).items())
    return versions or "The run does not say with which versions."


def _loading(content: CardContent) -> str:
    """The lines that install and load it, and what to say about the data."""
    names = list(content.config.get("modalities", {}))[:1]
    code = [
        "import mmgen\n",
        f"run = mmgen.load_run({content.address!r})",
        "model = run.model  # rebuilt from config.json and model.safetensors; no data are needed",
    ]
    if names:
        code.append(f"samples = model.generate(batch, given={names!r})  # batch: an mmgen.Batch of your rows")
    versions = {"mmgen-core": "", "mmgen-plugin-report": "", **component_versions(content.environment)}
    blocks = [
        f"```\npip install {requirements(versions)}\n```",
        "```python\n" + "\n".join(code) + "\n```",
        "Nothing in this repository is code.",
    ]
    options = [name.removeprefix("dataset.") for name in content.folders if name.startswith("dataset.")]
    if options:
        places = ", ".join(f'"{name}": ...' for name in options)
        blocks.append(
            f"The data are not part of it. {enumerate_words([f'`dataset.{name}`' for name in options])} named a place "
            "on the machine of training, of which `config.json` keeps the last part only; "
            f"`mmgen.load_run({content.address!r}, dataset={{{places}}})` says where the data are now, for `run.data` "
            "and evaluations."
        )
    return "\n\n".join(blocks)


def _metrics(results: Sequence[Mapping[str, Any]]) -> str:
    """The headline measures as a table in Markdown."""
    metrics: dict[str, type[Metric] | None] = {}
    lines = []
    for row in results:
        key = Key.of(row)
        if key.in_headline(metrics):
            value, count = format_number(float(row["value"])), f"{int(row.get('n', 0)):,}"
            cells = [key.metric, key.describe(), key.split, value, count, row.get("note", "")]
            lines.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")
    if not lines:
        return "None have been computed."
    return "\n".join(["| metric | number | split | value | rows | note |", "|---|---|---|---:|---:|---|", *lines])


def _limits(content: CardContent, kind: str, bound: str) -> list[str]:
    """What it should not be trusted with, in sentences."""
    limits = [
        f"One training with seed {content.config['training']['seed']}: nothing is known from it about the variation "
        "between seeds."
    ]
    if kind != "real":
        what = {"simulated": "simulated data", "stand-in": "a stand-in"}.get(kind, "data of unknown origin")
        limits.append(f"Trained on {what}: not for statements about real measurements.")
    if not bound:
        limits.append("The objective claims no lower bound of the evidence, so its loss is no likelihood.")
    if not content.results:
        limits.append("It has not been evaluated.")
    if any(str(row.get("note", "")).startswith("untrustworthy") for row in content.results):
        limits.append("What is noted as untrustworthy is judged by classifiers that are weak on real data.")
    limits.append(
        "What it generates are expectations learned from the training rows, not measurements: look at held-out "
        "numbers before filling in missing ones."
    )
    return limits


def _plain(text: Any) -> str:
    """Text that Markdown shows as it is: names come from data."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
