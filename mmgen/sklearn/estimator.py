"""A multimodal variational autoencoder as scikit-learn's estimators are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from ..data.own_table.alignment import as_piece
from ..errors import MmgenError, warn
from ..evaluation import Evaluation, evaluate
from ..models import Objective
from ..registry import load_component
from ..runs import Run
from ..runs.generation import Generation
from ..training import train
from .blocks import Block, Blocks, check_named, described, filled, gaps_of, is_mapping, read_mapping, share_out
from .frozen import frozen, thawed

SEEDS = 2**31 - 1
FLOATS = (np.float64, np.float32)


class MultimodalVAE(TransformerMixin, BaseEstimator):
    """A multimodal variational autoencoder that is fitted to a table, or to blocks of the same rows.

    X is a DataFrame or a two-dimensional array whose columns ``modalities`` shares out, or a mapping of blocks: names
    to DataFrames and Series (whose rows are joined by their index) or arrays (whose rows go by their places). NaN is
    missing, single cells, whole rows of a block, and blocks that X does not have at all. All rows are trained on, in
    memory, and nothing is written.

    Args:
        objective: What is maximised: a name (``mmgen list objectives``), a class, or a mapping of ``name`` and options.
        modalities: Of a DataFrame or an array: name of each modality to its columns (names, patterns such as ``"g*"``,
            numbers, a slice, a mask, or a function of the frame), or to a mapping of ``columns`` and options of the
            modality, such as ``{"columns": "g*", "kind": "counts", "hidden": [64]}``; None: one modality ``X`` of all
            columns. Columns in none of them are left out. Of a mapping of blocks: name to such options. Where no kind
            is said, numbers are a vector; words and truth values are taken as :func:`mmgen.load_dataset` takes them.
        latent_dim: Dimensions of z.
        epochs: Passes over the rows; None: as ``mmgen train`` has it for a table, 100, or as many as make 1,500 steps
            where rows are few.
        batch_size: Rows per step; None: as ``mmgen train`` has it for the objective.
        learning_rate: The optimiser's step size; None: as ``mmgen train`` has it for the objective.
        beta: Weight of the divergence; None: the objective's own.
        draws: Draws of z per row by which gaps are filled, and per row in :meth:`score`.
        settings: Any others of :func:`mmgen.train`, by name: ``{"aggregator": "moe", "val_fraction": 0.1,
            "early_stopping": 10}``.
        output: A folder where the run is written; None: nothing is.
        random_state: Of initial weights, order of rows and noise: a number, a ``RandomState``, or None for another one
            each time.
        verbose: Whether to say what is trained on what, and to show the progress.

    Attributes:
        run_: The :class:`mmgen.Run`, with ``encode``, ``impute``, ``generate`` and ``evaluate``; in float64, and
            without the rows that it was trained on where the estimator was unpickled.
        modalities_: Name of each modality to the names of its columns.
        n_features_in_, feature_names_in_: As scikit-learn has them; not for a mapping of blocks.
        n_iter_: Epochs that were trained.

    >>> import numpy as np
    >>> from mmgen.sklearn import MultimodalVAE
    >>> X = np.random.default_rng(0).normal(size=(40, 5))
    >>> vae = MultimodalVAE("elbo", {"genes": slice(0, 3), "labs": [3, 4]}, latent_dim=2, epochs=2, random_state=0)
    >>> vae.fit_transform(X).shape, vae.get_feature_names_out().tolist()
    ((40, 2), ['z0', 'z1'])
    """

    _container: str  # what was fitted: array, frame or mapping
    _places: dict[str, list[int]]  # of the columns of each modality
    _columns: list[str]

    def __init__(
        self,
        objective: str | type[Objective] | Mapping[str, Any] = "mvtcae",
        modalities: Mapping[str, Any] | None = None,
        *,
        latent_dim: int = 16,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        beta: float | None = None,
        draws: int = 50,
        settings: Mapping[str, Any] | None = None,
        output: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.objective = objective
        self.modalities = modalities
        self.latent_dim = latent_dim
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.beta = beta
        self.draws = draws
        self.settings = settings
        self.output = output
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> MultimodalVAE:
        """Train on all rows.

        Args:
            X: A DataFrame, an array, or a mapping of blocks.
            y: Classes, for objectives that need them; not looked at by others.

        Raises:
            ValueError: An array that is none of numbers, as scikit-learn says it.
            MmgenError: What cannot be trained on or resolved, in a sentence.
        """
        blocks, options = self._read(X, fitting=True)
        settings = {
            name: getattr(self, name)
            for name in ("epochs", "latent_dim", "batch_size", "learning_rate", "beta")
            if getattr(self, name) is not None
        }
        settings |= {"test_fraction": 0, "val_fraction": 0, **(self.settings or {})}
        settings["seed"] = int(check_random_state(self.random_state).randint(SEEDS))
        if y is not None and _needs_labels(self.objective):
            settings["label"] = np.asarray(y)
        data: dict[str, Any] = dict(blocks.values)
        if blocks.index is not None:
            settings["id"] = [str(entry) for entry in blocks.index]
        with torch.random.fork_rng(devices=[]):
            run = train(
                self.objective,
                data,
                modalities=described(blocks.values, options),
                output=self.output,
                quiet=not self.verbose,
                **settings,
            )
        if run.model.device.type == "cpu":
            run.model.double()  # so that a row's latents do not depend on the rows beside it, to 15 digits
        self.run_ = run
        self.n_iter_ = len(run.history)
        self.modalities_ = {name: each.value_names(name) for name, each in run.model.modalities.items()}
        return self

    def transform(self, X: Any) -> np.ndarray | pd.DataFrame:
        """The latents of rows: means of q(z | x) given everything that each row has, ``[N, latent_dim]``.

        A row that has nothing gets zeros, the mean of the prior N(0, I). Of a mapping with frames the result is a
        DataFrame with the index that joins their rows.
        """
        check_is_fitted(self)
        blocks, _ = self._read(X)
        known = blocks.known()
        z = np.zeros((len(blocks), self.run_.model.config.latent_dim))
        if len(known):
            encoding = self._run_on(blocks, known).encoding(split="all")
            z[known[encoding.columns["row"]]] = encoding.mean
        z = z.astype(np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64)
        return z if blocks.index is None else pd.DataFrame(z, blocks.index, self.get_feature_names_out())

    def impute(self, X: Any) -> Any:
        """X with its gaps filled from what each row has: what was measured stays as it is.

        A number is the mean over ``draws`` draws of z of the mean of p(x | z), a category the most frequent one. In a
        row that has nothing they are those of the prior, where the objective has one.

        Returns:
            As X is: an array, a DataFrame, or a mapping, which then has all blocks but images.
        """
        check_is_fitted(self)
        blocks, _ = self._read(X)
        known, seed = blocks.known(), self._seed()
        result: dict[str, Block] = dict(blocks.values)
        if len(known):
            imputation = self._run_on(blocks, known).imputation(draws=self.draws, seed=seed)
            for note in imputation.notes:
                warn(note)
            rows = known[imputation.about["row"]]
            for each in imputation.modalities:
                result[each.name] = filled(result.get(each.name), each.columns(), rows, len(blocks))
        nothing = np.setdiff1d(np.arange(len(blocks)), known)
        if len(nothing) and self.run_.model.infers(()):
            made = self.run_.generate(n=1, samples=self.draws, seed=seed)
            for name, columns in _columns_of(made).items():
                whole = {column: np.repeat(values, len(nothing)) for column, values in columns.items()}
                result[name] = filled(result.get(name), whole, nothing, len(blocks))
        return self._as_given(X, result, blocks)

    def inverse_transform(self, Z: Any) -> Any:
        """What is decoded from latents ``[N, latent_dim]``: the means of p(x | z), laid out as the X that was fitted.

        Columns in no modality are NaN. Of a mapping the result is a mapping with arrays and frames.
        """
        check_is_fitted(self)
        model = self.run_.model
        z = torch.as_tensor(np.asarray(Z, dtype=np.float64)).to(model.device)
        if z.ndim != 2 or z.shape[1] != model.config.latent_dim:
            raise ValueError(f"Z has the shape {list(z.shape)}, and [rows, {model.config.latent_dim}] was expected.")
        z = z.to(next(model.parameters()).dtype)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed())
            values = {
                name: model.output(model.decoder_input(model.part_of(z, name), name).values, name).cpu()
                for name in model.decoder_sizes
            }
        return self._laid_out(values, getattr(Z, "index", None) if isinstance(Z, pd.DataFrame) else None)

    def sample(self, n_samples: int = 1, *, sampler: Any = None) -> Any:
        """Rows drawn from the model: z from the prior, or from a sampler such as ``"gmm"`` that is fitted to the
        latents of the training rows (:meth:`mmgen.Run.generate`), and x from p(x | z); laid out as the X that was
        fitted.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples={n_samples}: at least one row must be drawn.")
        chosen = None if sampler is None else self.run_.sampler(sampler)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed())
            values = self.run_.model.generate(samples=n_samples, draw=True, sampler=chosen)
        return self._laid_out({name: value.cpu() for name, value in values.items()}, None)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean over rows of log p(x), in nats: a lower bound by importance weights of ``draws`` draws of z per row.

        It is the measure ``joint`` of the metric ``log-likelihood``, of the rows that have something of every modality,
        in the units that the networks see (standardised by the rows that were fitted). Models that were fitted to the
        same rows can be compared by it.

        Raises:
            MmgenError: An objective without a prior or a density, or no such row.
        """
        check_is_fitted(self)
        blocks, _ = self._read(X)
        reasons: list[str] = []
        data = self._run_on(blocks, blocks.known()).data
        table = data.split("all")  # whichever of them was fitted
        if not table.available.all(1).any():
            raise MmgenError("No row has something of every modality, which log p(x) is of.")
        data = replace(data, test=table, new=None)
        rows = evaluate(
            Evaluation(self.run_.model, data, seed=self.run_.config["training"]["seed"], max_rows=len(blocks)),
            ["log-likelihood"],
            notify=reasons.append,
            options={"log-likelihood": {"samples": self.draws, "conditional": (), "rows": len(blocks)}},
        )
        joint = [row["value"] for row in rows if row["measure"] == "joint"]
        if not joint:
            raise MmgenError(" ".join(reasons))
        return float(joint[0])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """``z0``, ``z1``, …, as :meth:`mmgen.Run.encode` has them."""
        check_is_fitted(self)
        return np.array([f"z{d}" for d in range(self.run_.model.config.latent_dim)], dtype=object)

    # Inside -----------------------------------------------------------------------------------------------------------

    def _read(self, X: Any, fitting: bool = False) -> tuple[Blocks, dict[str, Any]]:
        """The blocks of X, and while fitting the options of modalities."""
        if is_mapping(X):
            if not fitting and self._container != "mapping":
                raise MmgenError("X is a mapping of blocks, and what was fitted was none; give its columns.")
            if fitting:
                self._container, self._places = "mapping", {}
                for name in ("n_features_in_", "feature_names_in_"):
                    self.__dict__.pop(name, None)
                if self.modalities is not None:
                    check_named(self.modalities)
            return read_mapping(X), dict(self.modalities or {})
        if not fitting and self._container == "mapping":
            raise MmgenError("What was fitted was a mapping of blocks, and X is none; give {'NAME': block}.")
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=fitting, skip_check_array=True)
            piece = as_piece("X", X)
            frame = piece.values
            assert isinstance(frame, pd.DataFrame)
            frame = frame.reset_index(drop=True)
        else:
            values = validate_data(self, X, reset=fitting, dtype=FLOATS, ensure_all_finite="allow-nan")
            frame = pd.DataFrame(values, columns=[f"x{place}" for place in range(values.shape[1])])
        options: dict[str, Any] = {}
        if fitting:
            self._container = "frame" if isinstance(X, pd.DataFrame) else "array"
            self._places, options = share_out(frame, self.modalities)
            self._columns = list(frame.columns)
        elif isinstance(X, pd.DataFrame) != (self._container == "frame"):
            frame = frame.set_axis(self._columns, axis=1)  # scikit-learn has said that names are lacking
        return Blocks({name: frame.iloc[:, places] for name, places in self._places.items()}), options

    def _run_on(self, blocks: Blocks, rows: np.ndarray) -> Run:
        """The run on some rows."""
        return self.run_.on(blocks.take(rows))

    def _seed(self) -> int:
        """Of what is drawn: the same each time with a number as ``random_state``."""
        return int(check_random_state(self.random_state).randint(SEEDS))

    def _as_given(self, X: Any, values: Mapping[str, Block], blocks: Blocks) -> Any:
        """Blocks as X is."""
        if is_mapping(X):
            if blocks.index is None:
                return dict(values)
            return {
                name: block.set_axis(blocks.index, axis=0) if isinstance(block, pd.DataFrame) else block
                for name, block in values.items()
            }
        if isinstance(X, pd.DataFrame):
            complete = X.copy()
            for name, places in self._places.items():
                block = values[name]
                assert isinstance(block, pd.DataFrame)
                for number, place in enumerate(places):
                    if gaps_of(X.iloc[:, [place]]).any():
                        complete.isetitem(place, block.iloc[:, number].set_axis(X.index))
            return complete
        complete = np.array(validate_data(self, X, reset=False, dtype=FLOATS, ensure_all_finite="allow-nan"))
        for name, places in self._places.items():
            complete[:, places] = np.asarray(values[name], dtype=complete.dtype)
        return complete

    def _laid_out(self, values: Mapping[str, Tensor], index: pd.Index | None) -> Any:
        """Values of modalities ``[N, *shape]`` as the X that was fitted."""
        model = self.run_.model
        made = Generation(model.modalities, (), {name: value[None] for name, value in values.items()}, None, "")
        columns = _columns_of(made)
        if self._container == "mapping":
            return {
                name: made.arrays()[name][0] if value.dim() > 2 else pd.DataFrame(columns[name], index)
                for name, value in values.items()
            }
        count = len(made)
        complete: dict[int, np.ndarray] = {}
        for name, places in self._places.items():
            found = columns.get(name, {})
            complete |= dict(zip(places, found.values(), strict=False))
        empty = np.full(count, np.nan)
        cells = [complete.get(place, empty) for place in range(len(self._columns))]
        if self._container == "array":
            return np.stack(cells, 1).astype(np.float64)
        frame = pd.DataFrame(dict(enumerate(cells)), index=pd.RangeIndex(count) if index is None else index)
        return frame.set_axis(self.feature_names_in_ if hasattr(self, "feature_names_in_") else self._columns, axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "run_" in state:
            state["run_"] = frozen(state["run_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "run_" in state:
            state = {**state, "run_": thawed(state["run_"])}
        super().__setstate__(state)


def _needs_labels(objective: str | type[Objective] | Mapping[str, Any]) -> bool:
    name = objective.get("name") if isinstance(objective, Mapping) else objective
    return bool(load_component("objectives", name).needs_labels) if name else False


def _columns_of(made: Generation) -> dict[str, dict[str, np.ndarray]]:
    """Target to its columns in the units of the source, by name."""
    columns: dict[str, dict[str, np.ndarray]] = {}
    for name in made.values:
        part = Generation(made.modalities, (), {name: made.values[name]}, None, "").frame()
        columns[name] = {str(column): part[column].to_numpy() for column in part}
    return columns
