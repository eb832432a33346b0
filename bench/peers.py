"""Who takes part in a race, and how each estimator is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .settings import ASK_DASK
from .truth import ALPHA, C

TOLS = [10.0**-e for e in range(1, 13)]


@dataclass(frozen=True)
class Peer:
    """One library with one of its solvers; `tols` are tried from loose to strict, None: it has no tolerance."""

    library: str
    solver: str | None = None
    has_tol: bool = True

    @property
    def name(self) -> str:
        return f"{self.library} {self.solver}" if self.solver else self.library


US = "shardlearn"
SKLEARN, INTEL, DASK = "scikit-learn", "scikit-learn-intelex", "dask-ml"
PEERS = {
    "OLS": [Peer(US, None, False), Peer(SKLEARN, None, False), Peer(INTEL, None, False)],
    "Ridge": [
        Peer(US, None, False),
        Peer(SKLEARN, "cholesky", False),
        Peer(SKLEARN, "svd", False),
        *(Peer(SKLEARN, solver) for solver in ("lsqr", "sparse_cg", "sag", "saga")),
        Peer(INTEL, None, False),
    ],
    "logistic": [
        Peer(US),
        Peer(US, "newton-cholesky"),
        *(Peer(SKLEARN, solver) for solver in ("lbfgs", "newton-cg", "newton-cholesky", "liblinear", "sag", "saga")),
        Peer(INTEL, "lbfgs"),
        *([Peer(DASK, "lbfgs"), Peer(DASK, "newton")] if ASK_DASK else []),
    ],
}


def takes_part(peer: Peer, sparse: bool, classes: int) -> bool:
    """liblinear and dask-ml know two classes only, and dask-ml no sparse matrices."""
    return not ((peer.solver == "liblinear" or peer.library == DASK) and classes > 2) and not (
        sparse and peer.library == DASK
    )


def estimator(task: str, library: str, solver: str | None, tol: float | None) -> Any:
    """An unfitted estimator of that library; iterations are not what stops it."""
    models = _models(library)
    if task == "OLS":
        return models.LinearRegression()
    chosen: dict[str, Any] = {} if solver is None else {"solver": solver}
    if tol is not None:
        chosen["tol"] = tol
    if task == "Ridge":
        iterative = {"max_iter": 100_000} if solver in {"lsqr", "sparse_cg", "sag", "saga"} else {}
        return models.Ridge(alpha=ALPHA, **chosen, **iterative)
    return models.LogisticRegression(C=C, max_iter=100_000, **chosen)


def _models(library: str) -> Any:
    if library == US:
        import shardlearn.linear_model as models
    elif library == SKLEARN:
        import sklearn.linear_model as models
    elif library == DASK:
        import dask_ml.linear_model as models
    else:
        import sklearnex.linear_model as models
    return models
