"""Block SMO for a kernel SVM: the gradient of each row is a carry, rebuilt from the last refresh and a log of deltas.

A delta is added to the gradient as one number, so that a row which replays the log adds what a row which was stepped
has added, in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.block import Block
from shardlearn.core.query import Carry, Query
from shardlearn.core.solver import Status
from shardlearn.storage.state import allow

from .plain import OPEN, Array, Probe

Delta = tuple[Array, Array]  # rows (m, p), and y times the change of their alpha (m,)


def kernel(X: Array, Z: Array) -> Array:
    """(1 + <x, z> / p)^2 as a chain over the columns."""
    out = np.ones((len(X), len(Z)))
    for t in range(X.shape[1]):
        out += X[:, t, None] * (Z[:, t] / X.shape[1])
    return out * out


def change(X: Array, delta: Delta) -> Array:
    """Sum over the delta's rows, in their order."""
    K, out = kernel(X, delta[0]), np.zeros(len(X))
    for j in range(len(delta[1])):
        out += K[:, j] * delta[1][j]
    return out


@dataclass(frozen=True)
class Gradient:
    """f = sum_j y_j alpha_j K(x, x_j) - y: from the deltas since the refresh, or by the last one alone."""

    log: tuple[Delta, ...]  # the first is the refresh
    step: bool

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        f = block.extra["gradient/f"] if self.step else -block.y
        for delta in self.log[-1:] if self.step else self.log:
            f = f + change(block.X, delta)
        return {"f": f}


@dataclass(frozen=True)
class Violators:
    """Exact: the q rows with the smallest f that may go up, the q with the largest that may go down, by (f, id)."""

    q: int
    C: float
    ids: Array  # rows whose alpha is not 0, ascending
    alpha: Array
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> tuple[Array, Array]:
        """Rows (f, id, y, alpha, x...) of both kinds."""
        ids, alpha = block.row_ids(), np.zeros(block.n)
        at = np.searchsorted(self.ids, ids)
        known = at < len(self.ids)
        known[known] = self.ids[at[known]] == ids[known]
        alpha[known] = self.alpha[at[known]]
        y, f = block.y, block.extra["gradient/f"]
        table = np.column_stack([f, ids, y, alpha, block.X])
        up = np.where(y > 0, alpha < self.C, alpha > 0)
        down = np.where(y > 0, alpha > 0, alpha < self.C)
        return self.first(table[up], 1.0), self.first(table[down], -1.0)

    def first(self, table: Array, sign: float) -> Array:
        return table[np.lexsort((table[:, 1], sign * table[:, 0]))[: self.q]]

    def merge(self, left: Any, right: Any, /) -> Any:
        return tuple(
            self.first(np.concatenate([a, b]), sign) for a, b, sign in zip(left, right, (1.0, -1.0), strict=True)
        )

    def bytes(self) -> int:
        return 2 * self.q * 64


@allow("probes.SMO")
@dataclass(frozen=True)
class State:
    p: int
    ids: Array
    X: Array
    y: Array
    alpha: Array
    log: tuple[Delta, ...] = ()
    round: int = 0
    gap: float = float("inf")
    status: Status = OPEN

    @property
    def figures(self) -> Mapping[str, float]:
        return {"gap": self.gap}


@dataclass(frozen=True)
class SMO:
    C: float = 1.0
    q: int = 8
    tol: float = 1e-3
    refresh: int = 5  # rounds after which the log starts anew
    most: int = 200

    def init(self, p: int, /) -> State:
        return State(p, np.empty(0, np.int64), np.empty((0, p)), np.empty(0), np.empty(0))

    def ask(self, p: int, state: State, /) -> Query[Any]:
        rebuild = Gradient(state.log, step=False)
        step = Gradient(state.log, step=True) if len(state.log) > 1 else rebuild
        carry = Carry("gradient", state.round, rebuild, step)
        return Query(Violators(self.q, self.C, state.ids, state.alpha), (carry,))

    def tell(self, p: int, state: State, answer: Any, /) -> State:
        up, down = answer
        gap = float(down[0, 0] - up[0, 0])
        if gap < self.tol or state.round >= self.most:
            status = Status.CONVERGED if gap < self.tol else Status.OUT_OF_ROUNDS
            return replace(state, gap=gap, status=status)
        rows = np.concatenate([up, down])
        _, once = np.unique(rows[:, 1], return_index=True)
        rows = rows[once]  # ascending ids
        alpha = self.inner(rows[:, 4:], rows[:, 2], rows[:, 3].copy(), rows[:, 0].copy(), max(self.tol, 0.1 * gap))
        delta = rows[:, 4:], rows[:, 2] * (alpha - rows[:, 3])
        all_ = self.updated(state, rows, alpha)
        anew = (state.round + 1) % self.refresh == 0
        log = ((all_["X"], all_["y"] * all_["alpha"]),) if anew else (*state.log, delta)
        return replace(state, **all_, log=log, round=state.round + 1, gap=gap)

    def inner(self, X: Array, y: Array, alpha: Array, f: Array, tol: float) -> Array:
        """SMO on the working set by the most violating pair."""
        K = kernel(X, X)
        for _ in range(100 * len(y)):
            up = np.where(y > 0, alpha < self.C, alpha > 0)
            down = np.where(y > 0, alpha > 0, alpha < self.C)
            i, j = np.where(up, f, np.inf).argmin(), np.where(down, f, -np.inf).argmax()
            if f[j] - f[i] < tol:
                break
            step = (f[j] - f[i]) / max(K[i, i] + K[j, j] - 2 * K[i, j], 1e-12)
            room_i = self.C - alpha[i] if y[i] > 0 else alpha[i]
            room_j = alpha[j] if y[j] > 0 else self.C - alpha[j]
            step = min(step, room_i, room_j)
            alpha[i] = self.C if step == room_i and y[i] > 0 else alpha[i] + y[i] * step
            alpha[j] = self.C if step == room_j and y[j] < 0 else alpha[j] - y[j] * step
            f += step * (K[:, i] - K[:, j])
        return alpha

    def updated(self, state: State, rows: Array, alpha: Array) -> dict[str, Array]:
        """The support rows after a round, ascending by id."""
        ids = rows[:, 1].astype(np.int64)
        kept = ~np.isin(state.ids, ids)
        used = alpha != 0
        all_ = {
            "ids": np.concatenate([state.ids[kept], ids[used]]),
            "X": np.concatenate([state.X[kept], rows[used, 4:]]),
            "y": np.concatenate([state.y[kept], rows[used, 2]]),
            "alpha": np.concatenate([state.alpha[kept], alpha[used]]),
        }
        order = np.argsort(all_["ids"])
        return {name: array[order] for name, array in all_.items()}


draw = np.random.default_rng(5)
X = draw.standard_normal((400, 3))
Y = np.where(X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * draw.standard_normal(400) > 0, 1.0, -1.0)


def check(state: State) -> None:
    assert state.status is Status.CONVERGED
    assert state.round > 6
    assert abs((state.y * state.alpha).sum()) < 1e-9
    assert (state.alpha == 1).any()
    f = change(X, (state.X, state.y * state.alpha)) - Y
    alpha = np.zeros(len(Y))
    alpha[state.ids] = state.alpha
    up = np.where(Y > 0, alpha < 1, alpha > 0)
    down = np.where(Y > 0, alpha > 0, alpha < 1)
    assert f[down].max() - f[up].min() < 2e-3


PROBE = Probe("smo", SMO(), 3, ({"train": ArrayBlocks(X, Y)},), check)
