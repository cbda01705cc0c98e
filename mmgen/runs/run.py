"""A run as an object: its configuration, model, data, history and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..data import Data, Dataset, Table
from ..errors import MmgenError, WriteError, alternatives, warn
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
from ..registry import load
from ..registry.components import entries, find, local_entries
from .config import config_of
from .encoding import Encoding, encode, indexed
from .environment import check_components
from .folder import HISTORY, RESULTS, RunFolder
from .generation import Generation, generate, origin_in_words
from .imputation import Imputation, impute
from .notebook import run_as_html
from .openers import find_folder
from .opening import open_data
from .other_rows import checked_rows
from .rebuilding import rebuilt
from .samplers import file_of, fingerprint_of, read_sampler, write_sampler

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from .other_rows import OtherRows

FIELDS = ("metric", "measure", "given", "target", "label", "value", "n", "note", "split", "seed", "data")  # of a number
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
        dataset: OtherRows | Dataset | None = None,
        own: Run | None = None,
    ) -> None:
        self.config = config
        self.folder = folder
        self._dataset: OtherRows | Dataset = {} if dataset is None else checked_rows(dataset, config["dataset"])
        self._model = model
        self._data = data
        self._own = own
        self._history: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._samplers: dict[tuple[str, str], Sampler] = {} if own is None else own._samplers

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
            known = None if self._own is None or self.folder is not None else self._own._data
            self._data = open_data(self.config, self.folder, self._dataset, known)
            trained = self._fingerprint
            notes = [note for note in self._data.notes if self._own is None or note not in self._data.changes]
            if notes and trained and self._data.fingerprint != trained:
                warn(" ".join(notes))
        return self._data

    def on(self, data: OtherRows | Dataset, **options: Any) -> Run:
        """The same run on other rows: with its model, and with them as :attr:`data`.

        Args:
            data: A DataFrame with the columns of the run's own table; a mapping of modalities to arrays, DataFrames or
                tensors, in which labels, groups and covariates have their names in the run; or the path of a file. All
                are read by the run's columns, categories and units, and may lack modalities, labels and covariates.
            **options: Of the run's dataset that are different for these rows: ``unknown="missing"`` takes a category
                that the run does not know for a missing value.

        Raises:
            MmgenError: A path to nothing, or rows that the run cannot read.

        >>> import mmgen, pandas as pd, numpy as np
        >>> genes = pd.DataFrame(np.random.randn(40, 3), columns=["TP53", "MYC", "KRAS"])
        >>> run = mmgen.train("elbo", {"genes": genes}, epochs=1, latent_dim=2, quiet=True)
        >>> run.on({"genes": genes[:5] + 1}).data.split("new")
        Table(5 rows; genes [3])
        """
        section = self.config["dataset"]
        known = load("datasets", section["name"]).Config.model_fields
        for name in options:
            if name not in known:
                raise MmgenError(f"{name}: the run's dataset has no such option; it has {alternatives(name, known)}")
        config = {**self.config, "dataset": {**section, **options}}
        other = Run(config, self.folder, model=self.model, dataset=data, own=self._own or self)
        _ = other.data
        return other

    def data_to_evaluate(self) -> Data:
        """:attr:`data`; where these have no training rows, with those of the run's own data, for what is compared with
        training rows.

        So probes learn from the rows that the model has learned from, and are scored on the others. Own data that are
        not there any more are done without.
        """
        data = self.data
        if len(data.train) or not self._reads_others:
            return data
        try:
            own = self._own.data if self._own and self.folder is None else open_data(self.config, self.folder, {})
        except MmgenError:
            return data
        return replace(data, train=own.train, val=own.val, complete=own.complete, fingerprint=own.fingerprint)

    @property
    def reads_other_data(self) -> bool:
        """Whether :attr:`data` are not those that it was trained on, or not as they were."""
        return self.data.fingerprint != (self._fingerprint or self.data.fingerprint)

    @property
    def _reads_others(self) -> bool:
        """Whether it was told of other data than its own."""
        return self._own is not None or not isinstance(self._dataset, Mapping) or bool(self._dataset)

    @property
    def _fingerprint(self) -> str:
        """Of the data that it was trained on; empty where nobody knows."""
        if self.folder is not None:
            return str(self.folder.environment().get("data", {}).get("fingerprint", ""))
        return "" if self._own is None or self._own._data is None else self._own._data.fingerprint

    # What people ask of it --------------------------------------------------------------------------------------------

    def encode(
        self,
        data: OtherRows | Dataset | None = None,
        *,
        given: Sequence[str] | None = None,
        split: str | None = None,
        private: bool = False,
        inference: Inference = "encoder",
    ) -> pd.DataFrame:
        """The latents of rows: a line per row, indexed as the rows are in a DataFrame, else by what they are called,
        else by their numbers.

        Args:
            data: Rows to encode, as :meth:`on` reads them; those of the run by default.
            given: Modalities to infer from, by name; what each row has by default.
            split: ``train``, ``val``, ``test``, ``new`` or ``all``. All of ``data`` by default, in their order; of the
                run's own rows those for testing, or new ones where a run was opened on nothing else.
            private: Whether the latents that single modalities have for themselves are wanted too.
            inference: What says where z is: ``encoder``, q(z | x_given), or ``model``, the posterior of the model
                itself, as in :meth:`impute`, where that is possible; it knows which single cells a row lacks.

        Returns:
            Columns ``given`` (which of the given modalities a row has: ``genes+scan``, or nothing), the labels and
            covariates, and means ``z0`` … and standard deviations ``z0_scale`` … of q(z | x_given); with
            ``private`` also ``w_NAME0`` … of q(w_m | x_m).

        Raises:
            MmgenError: Rows that the run cannot read, an unknown modality or split, no such rows, no private latents,
                or no inference by the model where it is asked for.

        >>> import mmgen
        >>> run = mmgen.train("elbo", "mfeat", epochs=1, latent_dim=2, quiet=True)
        >>> run.encode(given=["pix"]).columns.tolist()
        ['given', 'digit', 'z0', 'z1', 'z0_scale', 'z1_scale']
        """
        run, split = self._asked(data, split)
        encoding = run.encoding(given=given, split=split, private=private, inference=inference)
        for note in encoding.notes:
            warn(note)
        return run._by_row(encoding.frame(), encoding.ids)

    def encoding(
        self,
        data: OtherRows | Dataset | None = None,
        *,
        given: Sequence[str] | None = None,
        split: str | None = None,
        private: bool = False,
        inference: Inference = "encoder",
    ) -> Encoding:
        """What :meth:`encode` gives, as arrays."""
        run, split = self._asked(data, split)
        names = list(run.model.modalities) if given is None else _names(given)
        own, _ = own_inference(run.model, run.sampler, inference)
        return encode(run.model, run.rows(split), names, run.data.labels, private=private, inference=own)

    def impute(
        self,
        data: OtherRows | Dataset | None = None,
        *,
        given: Sequence[str] | None = None,
        split: str | None = "all",
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
            data: Rows to complete, as :meth:`on` reads them; those of the run by default.
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
                5,000 values at most), where all modalities share one z; unless the encoders imputed the validation
                rows of the training better.
            seed: Of the draws.

        Returns:
            A line per row, indexed as in :meth:`encode`; the columns of the source as it has them, those of no modality
            too (labels, covariates, groups), and behind them what it lacks of modalities other than images.

        Raises:
            MmgenError: Rows that the run cannot read, an unknown modality or split, no such rows, nothing but images,
                no decoders, or no inference by the model where it is asked for.

        >>> import mmgen
        >>> run = mmgen.train("elbo", "rats", epochs=1, latent_dim=2, quiet=True, missing_rate=0.3, missing_cells=0.1)
        >>> complete = run.impute(split="train")
        >>> int(complete.isna().sum().sum())
        0
        """
        run, split = self._asked(data, split)
        imputation = run.imputation(
            given=given, split=split, draws=draws, uncertainty=uncertainty, inference=inference, seed=seed
        )
        for note in imputation.notes:
            warn(note)
        frame = imputation.frame(mask).assign(**imputation.about)
        return run._by_row(frame, [name for name in imputation.about if name != "row"])

    def imputation(
        self,
        data: OtherRows | Dataset | None = None,
        *,
        given: Sequence[str] | None = None,
        split: str | None = "all",
        draws: int = 50,
        uncertainty: bool = False,
        inference: Inference | None = None,
        seed: int = 0,
    ) -> Imputation:
        """What :meth:`impute` gives, with what it says."""
        run, split = self._asked(data, split)
        table = run.rows(split)
        own, reason = own_inference(run.model, run.sampler, inference)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = impute(run.model, table, given, draws=draws, uncertainty=uncertainty, own=own, why_encoders=reason)
        made = made.of(run.data.dataset.original(table))
        left_out = run.data.facts.get("rows_without_any_modality", 0)
        if data is None and split == "all" and left_out:  # of other rows their reading says it
            note = f"Rows of the table without any modality are left out: {left_out}."
            made = replace(made, notes=(*made.notes, note))
        return made

    def generate(
        self,
        data: OtherRows | Dataset | None = None,
        *,
        given: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
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
            data: Rows to generate from, as :meth:`on` reads them; those of the run by default.
            given: What to condition on, by name. By default everything that each row of ``data`` has, the targets
                themselves too; without ``data`` nothing: from the prior.
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
            MmgenError: Rows that the run cannot read, an unknown modality, split or sampler, or what the objective does
                not infer or generate.
        """
        run, split = self._asked(data, split)
        given = list(run.model.modalities) if given is None and data is not None else _names(given or ())
        if data is not None and not given:
            raise MmgenError("given: nothing is taken from these rows; name a modality, or leave out the rows.")
        if given and sampler is not None:
            raise MmgenError(
                f"A sampler draws where nothing is given; leave it out, or what is given ({'+'.join(given)})."
            )
        drawn_from = None if sampler is None else run.sampler(sampler)
        names = _names(targets or list(run.model.decoder_sizes or run.model.modalities))
        table = index = None
        if given:
            table = run.rows(split)
            if n is not None and spread:
                table = table.select(torch.tensor(spread_rows(table, n, seed)))
            elif n is not None:
                table = table.select(torch.arange(min(n, len(table))))
            index = None if table.rows is None else run._index_of(table.rows.numpy())
        origin = f"given {'+'.join(given)}" if given else origin_in_words(sampler)
        title = f"{run.config['objective']['name']} on {run.config['dataset']['name']}, {origin}{run._kind_in_words()}"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = generate(run.model, table, given, names, n or ITEMS, samples, title, covariates, drawn_from)
        return replace(made, index=index)

    def loadings(self, data: OtherRows | Dataset | None = None, *, split: str | None = None) -> pd.DataFrame:
        """What each dimension of z does to each column, through the decoder: the mean effect of one standard deviation
        of z, in standard deviations of the column (:func:`mmgen.evaluation.loadings_frame`).

        Args:
            data: Rows that the run has never seen, as in :meth:`encode`; its own by default.
            split: The rows that it is a mean over, at most 500, as in :meth:`encode`.

        Returns:
            A line per modality and column, a column per dimension. A category has a line for each of its values, an
            image one for all pixels (the mean of their absolute loadings), and a text none.

        Raises:
            MmgenError: A model that decodes nothing with columns, an unknown split, or no such rows.

        >>> import mmgen
        >>> run = mmgen.train("elbo", "rats", epochs=1, latent_dim=2, quiet=True)
        >>> run.loadings().columns.tolist()
        ['z0', 'z1']
        """
        from ..evaluation import loadings_frame  # with what draws, only where it is wanted

        return loadings_frame(self.evaluation(data, split=split))

    def attribution(
        self,
        data: OtherRows | Dataset | None = None,
        *,
        given: Sequence[str] | None = None,
        split: str | None = None,
        rows: int = 200,
        steps: int = 32,
    ) -> pd.DataFrame:
        """What each column says to z, through the encoders: integrated gradients of the posterior mean, by Captum
        (``pip install 'mmgen-core[attribution]'``).

        Args:
            data: Rows that the run has never seen, as in :meth:`encode`; its own by default.
            given: Modalities to infer from, by name; of these each row gives what it has. All by default.
            split: The rows that it is a mean over, as in :meth:`encode`.
            rows: How many of them, at most, drawn at random.
            steps: Of each integral.

        Returns:
            A line per modality and column, a column per dimension: the mean absolute attribution in standard deviations
            of z over these rows, negative where larger values mean a smaller z.

        Raises:
            MmgenError: Captum is not installed, an unknown modality or split, or nothing that has gradients.
        """
        from .attribution import attribution

        run, split = self._asked(data, split)
        names = list(run.model.modalities) if given is None else _names(given)
        seed = run.config["training"]["seed"]
        return attribution(run.model, run.rows(split), names, rows=rows, steps=steps, seed=seed)

    def evaluation(self, data: OtherRows | Dataset | None = None, *, split: str | None = None) -> Evaluation:
        """The model on the rows of a split, for metrics and figures."""
        run = self if data is None else self.on(data)
        if split == "all":
            raise MmgenError(
                "split 'all': some rows may be those that were trained on; evaluate test, val, train or new."
            )
        seed = run.config["training"]["seed"]
        rows, split = run.data_to_evaluate(), run.split(split)
        return Evaluation(run.model, rows, split=split, seed=seed, samplers=run.sampler)

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
                with suppress(WriteError):  # it can be fitted again
                    write_sampler(self.folder, found, choice, fingerprint)
        self._samplers[key] = found
        return found

    def keep_sampler(self, sampler: Component, fitted: Sampler) -> None:
        """Take a fitted one in the place of what :meth:`sampler` fits, also into the folder of a run that has one."""
        choice, fingerprint = choose_sampler(sampler), fingerprint_of(self.model)
        self._samplers[file_of(choice), fingerprint] = fitted
        if self.folder is not None:
            write_sampler(self.folder, fitted, choice, fingerprint)

    def evaluate(
        self,
        data: OtherRows | Dataset | None = None,
        *,
        metrics: Sequence[str | type[Metric]] | None = None,
        split: str | None = None,
        notify: Callable[[str], None] | None = None,
        evaluation: Evaluation | None = None,
        sampler: Component | None = None,
        **options: Mapping[str, Any],
    ) -> pd.DataFrame:
        """Compute metrics, and keep them among the results of the run, unless it reads other data than its own.

        Args:
            data: Rows to evaluate on, as :meth:`on` reads them; those of the run by default.
            metrics: Names (``mmgen list metrics``) or classes; by default all installed ones that the data allow, but
                for the costly ones.
            split: ``test``, ``val``, ``train``, or ``new`` for rows that the run never saw; test rows by default, and
                new ones where there are none of these, so that no number is of rows that the run was trained on.
            notify: Called with a sentence for each metric that is left out or leaves something out, and why.
            evaluation: What :meth:`evaluation` gave, where it holds latents already.
            sampler: What z is drawn from where nothing is given, for all metrics that say of what they draw it (their
                option ``sampler``); the prior by default.
            **options: Of metrics, by name, with _ for -: ``log_likelihood={"samples": 200}``; over those of the run.

        Returns:
            A line per number, with ``metric, measure, given, target, label, value, n, note, split, seed, data``.

        Raises:
            MmgenError: An unknown metric, option, sampler or split, or no such rows.

        >>> import mmgen
        >>> run = mmgen.train("elbo", "mfeat", epochs=1, latent_dim=2, quiet=True)
        >>> run.evaluate(metrics=["reconstruction"]).columns[:6].tolist()
        ['metric', 'measure', 'given', 'target', 'label', 'value']
        """
        import pandas as pd

        rows = self.measurements(
            data,
            metrics=metrics,
            split=split,
            notify=notify,
            evaluation=evaluation,
            sampler=sampler,
            keep=True,
            **options,
        )
        return pd.DataFrame(rows, columns=list(dict.fromkeys((*FIELDS, *(name for row in rows for name in row)))))

    def measurements(
        self,
        data: OtherRows | Dataset | None = None,
        *,
        metrics: Sequence[str | type[Metric]] | None = None,
        split: str | None = None,
        notify: Callable[[str], None] | None = None,
        evaluation: Evaluation | None = None,
        sampler: Component | None = None,
        keep: bool = True,
        **options: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        """What :meth:`evaluate` gives, as the rows that a run keeps; with ``keep=False`` :meth:`add_results` keeps them
        later.
        """
        if data is not None and evaluation is not None:
            raise MmgenError("An evaluation has its rows already; leave out one of the two.")
        run = self if data is None else self.on(data)
        evaluation = run.evaluation(split=split) if evaluation is None else evaluation
        merged = merge(self.config.get("metrics", {}), {_metric(name): each for name, each in options.items()})
        rows = evaluate(evaluation, metrics, notify=notify, options=merged, sampler=sampler)
        if keep and not run.reads_other_data:
            self.add_results(rows)
        return rows

    def figure(
        self,
        name: str,
        data: OtherRows | Dataset | None = None,
        *,
        split: str | None = None,
        view: str = "pca",
        color_by: Sequence[str] = (),
        evaluation: Evaluation | None = None,
    ) -> Figure:
        """One of the pictures that ``mmgen evaluate`` writes into ``figures``, for a notebook or ``.savefig(…)``.

        Args:
            name: Of its file, without the ending: ``latents``, ``imputation``, ``variance-explained``, ``loadings``,
                ``modality-gain``, ``missingness``, ``predicted``, ``learning-curves``, ….
            data: Rows to draw, as :meth:`on` reads them; those of the run by default.
            split: As in :meth:`evaluate`.
            view: How latents of more than two dimensions are drawn: ``pca``, ``tsne`` or ``umap``.
            color_by: Columns by which ``latents`` are coloured too: of modalities (``genes.TP53`` where several have
                it), covariates, or whatever else stands in the file of the rows.
            evaluation: What :meth:`evaluation` gave, where metrics have been computed of it already.

        Raises:
            MmgenError: There is no such figure of these data or no such column, or the rows cannot be read.

        >>> import mmgen
        >>> run = mmgen.train("elbo", "mfeat", epochs=1, latent_dim=2, quiet=True)
        >>> type(run.figure("latents")).__name__
        'Figure'
        """
        from ..evaluation.figures import figure  # with what draws, only where it is wanted

        if data is not None and evaluation is not None:
            raise MmgenError("An evaluation has its rows already; leave out one of the two.")
        evaluation = self.evaluation(data, split=split) if evaluation is None else evaluation
        options = self.config.get("metrics", {})
        return figure(evaluation, name, self.history, view=view, options=options, color_by=_names(color_by))

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

    def _asked(self, data: OtherRows | Dataset | None, split: str | None) -> tuple[Run, str | None]:
        """The run on the rows that are asked for, and their split: all where they are given."""
        return (self, split) if data is None else (self.on(data), split or "all")

    def _kind_in_words(self) -> str:
        """Whether its data are real, for the title of a picture; nothing where nobody knows."""
        if self._data is not None or self.folder is None:
            kind = self._data.provenance.kind if self._data is not None else ""
        else:
            kind = self.folder.environment().get("data", {}).get("provenance", {}).get("kind", "")
        return f"\n({kind} data)" if kind else ""

    def _index_of(self, rows: np.ndarray) -> pd.Index | None:
        """What pandas calls rows of :attr:`data`, by their numbers; None where only their ids and numbers are known."""
        index = self.data.dataset.index
        return None if index is None else index.take(rows)

    def _by_row(self, frame: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
        """A frame with the column ``row`` and those of ids, indexed by what its rows are called."""
        return indexed(frame, ids, self._index_of(frame["row"].to_numpy()))

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
        return rebuilt(self.folder, self.config)

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

    def add_record(self, record: dict[str, Any]) -> None:
        """Add the record of an epoch to the history."""
        if self.folder:
            self.folder.append_line(HISTORY, record)
        else:
            self._history.append(record)


def load_run(path: str | Path, dataset: OtherRows | Dataset | None = None) -> Run:
    """Open a run: ``.config``, ``.model``, ``.data``, ``.history`` and ``.results``.

    Args:
        path: A run's folder, or what a plugin opens: with mmgen-plugin-report a folder that ``mmgen export`` made, or
            the name of a repository on the Hugging Face Hub (``user/name``), of which data files alone are read.
        dataset: Options of the dataset that are different here, such as ``{"root": FOLDER}`` where the run was trained
            on another machine; a dataset as it is, where it cannot be made from options alone; or other rows, as
            :meth:`Run.on` reads them.

    Raises:
        MmgenError: No run there, or one whose components are not installed (with the line that installs them).
    """
    folder = find_folder(path)
    return Run(config_of(folder), folder, dataset=dataset)


def _names(given: Sequence[str]) -> list[str]:
    """Names of modalities, of which one alone may stand without a list."""
    return [given] if isinstance(given, str) else list(given)


def _metric(word: str) -> str:
    """The metric that an argument of Python names; one that there is not is an error."""
    installed = {entry.name for entry in (*entries("metrics"), *local_entries("metrics"))}
    return find("metrics", word if word in installed else word.replace("_", "-")).name
