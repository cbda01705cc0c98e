"""A run as an object: its configuration, model, data, history and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data import Data
from ..errors import MmgenError
from ..models import MultimodalVAE
from .environment import check_components
from .folder import HISTORY, MODEL, RESULTS, RunFolder
from .openers import find_folder
from .opening import open_data


class Run:
    """What a training produced; ``load_run`` opens one from its folder."""

    def __init__(
        self,
        config: dict[str, Any],
        folder: RunFolder | None,
        *,
        model: MultimodalVAE | None = None,
        data: Data | None = None,
        dataset: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.folder = folder
        self._dataset = dict(dataset or {})
        self._model = model
        self._data = data
        self._history: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []

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
        """Keep rows, in place of earlier ones of the same metrics on the same split."""
        new = {(row["metric"], row["split"]) for row in rows}
        kept = [row for row in self.results if (row["metric"], row["split"]) not in new] + rows
        if self.folder:
            self.folder.write_lines(RESULTS, kept)
        else:
            self._results = kept

    def add_history(self, records: list[dict[str, Any]]) -> None:
        """Write the history anew."""
        if self.folder:
            self.folder.write_lines(HISTORY, records)
        self._history = records


def load_run(path: str | Path, dataset: Mapping[str, Any] | None = None) -> Run:
    """Open a run: ``.config``, ``.model``, ``.data``, ``.history`` and ``.results``.

    Args:
        path: A run's folder, or what a plugin opens: with mmgen-plugin-report a folder that ``mmgen export`` made, or
            the name of a repository on the Hugging Face Hub (``user/name``), of which data files alone are read.
        dataset: Options of the dataset that are different here, such as ``{"root": FOLDER}`` where the run was trained
            on another machine, or ``{"path": FILE}`` for other rows: they are read by the run's columns, categories and
            units.

    Raises:
        MmgenError: No run there, or one whose components are not installed (with the line that installs them).
    """
    folder = find_folder(path)
    return Run(folder.config(), folder, dataset=dataset)
