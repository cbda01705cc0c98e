"""The application, and the options of the core's commands. Nothing here imports torch or a plugin."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from .commands import HELP, Commands

app = typer.Typer(
    name="mmgen",
    cls=Commands,
    help="Multimodal variational autoencoders: one latent space from several kinds of measurement.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=HELP,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PLACE",
        help="Where the run's data are now, or other rows: a file, a folder with files of the same names, or a YAML "
        "file that names them.",
    ),
]
DatasetSet = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="dataset.KEY=VALUE", help="Set an option of the dataset; may be repeated."),
]
GenerateSet = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set an option of the dataset (dataset.KEY) or the sampler (sampler.OPTION), or a covariate that decoders "
        "are told instead of a row's own (covariates.site=A: as if measured there); may be repeated.",
    ),
]
Given = Annotated[str | None, typer.Option(help="Modalities to infer from, separated by commas; all by default.")]


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mmgen {version('mmgen-core')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
) -> None:
    """Multimodal variational autoencoders: one latent space from several kinds of measurement."""


def train(
    objective: Annotated[str | None, typer.Option(help="What is maximised: mmgen list objectives.")] = None,
    dataset: Annotated[str | None, typer.Option(help="What is learned from: mmgen list datasets.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A complete configuration to start from: mmgen list recipes.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help="Of the recipe that is taken where none is named: desk, minutes on two cores, by default, or paper, "
            "as published.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file with sections like those of a run's config.yaml.")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Set anything; may be repeated.")
    ] = None,
    aggregator: Annotated[
        str | None, typer.Option(help="Instead of the objective's own: mmgen list aggregators.")
    ] = None,
    prior: Annotated[str | None, typer.Option(help="Instead of the objective's own: mmgen list priors.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the run; runs/DATASET-OBJECTIVE by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --output.")] = False,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training rows.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="How long to train, instead: as many epochs as fit; with --resume, how much more."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per step.")] = None,
    latent_dim: Annotated[int | None, typer.Option(help="Dimensions of the latent space.")] = None,
    beta: Annotated[float | None, typer.Option(help="Weight of the divergence.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, order and noise.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Train a model and write a run."""
    from .train import command

    training = {"epochs": epochs, "minutes": minutes, "batch_size": batch_size, "seed": seed}
    model = {"latent_dim": latent_dim, "beta": beta, "aggregator": aggregator, "prior": prior}
    command(objective, dataset, recipe, scale, config, assignments or [], output, resume, quiet, {**training, **model})


def evaluate(
    run: RunArgument,
    metrics: Annotated[
        str | None, typer.Option(help="Names separated by commas; all that the data allow by default.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="test, val, train, or new for rows that the run never saw; test by default.")
    ] = None,
    data: DataOption = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY.PATH=VALUE",
            help="Set metrics.NAME.OPTION, sampler.OPTION or dataset.KEY; may be repeated.",
        ),
    ] = None,
    figures: Annotated[bool, typer.Option(help="Whether to draw the figures.")] = True,
    latents: Annotated[
        str, typer.Option(help="How latents of more than two dimensions are drawn: pca, tsne or umap.")
    ] = "pca",
    color_by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,…",
            help="Columns by which the figure of latents is coloured too: genes, covariates, whatever the file has.",
        ),
    ] = None,
    as_json: Json = False,
    sampler: Annotated[
        str | None,
        typer.Option(help="What metrics draw from where nothing is given, instead of the prior: mmgen list samplers."),
    ] = None,
) -> None:
    """Compute metrics and draw figures of a run."""
    from .evaluate import command

    command(run, metrics, split, assignments or [], figures, latents, as_json, data, sampler, color_by)


def generate(
    run: RunArgument,
    given: Annotated[
        str | None, typer.Option(help="Modalities to generate from, separated by commas; none: from the prior.")
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="Modalities to generate, separated by commas; all by default.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", help="Items; 8 for a picture and from the prior, all rows for a table.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Draws per item; a table has their mean.", min=1)] = 1,
    split: Annotated[
        str | None,
        typer.Option(help="Rows to generate from: test, val, train, new or all; all for a table, test for a picture."),
    ] = None,
    data: DataOption = None,
    assignments: GenerateSet = None,
    seed: Annotated[int, typer.Option(help="Of the draws.", min=0)] = 0,
    out: Annotated[
        Path | None, typer.Option(help="A .png, .npz or .csv file; RUN/figures/generated.png by default.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="Name so many tags per item, the most probable first.", min=1)] = None,
    sampler: Annotated[
        str | None,
        typer.Option(help="What is drawn from without --given, instead of the prior: mmgen list samplers."),
    ] = None,
) -> None:
    """Generate modalities from others, or from the prior."""
    from .generate import command

    command(run, given, targets, n, samples, split, seed, out, top, data, assignments or [], sampler)


def encode(
    run: RunArgument,
    out: Annotated[
        Path,
        typer.Option(
            help="A .npz, .parquet or .csv file; .h5ad, .h5mu, .zarr with mmgen-plugin-scverse.", show_default=False
        ),
    ],
    given: Given = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Rows to encode: test, val, train, new or all; test rows, all with --data or for .h5ad, .h5mu, .zarr."
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Also the latents of single modalities.")] = False,
    inference: Annotated[
        str,
        typer.Option(
            help="What says where the latents are: encoder, or model (its own likelihood), which knows of single cells "
            "that rows lack.",
        ),
    ] = "encoder",
    data: DataOption = None,
    assignments: DatasetSet = None,
) -> None:
    """Write the latents of a split: means and standard deviations, labels, and numbers and names of rows."""
    from .encode import command

    command(run, given, split, private, inference, out, data, assignments or [])


def impute(
    run: RunArgument,
    out: Annotated[
        Path,
        typer.Option(
            help="A .csv or .parquet file; .h5ad, .h5mu, .zarr with mmgen-plugin-scverse.", show_default=False
        ),
    ],
    given: Given = None,
    split: Annotated[str, typer.Option(help="Rows to complete: test, val, train, new or all.")] = "all",
    draws: Annotated[int, typer.Option(help="Draws of the latents per row, of which a gap has the mean.", min=1)] = 50,
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Also NAME_sd, NAME_q05 and NAME_q95 of numbers that are filled in.")
    ] = False,
    mask: Annotated[
        bool, typer.Option("--mask", help="Also NAME_imputed: 1 where a value is filled in, else 0.")
    ] = False,
    inference: Annotated[
        str | None,
        typer.Option(
            help="What says where the latents are: model (its own likelihood) or encoder; by default the model's own "
            "where that is possible and was as good on validation rows.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.", min=0)] = 0,
    data: DataOption = None,
    assignments: DatasetSet = None,
) -> None:
    """Write the table again, complete: what was measured as it is, every gap filled from what its row has."""
    from .impute import command

    command(run, given, split, draws, uncertainty, mask, inference, seed, out, data, assignments or [])


def list_components(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]",
            help="objectives, aggregators, priors, modalities, likelihoods, datasets, formats, metrics, samplers, "
            "commands, launchers or recipes.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List what is installed, objectives by family; recipes are a list of their own."""
    from .listing import list_command

    list_command(kind, as_json)


def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A component, command or recipe, kind/NAME where several have the name; or a family of objectives.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Describe a component or command: what it is, its equation and paper, and its options."""
    from .info import command

    command(name, as_json)


def plugins(as_json: Json = False) -> None:
    """Show the installed plugins, and which of them are broken and why."""
    from .listing import plugins_command

    plugins_command(as_json)


def doctor(as_json: Json = False) -> None:
    """Look at this installation: versions, devices, plugins that fail, and what is slow here and why."""
    from .doctor import command

    command(as_json)


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One schema; all their names by default.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write all schemas into this folder.")] = None,
) -> None:
    """Print the JSON Schema of a configuration, for editors and checks."""
    from .schema import command

    command(name, output)


def new_plugin(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What the component is called, such as my-method.", show_default=False)
    ],
    kind: Annotated[
        str,
        typer.Option(
            help="objective, aggregator, prior, modality, likelihood, dataset, format, metric, sampler, command or "
            "launcher.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option(help="Where the folder mmgen-plugin-NAME is made.")] = Path(),
    licence: Annotated[str, typer.Option("--license", help="apache-2.0, mit or bsd-3-clause.")] = "apache-2.0",
    author: Annotated[str | None, typer.Option(help="Whose it is.")] = None,
) -> None:
    """Write a complete plugin to start from: one small component with its tests, ready to install and to publish."""
    from .new_plugin import command

    folder = command(name, kind, output, licence, author)
    typer.echo(f"Made {folder}. Next: pip install -e '{folder}[testing]' and pytest {folder}")
