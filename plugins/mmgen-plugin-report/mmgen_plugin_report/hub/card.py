"""The model card of an exported run: what the model is, on what data, how well, and what it should not be trusted
with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmgen.evaluation.metric import Metric
from mmgen.yaml_files import dump_yaml

from ..descriptions import data_in_words, objective_in_words
from ..result_cells import Key, number


def model_card(
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    history: Sequence[Mapping[str, Any]],
    folders: Sequence[str],
    address: str,
) -> str:
    """The text of ``README.md``: front matter in YAML, then Markdown.

    Args:
        config: The run's configuration, without local paths.
        environment: What the run was made with.
        results: Rows of metrics.
        history: A record per epoch.
        folders: Options that named files or folders of the machine where it was trained.
        address: What ``mmgen.load_run`` is called with.
    """
    objective, dataset = config["objective"]["name"], config["dataset"]["name"]
    said, data = objective_in_words(objective), data_in_words(config, environment)
    tags = ["mmgen", "multimodal", "variational-autoencoder", objective]
    front = dump_yaml({"library_name": "mmgen", "license": "unknown", "tags": tags})
    modalities = ", ".join(
        f"`{name}` ({spec.get('kind', '?')}, {spec.get('shape', '?')})"
        for name, spec in config.get("modalities", {}).items()
    )
    model, training = config["model"], config["training"]
    parts = [
        f"# {_plain(objective)} on {_plain(dataset)}",
        "A multimodal variational autoencoder, trained with [mmgen](https://github.com/mmgen-core/mmgen). "
        f"{_plain(said.summary)}",
        f"Equation: {_plain(said.source)}" if said.source else "",
        f"Modalities: {modalities}. Latent dimension {model.get('latent_dim', '?')}, β = {model['beta']:g}, seed "
        f"{training['seed']}, {len(history)} epochs.",
        "## Data",
        f"`{dataset}`: {data.meaning} {_plain(data.summary)}" + (f" {data.rows}." if data.rows else ""),
        "\n".join(f"- {name}: {_plain(value)}" for name, value in data.facts),
        "## How to load it",
        _loading(config, environment, folders, address),
        "## Metrics",
        _metrics(results),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(config, data.kind, said.bound, results)),
        "## Licence",
        "No licence has been chosen for these weights: `license: unknown` above is for whoever publishes them to "
        "replace."
        + "".join(
            f" The data have one of their own: {_plain(value)}." for name, value in data.facts if name == "Licence"
        ),
        "## Made with",
        ", ".join(f"{name} {version}" for name, version in environment.get("versions", {}).items())
        or "The run does not say with which versions.",
    ]
    return f"---\n{front}---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def _loading(config: Mapping[str, Any], environment: Mapping[str, Any], folders: Sequence[str], address: str) -> str:
    parts = {
        part["distribution"]: part["version"] for part in environment.get("components", []) if part.get("distribution")
    }
    install = " ".join(
        f"{name}=={version}" if version else name
        for name, version in sorted({"mmgen-core": "", "mmgen-plugin-report": "", **parts}.items())
    )
    names = list(config.get("modalities", {}))
    given, options = names[:1], [name.removeprefix("dataset.") for name in folders if name.startswith("dataset.")]
    code = [
        f"run = mmgen.load_run({address!r})",
        "model = run.model  # rebuilt from config.json and model.safetensors; no data are needed",
    ]
    code += [f"samples = model.generate(batch, given={given!r})  # batch: an mmgen.Batch of your rows"] if given else []
    text = (
        f"```\npip install {install}\n```\n\n```python\nimport mmgen\n\n"
        + "\n".join(code)
        + "\n```\n\nNothing in this repository is code."
    )
    if options:
        places = ", ".join(f'"{name}": ...' for name in options)
        text += (
            f"\n\nThe data are not part of it. {_listed([f'`dataset.{name}`' for name in options])} named a place on "
            f"the machine of training, of which `config.json` keeps the last part only; `mmgen.load_run({address!r}, "
            f"dataset={{{places}}})` says where the data are now, for `run.data` and evaluations."
        )
    return text


def _metrics(results: Sequence[Mapping[str, Any]]) -> str:
    kept: dict[str, type[Metric] | None] = {}
    lines = []
    for row in results:
        key = Key(*(str(row.get(part, "")) for part in ("metric", "measure", "given", "target", "label", "split")))
        if key.in_headline(kept):
            cells = [
                key.metric,
                key.said(),
                key.split,
                number(float(row["value"])),
                f"{int(row.get('n', 0)):,}",
                row.get("note", ""),
            ]
            lines.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")
    if not lines:
        return "None have been computed."
    return "\n".join(["| metric | number | split | value | rows | note |", "|---|---|---|---:|---:|---|", *lines])


def _limits(config: Mapping[str, Any], kind: str, bound: str, results: Sequence[Mapping[str, Any]]) -> list[str]:
    limits = [
        f"One training with seed {config['training']['seed']}: nothing is known from it about the variation between "
        "seeds."
    ]
    if kind != "real":
        what = {"simulated": "simulated data", "stand-in": "a stand-in"}.get(kind, "data of unknown origin")
        limits.append(f"Trained on {what}: not for statements about real measurements.")
    if not bound:
        limits.append("The objective claims no lower bound of the evidence, so its loss is no likelihood.")
    if not results:
        limits.append("It has not been evaluated.")
    if any(str(row.get("note", "")).startswith("untrustworthy") for row in results):
        limits.append("What is noted as untrustworthy is judged by classifiers that are weak on real data.")
    limits.append(
        "What it generates are expectations learned from the training rows, not measurements: look at held-out "
        "numbers before filling in missing ones."
    )
    return limits


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _plain(text: Any) -> str:
    """Text that Markdown shows as it is: names come from data."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
