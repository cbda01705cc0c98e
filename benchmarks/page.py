"""Tables and figures of the measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TITLES = {
    "training": "Training, float32",
    "loop": "The loop around the model",
    "missing": "Rows that lack modalities",
    "precision": "bfloat16",
    "scaling": "Over the number of modalities",
    "evaluation": "Evaluation",
    "start": "Start",
    "preparing": "Preparing data",
}


def write(found: dict[str, Any], folder: Path) -> None:
    """``benchmarks-tables.md`` and the figure of the scaling, in ``folder``."""
    parts = []
    for part, title in TITLES.items():
        if part in found:
            machine = ", ".join(f"{key} {value}" for key, value in found[part]["machine"].items())
            parts.append(
                f"## {title}\n\n{table(found[part]['rows'])}\n\nMedians of {found[part]['rounds']} interleaved "
                f"rounds. {machine}.\n"
            )
    (folder / "benchmarks-tables.md").write_text("\n".join(parts), encoding="utf-8")
    if "scaling" in found:
        draw(found["scaling"]["rows"], folder / "images" / "scaling.png")


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; a column for everything that any row has."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(shown(row.get(column)) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def shown(value: Any) -> str:
    """Three digits of a number."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Milliseconds per step, and memory, over the number of modalities; both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = {
        "ours": "MoPoE, mmgen",
        "all subsets": "MoPoE, every subset decoded, mmgen",
        "peer": "MoPoE, MultiVae",
        "smvae": "SMVAE, mmgen",
        "linear": "MVTCAE, mmgen (linear)",
    }
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    for axis, unit, label in zip(
        axes, ("ms", "MB"), ("milliseconds per step", "memory above the start, MB"), strict=True
    ):
        for name, text in names.items():
            points = [(row["M"], row[f"{name} {unit}"]) for row in rows if f"{name} {unit}" in row]
            axis.plot(*zip(*points, strict=True), marker="o", label=text)
        axis.set(xlabel="modalities M", ylabel=label, yscale="log")
        axis.grid(alpha=0.3)
        axis.set_xticks([row["M"] for row in rows])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    import json

    docs = Path(__file__).parent.parent / "docs"
    write(json.loads((docs / "benchmarks.json").read_text(encoding="utf-8")), docs)
