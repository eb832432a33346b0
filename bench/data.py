"""The tables that the fits are timed on, as files that every process loads by itself."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_svmlight_file

from .settings import DATA, FOLDER, SCALE, rows

OFFSET, KAPPA = 3.0, 1e3


@dataclass(frozen=True)
class Table:
    """One data set: features, a numeric target and labels."""

    name: str
    make: Callable[[], tuple]  # X, y, labels; y or labels may be None
    tasks: tuple[str, ...]
    tolerance: float  # largest (F - F*) / F* that counts as solved

    @property
    def folder(self) -> Path:
        return FOLDER / f"{self.name.replace(' ', '-')}-{SCALE:g}"

    def written(self) -> Path:
        """The folder with the data, made where it is not there yet."""
        if not (self.folder / "done").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            X, y, labels = self.make()
            if sp.issparse(X):
                sp.save_npz(self.folder / "X.npz", X, compressed=False)
            else:
                np.save(self.folder / "X.npy", X)
            for name, column in (("y", y), ("labels", labels)):
                if column is not None:
                    np.save(self.folder / f"{name}.npy", column)
            (self.folder / "done").touch()
        return self.folder


def load(folder: Path, target: str) -> tuple:
    """X and the target of a table on disk."""
    X = sp.load_npz(folder / "X.npz") if (folder / "X.npz").exists() else np.load(folder / "X.npy")
    return X, np.load(folder / f"{target}.npy")


def synthetic(n: int, p: int, dtype: type, rotated: bool) -> tuple:
    """Isotropic, or rotated with condition number 1,000 and a mean of 3; made in pieces to spare memory."""
    rng = np.random.default_rng(p)
    mix = np.eye(p)
    if rotated:
        mix = np.geomspace(1.0, 1.0 / KAPPA, p)[:, None] * np.linalg.qr(rng.standard_normal((p, p)))[0]
    w = np.linalg.solve(mix, rng.standard_normal(p) / np.sqrt(p))  # signal along every axis
    X, y, labels = np.empty((n, p), dtype), np.empty(n), np.empty(n, np.int64)
    for start in range(0, n, 65_536):
        part = slice(start, min(start + 65_536, n))
        Z = rng.standard_normal((part.stop - start, p)) @ mix
        signal = Z @ w
        X[part] = Z + (OFFSET if rotated else 0.0)
        y[part] = signal + rng.standard_normal(len(signal))
        labels[part] = rng.random(len(signal)) < 1.0 / (1.0 + np.exp(-2.0 * signal))
    return X, y, labels


def covertype() -> tuple:
    """The part of UCI's covertype that is at hand: 7 classes."""
    with gzip.open(Path(DATA or "") / "covertype_92k" / "covertype_test.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1)
    table = table[: rows(len(table))]
    return np.ascontiguousarray(table[:, :-1]), None, table[:, -1].astype(np.int64)


def a9a() -> tuple:
    """LIBSVM's a9a, 30 times: sparse, binary."""
    X, y = load_svmlight_file(str(Path(DATA or "") / "a9a_libsvm" / "a9a.gz"), n_features=123)
    copies = max(int(30 * SCALE), 1)
    return sp.vstack([X] * copies, format="csr"), None, np.tile(y, copies).astype(np.int64)


def dense(name: str, n: int, p: int, dtype: type, rotated: bool) -> Table:
    solved = 1e-8 if dtype is np.float64 else 1e-7
    make = lambda: synthetic(rows(n), p, dtype, rotated)  # noqa: E731  one line, bound to its table
    return Table(name, make, ("OLS", "Ridge", "logistic"), solved)


TABLES = [
    dense("1M x 50 f64", 1_000_000, 50, np.float64, False),
    dense("1M x 50 f64 rotated", 1_000_000, 50, np.float64, True),
    dense("2M x 100 f32", 2_000_000, 100, np.float32, False),
    dense("2M x 100 f32 rotated", 2_000_000, 100, np.float32, True),
    *([Table("covertype", covertype, ("logistic",), 1e-8)] if DATA else []),
    *([Table("a9a x 30 sparse", a9a, ("logistic",), 1e-8)] if DATA else []),
]
