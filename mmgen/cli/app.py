"""The application: names, options and help of all commands. Nothing here imports torch or a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

app = typer.Typer(
    name="mmgen",
    help="Multimodal variational autoencoders: one latent space from several kinds of measurement.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)]
DataOption = Annotated[
    str | None, typer.Option("--data", metavar="PLACE", help="Where the run's data are now, or other rows: read as the run reads.")
]
DatasetSet = Annotated[
    list[str] | None, typer.Option("--set", metavar="dataset.KEY=VALUE", help="Set an option of the dataset; may be repeated.")
]
Given = Annotated[str | None, typer.Option(help="Modalities to infer from, separated by commas; all by default.")]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
) -> None:
    """Multimodal variational autoencoders: one latent space from several kinds of measurement."""


@app.command()
def train(
    objective: Annotated[str | None, typer.Option(help="What is maximised: mmgen list objectives.")] = None,
    dataset: Annotated[str | None, typer.Option(help="What is learned from: mmgen list datasets.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A complete configuration to start from: mmgen list recipes.")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file with sections like those of a run's config.yaml.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Set anything; may be repeated.")] = None,
    aggregator: Annotated[str | None, typer.Option(help="Instead of the objective's own: mmgen list aggregators.")] = None,
    prior: Annotated[str | None, typer.Option(help="Instead of the objective's own: mmgen list priors.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the run; runs/DATASET-OBJECTIVE by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --output.")] = False,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training rows.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per step.")] = None,
    latent_dim: Annotated[int | None, typer.Option(help="Dimensions of the latent space.")] = None,
    beta: Annotated[float | None, typer.Option(help="Weight of the divergence.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, order and noise.")] = None,
) -> None:
    """Train a model and write a run."""
    from .train import command

    training = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    model = {"latent_dim": latent_dim, "beta": beta}
    command(objective, dataset, recipe, config, assignments or [], aggregator, prior, output, resume, training, model)


@app.command()
def evaluate(
    run: RunArgument,
    metrics: Annotated[str | None, typer.Option(help="Names separated by commas; all that the data allow by default.")] = None,
    split: Annotated[str | None, typer.Option(help="test, val, train, or new for rows that the run never saw; test by default.")] = None,
    data: DataOption = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.PATH=VALUE", help="Set metrics.NAME.OPTION or dataset.KEY; may be repeated."),
    ] = None,
    figures: Annotated[bool, typer.Option(help="Whether to draw the figures.")] = True,
    latents: Annotated[str, typer.Option(help="How latents of more than two dimensions are drawn: pca, tsne or umap.")] = "pca",
    as_json: Json = False,
) -> None:
    """Compute metrics and draw figures of a run."""
    from .evaluate import command

    command(run, metrics, split, assignments or [], figures, latents, as_json, data)


@app.command()
def compare(
    objectives: Annotated[str, typer.Option(help="Names separated by commas; CALLED=NAME calls one otherwise.", show_default=False)],
    dataset: Annotated[str | None, typer.Option(help="What is learned from: mmgen list datasets.")] = None,
    betas: Annotated[
        str | None, typer.Option(help="Weights of the divergence, separated by commas; each objective's own by default.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, separated by commas; the configuration's own by default.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A complete configuration to start from: mmgen list recipes.")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file with sections like those of a run's config.yaml.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[CALLED:]KEY.PATH=VALUE", help="Set anything, for all or for one objective; may be repeated."),
    ] = None,
    metrics: Annotated[str | None, typer.Option(help="Names separated by commas; all that the data allow by default.")] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME:MEASURE", help="What β is chosen by and the figure shows; coherence:cross by default.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the comparison; runs/compare-DATASET by default.")] = None,
    launcher: Annotated[str, typer.Option(help="Where runs are made: local, ray or slurm.")] = "local",
    jobs: Annotated[int | None, typer.Option(help="Runs at a time on this machine; 1 by default.")] = None,
    ray_address: Annotated[str | None, typer.Option(help="A Ray cluster to work on, instead of a Ray started here.")] = None,
    cpus: Annotated[float | None, typer.Option(help="Cores per run, for ray; 1 by default.")] = None,
    gpus: Annotated[float | None, typer.Option(help="GPUs per run, for ray; none by default.")] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Of Slurm's jobs, such as partition=gpu, time=120, gpus=1; may be repeated."),
    ] = None,
) -> int:
    """Train and evaluate objectives over β and seeds: one table with error bars, and a figure. The same command goes on."""
    from .compare import command

    engine = {"jobs": jobs, "ray_address": ray_address, "cpus": cpus, "gpus": gpus, "slurm": slurm or []}
    return command(objectives, dataset, betas, seeds, recipe, config, assignments or [], metrics, metric, output, launcher, engine)


@app.command()
def reproduce(
    what: Annotated[
        str | None, typer.Argument(metavar="[PAPER[/TABLE]]", help="A paper, or one of its tables or figures.", show_default=False)
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Show every table and figure, and what it costs at both scales.")] = False,
    scale: Annotated[str, typer.Option(help="desk: minutes on two cores; paper: as published.")] = "desk",
    seeds: Annotated[
        str | None, typer.Option(help="Seeds, separated by commas; as many as the paper has, and 3 at the desk, by default.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[NAME:]KEY.PATH=VALUE",
            help="Set anything, for all or for one experiment, dataset or method; may be repeated.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the reproduction; runs/reproduce-PAPER-SCALE by default.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every configuration, build every model, and estimate time and memory; make nothing.")
    ] = False,
    launcher: Annotated[str, typer.Option(help="Where runs are made: local, ray or slurm.")] = "local",
    jobs: Annotated[int | None, typer.Option(help="Runs at a time on this machine; 1 by default.")] = None,
    ray_address: Annotated[str | None, typer.Option(help="A Ray cluster to work on, instead of a Ray started here.")] = None,
    cpus: Annotated[float | None, typer.Option(help="Cores per run, for ray; 1 by default.")] = None,
    gpus: Annotated[float | None, typer.Option(help="GPUs per run, for ray; none by default.")] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Of Slurm's jobs, such as partition=gpu, time=120, gpus=1; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Make the runs behind a paper's table, and set our numbers beside the printed ones. The same command goes on."""
    from .reproduce import command

    engine = {"jobs": jobs, "ray_address": ray_address, "cpus": cpus, "gpus": gpus, "slurm": slurm or []}
    return command(what, list_all, cast(Any, scale), seeds, assignments or [], output, dry_run, launcher, engine, as_json)


@app.command()
def generate(
    run: RunArgument,
    given: Annotated[str | None, typer.Option(help="Modalities to generate from, separated by commas; none: from the prior.")] = None,
    targets: Annotated[str | None, typer.Option(help="Modalities to generate, separated by commas; all by default.")] = None,
    n: Annotated[int | None, typer.Option("-n", help="Items; 8 for a picture and from the prior, all rows for a table.")] = None,
    samples: Annotated[int, typer.Option(help="Draws per item; a table has their mean.", min=1)] = 1,
    split: Annotated[
        str | None, typer.Option(help="Rows to generate from: test, val, train, new or all; all for a table, test for a picture.")
    ] = None,
    data: DataOption = None,
    assignments: DatasetSet = None,
    seed: Annotated[int, typer.Option(help="Of the draws.", min=0)] = 0,
    out: Annotated[Path | None, typer.Option(help="A .png, .npz or .csv file; RUN/figures/generated.png by default.")] = None,
    top: Annotated[int | None, typer.Option(help="Name so many tags per item, the most probable first.", min=1)] = None,
) -> None:
    """Generate modalities from others (impute), or from the prior."""
    from .generate import command

    command(run, given, targets, n, samples, split, seed, out, top, data, assignments or [])


@app.command()
def encode(
    run: RunArgument,
    out: Annotated[Path, typer.Option(help="A .npz, .parquet or .csv file.", show_default=False)],
    given: Given = None,
    split: Annotated[
        str | None, typer.Option(help="Rows to encode: test, val, train, new or all; test by default, all with --data.")
    ] = None,
    data: DataOption = None,
    assignments: DatasetSet = None,
) -> None:
    """Write the latents of a split: means and standard deviations, labels, and numbers and names of rows."""
    from .encode import command

    command(run, given, split, out, data, assignments or [])


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Folders of runs, or folders with runs in them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("report.html"),
    max_points: Annotated[int, typer.Option(help="Most points in the scatter of each run's latents.", min=1)] = 4000,
) -> None:
    """Write one page about runs that can be sent to anybody: it needs no network."""
    from .report import command

    command(runs, out, max_points)


@app.command()
def export(
    run: RunArgument,
    to: Annotated[Path, typer.Option("--to", help="A folder to make.", show_default=False)],
) -> None:
    """Write a run in the layout of the Hugging Face Hub: config.json, model.safetensors and a model card."""
    from .export import export_command

    export_command(run, to)


@app.command()
def push(
    run: Annotated[Path, typer.Argument(metavar="RUN|FOLDER", help="Folder of a run, or one that mmgen export made.", show_default=False)],
    repo: Annotated[str, typer.Option(help="The repository, as user/name; one that is made is private.", show_default=False)],
) -> None:
    """Upload a run to the Hugging Face Hub."""
    from .export import push_command

    push_command(run, repo)


@app.command("list")
def list_components(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="objectives, aggregators, priors, modalities, datasets, metrics or recipes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what is installed."""
    from .listing import list_command

    list_command(kind, as_json)


@app.command()
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A component or recipe; kind/NAME where several kinds have the name.")],
    as_json: Json = False,
) -> None:
    """Describe a component: what it is, its equation and paper, and its options."""
    from .info import command

    command(name, as_json)


@app.command()
def plugins(as_json: Json = False) -> None:
    """Show the installed plugins, and which of them are broken and why."""
    from .listing import plugins_command

    plugins_command(as_json)


@app.command()
def schema(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One schema; all their names by default.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write all schemas into this folder.")] = None,
) -> None:
    """Print the JSON Schema of a configuration, for editors and checks."""
    from .schema import command

    command(name, output)


@app.command("new-plugin")
def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the component is called, such as my-method.", show_default=False)],
    kind: Annotated[str, typer.Option(help="objective, aggregator, prior, modality, dataset or metric.", show_default=False)],
    output: Annotated[Path, typer.Option(help="Where the folder mmgen-plugin-NAME is made.")] = Path(),
    licence: Annotated[str, typer.Option("--license", help="apache-2.0, mit or bsd-3-clause.")] = "apache-2.0",
    author: Annotated[str | None, typer.Option(help="Whose it is.")] = None,
) -> None:
    """Write a complete plugin to start from: one small component with its tests, ready to install and to publish."""
    from .new_plugin import command

    folder = command(name, kind, output, licence, author)
    typer.echo(f"Made {folder}. Next: pip install -e '{folder}[testing]' and pytest {folder}")
