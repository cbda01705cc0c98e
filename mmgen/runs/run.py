"""A run as an object: its configuration, model, data, history and results."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..data import Data, Dataset, Table
from ..errors import DataWarning, MmgenError
from ..evaluation import Evaluation, Metric, evaluate
from ..evaluation.grids import spread_rows
from ..evaluation.subsets import is_drawn
from ..models import (
    MultimodalVAE,
    Sampler,
    build_sampler,
    choose_sampler,
    fit_sampler,
    own_inference,
)
from ..models.building import Component
from ..models.inference import Inference
from ..options import merge
from ..registry.components import entries, find, local_entries
from .encoding import Encoding, encode
from .environment import check_components
from .folder import HISTORY, MODEL, RESULTS, RunFolder
from .generation import Generation, generate, origin_in_words
from .imputation import Imputation, impute
from .notebook import run_as_html
from .openers import find_folder
from .opening import open_data
from .samplers import file_of, fingerprint_of, read_sampler, write_sampler

if TYPE_CHECKING:
    import pandas as pd

ITEMS = 8  # from the prior, where nobody says how many


class Run:
    """What a training produced; ``load_run`` opens one from its folder."""

    def __init__(
        self,
        config: dict[str, Any],
        folder: RunFolder | None,
        *,
        model: MultimodalVAE | None = None,
        data: Data | None = None,
        dataset: Mapping[str, Any] | Dataset | None = None,
    ) -> None:
        self.config = config
        self.folder = folder
        self._dataset: Mapping[str, Any] | Dataset = {} if dataset is None else dataset
        self._model = model
        self._data = data
        self._history: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._samplers: dict[tuple[str, str], Sampler] = {}

    @property
    def path(self) -> Path | None:
        """The folder; None for a run that is only in memory."""
        return self.folder.path if self.folder else None

    @property
    def model(self) -> MultimodalVAE:
        """The trained model; rebuilt from the configuration, without any data, where the run was opened from its
        folder.
        """
        if self._model is None:
            self._model = self._rebuilt()
        return self._model

    @property
    def data(self) -> Data:
        """The data that it was trained on, or others that :func:`load_run` was told of; read by the run's own columns
        and codes.

        Rows that it was trained on are ``train`` wherever they stand, and rows that it never saw are ``new``.
        """
        if self._data is None:
            check_components(part for part in self._components() if part["kind"] == "datasets")
            self._data = open_data(self.config, self.folder, self._dataset)
        return self._data

    def data_to_evaluate(self) -> Data:
        """:attr:`data`; where these have no training rows, with those of the run's own data, for what is compared with
        training rows.

        So probes learn from the rows that the model has learned from, and are scored on the others. Own data that are
        not there any more are done without.
        """
        data = self.data
        if len(data.train) or not self._dataset:
            return data
        try:
            own = open_data(self.config, self.folder, {})
        except MmgenError:
            return data
        return replace(data, train=own.train, val=own.val, complete=own.complete, fingerprint=own.fingerprint)

    @property
    def reads_other_data(self) -> bool:
        """Whether :attr:`data` are not those that it was trained on, or not as they were."""
        if self.folder is None:
            return False
        trained = self.folder.environment().get("data", {}).get("fingerprint", self.data.fingerprint)
        return self.data.fingerprint != trained

    # What people ask of it --------------------------------------------------------------------------------------------

    def encode(
        self, given: Sequence[str] | None = None, split: str | None = None, *, private: bool = False
    ) -> pd.DataFrame:
        """The latents of rows: a line per row, indexed by what rows are called, else by their numbers.

        Args:
            given: Modalities to infer from, by name; what each row has by default.
            split: ``train``, ``val``, ``test``, ``new`` or ``all``; test rows by default, new ones where a run reads
                nothing else.
            private: Whether the latents that single modalities have for themselves are wanted too.

        Returns:
            Columns ``given`` (how many of the given modalities a row has), the labels and covariates, and means ``z0``
            … and standard deviations ``z0_scale`` … of q(z | x_given); with ``private`` also ``w_NAME0`` … of q(w_m |
            x_m).

        Raises:
            MmgenError: An unknown modality or split, no such rows, or no private latents.

        >>> import mmgen
        >>> run = mmgen.train("elbo", "mfeat", epochs=1, latent_dim=2, quiet=True)
        >>> run.encode(["pix"]).columns.tolist()
        ['given', 'digit', 'z0', 'z1', 'z0_scale', 'z1_scale']
        """
        frame = self.encoding(given, split, private=private).frame()
        if "id" in frame:
            return frame.drop(columns="row").set_index("id")
        return frame.set_index("row")

    def encoding(
        self, given: Sequence[str] | None = None, split: str | None = None, *, private: bool = False
    ) -> Encoding:
        """What :meth:`encode` gives, as arrays."""
        names = list(self.model.modalities) if given is None else _names(given)
        return encode(self.model, self.rows(split), names, self.data.labels, private=private)

    def impute(
        self,
        given: Sequence[str] | None = None,
        split: str | None = "all",
        *,
        draws: int = 50,
        uncertainty: bool = False,
        mask: bool = False,
        inference: Inference | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """The table again, complete: what was measured as it is, and every gap filled from what its row has.

        A gap is a modality that a row lacks, or a cell of one that it has. What cannot be filled stays empty (NaN,
        None), and a :class:`DataWarning` says why.

        Args:
            given: Modalities to infer from, by name; of these each row gives what it has. All by default.
            split: The rows, as in :meth:`encode`; all by default, in the order of the source.
            draws: Draws of z per row. A number is the mean over them of the mean of p(x | z), a category (or a symbol
                of a text) the one that is most probable for most of them.
            uncertainty: Whether numbers and counts have columns ``NAME_sd``, ``NAME_q05`` and ``NAME_q95``: of as many
                draws from p(x | z), where z is drawn too. They are NaN where a value was measured.
            mask: Whether every column has one ``NAME_imputed`` of 0 and 1.
            inference: What says where z is: ``model``, the posterior of the model itself, p(z | x_given), of the
                likelihoods of its decoders; or ``encoder``, q(z | x_given), as :meth:`encode` and :meth:`generate` have
                it. By default the model's own in rows that give only tables (vectors, counts, tags, mixed columns, of
                5,000 values at most), where all modalities share one z.
            seed: Of the draws.

        Returns:
            A line per row, indexed as in :meth:`encode`; a column per value of every modality but images, by the names
            and in the units of the source.

        Raises:
            MmgenError: An unknown modality or split, no such rows, nothing but images, no decoders, or no inference by
                the model where it is asked for.

        >>> import mmgen
        >>> run = mmgen.train("elbo", "rats", epochs=1, latent_dim=2, quiet=True, missing_rate=0.3, missing_cells=0.1)
        >>> complete = run.impute(split="train")
        >>> int(complete.isna().sum().sum())
        0
        """
        imputation = self.imputation(given, split, draws=draws, uncertainty=uncertainty, inference=inference, seed=seed)
        for note in imputation.notes:
            warnings.warn(note, DataWarning, stacklevel=2)
        frame = imputation.frame(mask)
        return frame.drop(columns="row").set_index("id") if "id" in imputation.about else frame.set_index("row")

    def imputation(
        self,
        given: Sequence[str] | None = None,
        split: str | None = "all",
        *,
        draws: int = 50,
        uncertainty: bool = False,
        inference: Inference | None = None,
        seed: int = 0,
    ) -> Imputation:
        """What :meth:`impute` gives, with what it says."""
        table = self.rows(split)
        own, reason = own_inference(self.model, self.sampler, inference)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return impute(self.model, table, given, draws=draws, uncertainty=uncertainty, own=own, why_encoders=reason)

    def generate(
        self,
        given: Sequence[str] = (),
        targets: Sequence[str] | None = None,
        *,
        n: int | None = None,
        samples: int = 1,
        split: str | None = None,
        spread: bool = False,
        covariates: Mapping[str, Any] | None = None,
        seed: int = 0,
        sampler: Component | None = None,
    ) -> Generation:
        """Generate modalities from others, or from the prior.

        Args:
            given: What to condition on, by name; nothing: from the prior.
            targets: What to generate, by name; everything that the model can by default.
            n: The first ``n`` rows, or items from the prior; by default all rows, and 8 items.
            samples: Draws of z per row or item.
            split: The rows, as in :meth:`encode`.
            spread: Whether the ``n`` rows are of different classes instead of the first ones.
            covariates: What decoders are told instead of a row's own covariates: ``{"site": "A"}``, as if it had been
                measured there.
            seed: Of the draws.
            sampler: What z is drawn from where nothing is given, instead of the prior (``mmgen list samplers``): a
                name, a class, or a mapping of ``name`` and options, such as ``{"name": "gmm", "components": 20}``.

        Returns:
            ``.values`` (name to ``[samples, N, *shape]`` in data units), ``.frame()``, ``.arrays()`` and ``.figure()``.

        Raises:
            MmgenError: An unknown modality, split or sampler, or what the objective does not infer or generate.
        """
        if given and sampler is not None:
            raise MmgenError(
                f"A sampler draws where nothing is given; leave it out, or what is given ({'+'.join(given)})."
            )
        drawn_from = None if sampler is None else self.sampler(sampler)
        given = _names(given)
        names = _names(targets or list(self.model.decoder_sizes or self.model.modalities))
        table = None
        if given:
            table = self.rows(split)
            if n is not None and spread:
                table = table.select(torch.tensor(spread_rows(table, n, seed)))
            elif n is not None:
                table = table.select(torch.arange(min(n, len(table))))
        origin = f"given {'+'.join(given)}" if given else origin_in_words(sampler)
        title = f"{self.config['objective']['name']} on {self.data.name}, {origin}\n({self.data.provenance.kind} data)"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return generate(self.model, table, list(given), names, n or ITEMS, samples, title, covariates, drawn_from)

    def evaluation(self, split: str | None = None) -> Evaluation:
        """The model on the rows of a split, for metrics and figures."""
        seed = self.config["training"]["seed"]
        data, split = self.data_to_evaluate(), self.split(split)
        return Evaluation(self.model, data, split=split, seed=seed, samplers=self.sampler)

    def sampler(self, sampler: Component) -> Sampler:
        """A sampler that is fitted to the latents of training rows, each given everything that it has.

        It is fitted when it is first asked for, with the seed of the training, and kept in the run's folder
        (``samplers/``), unless that is somebody else's or the run reads other data than its own.

        Args:
            sampler: A name (``mmgen list samplers``), a class, or a mapping of ``name`` and options.

        Raises:
            MmgenError: An unknown sampler or option, or no training rows.
        """
        choice = choose_sampler(sampler)
        if not choice.component.fitted:
            return build_sampler(self.model, choice)
        fingerprint = fingerprint_of(self.model)
        key = (file_of(choice), fingerprint)
        found = self._samplers.get(key)
        if found is None and self.folder is not None:
            found = read_sampler(self.folder, self.model, choice, fingerprint)
        if found is None:
            found = fit_sampler(self.model, choice, self.data_to_evaluate().train, self.config["training"]["seed"])
            if self.folder is not None and not self.reads_other_data:
                write_sampler(self.folder, found, choice, fingerprint)
        self._samplers[key] = found
        return found

    def evaluate(
        self,
        metrics: Sequence[str | type[Metric]] | None = None,
        split: str | None = None,
        *,
        notify: Callable[[str], None] | None = None,
        evaluation: Evaluation | None = None,
        sampler: Component | None = None,
        **options: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        """Compute metrics, and keep them among the results of the run, unless it reads other data than its own.

        Args:
            metrics: Names (``mmgen list metrics``) or classes; by default all installed ones that the data allow, but
                for the costly ones.
            split: ``test``, ``val``, ``train``, or ``new`` for rows that the run never saw.
            notify: Called with a sentence for each metric that is left out or leaves something out, and why.
            evaluation: What :meth:`evaluation` gave, where it holds latents already.
            sampler: What z is drawn from where nothing is given, for all metrics that say of what they draw it (their
                option ``sampler``); the prior by default.
            **options: Of metrics, by name, with _ for -: ``log_likelihood={"samples": 200}``; over those of the run.

        Returns:
            Rows with ``metric, measure, given, target, label, value, n, note, split, seed, data``.

        Raises:
            MmgenError: An unknown metric, option, sampler or split, or no such rows.
        """
        evaluation = self.evaluation(split) if evaluation is None else evaluation
        merged = merge(self.config.get("metrics", {}), {_metric(name): each for name, each in options.items()})
        rows = evaluate(evaluation, metrics, notify=notify, options=merged, sampler=sampler)
        if not self.reads_other_data:
            self.add_results(rows)
        return rows

    def split(self, name: str | None = None) -> str:
        """The name of a split; by default test rows, and new ones where the run reads nothing else."""
        if name is not None:
            return name
        return "new" if self.data.new is not None and not len(self.data.test) else "test"

    def rows(self, split: str | None = None) -> Table:
        """The rows of a split, by :meth:`split`; none of them is an error that says what there is."""
        name = self.split(split)
        table = self.data.split(name)
        if not len(table):
            raise MmgenError(f"The data have no {name} rows; the split all takes every one.")
        return table

    # Inside -----------------------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        place = "in memory" if self.path is None else str(self.path)
        return run_as_html(self.config, place, self.history, self.results)

    def __repr__(self) -> str:
        place = "in memory" if self.path is None else f"in {self.path}"
        return f"Run({self.config['objective']['name']} on {self.config['dataset']['name']}, {place})"

    def _rebuilt(self) -> MultimodalVAE:
        if self.folder is None:
            raise MmgenError("This run has no folder to load a model from.")
        check_components(part for part in self._components() if part["kind"] != "datasets")
        model = MultimodalVAE.rebuild(self.config)
        weights, _ = self.folder.tensors(MODEL)
        model.load_state_dict(weights)
        return model.eval()

    def _components(self) -> list[dict[str, str]]:
        return self.folder.environment().get("components", []) if self.folder else []

    @property
    def history(self) -> list[dict[str, Any]]:
        """A record per epoch."""
        return self.folder.lines(HISTORY) if self.folder else self._history

    @property
    def results(self) -> list[dict[str, Any]]:
        """Tidy rows of all metrics that were computed."""
        return self.folder.lines(RESULTS) if self.folder else self._results

    def add_results(self, rows: list[dict[str, Any]]) -> None:
        """Keep rows, in place of earlier ones of the same metrics on the same split; those of draws from one sampler
        (or the prior) stay beside those from another.
        """
        new = {(row["metric"], row["split"]) for row in rows}
        drawn = {(row["metric"], row["split"], row["given"]) for row in rows if is_drawn(row["given"])}
        of_draws = {(metric, split) for metric, split, _ in drawn}

        def stays(row: Mapping[str, Any]) -> bool:
            key = (row["metric"], row["split"])
            of_another = key in of_draws and is_drawn(row["given"]) and (*key, row["given"]) not in drawn
            return key not in new or of_another

        rows_now = [row for row in self.results if stays(row)] + rows
        if self.folder:
            self.folder.write_lines(RESULTS, rows_now)
        else:
            self._results = rows_now

    def add_history(self, records: list[dict[str, Any]]) -> None:
        """Write the history anew."""
        if self.folder:
            self.folder.write_lines(HISTORY, records)
        self._history = records


def load_run(path: str | Path, dataset: Mapping[str, Any] | Dataset | None = None) -> Run:
    """Open a run: ``.config``, ``.model``, ``.data``, ``.history`` and ``.results``.

    Args:
        path: A run's folder, or what a plugin opens: with mmgen-plugin-report a folder that ``mmgen export`` made, or
            the name of a repository on the Hugging Face Hub (``user/name``), of which data files alone are read.
        dataset: Options of the dataset that are different here, such as ``{"root": FOLDER}`` where the run was trained
            on another machine, or ``{"path": FILE}`` for other rows: they are read by the run's columns, categories and
            units. Or a dataset as it is, where it cannot be made from options alone; or rows in memory, as a mapping of
            modalities to arrays, DataFrames or tensors (a label, group or covariate under its name in the run).

    Raises:
        MmgenError: No run there, or one whose components are not installed (with the line that installs them).
    """
    folder = find_folder(path)
    return Run(folder.config(), folder, dataset=dataset)


def _names(given: Sequence[str]) -> list[str]:
    """Names of modalities, of which one alone may stand without a list."""
    return [given] if isinstance(given, str) else list(given)


def _metric(word: str) -> str:
    """The metric that an argument of Python names; one that there is not is an error."""
    installed = {entry.name for entry in (*entries("metrics"), *local_entries("metrics"))}
    return find("metrics", word if word in installed else word.replace("_", "-")).name
