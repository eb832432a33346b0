"""What the laws are tried on: every statistic and every solver of the library and of the probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from tests.engines.fakes import ArrayBlocks, FloatSum, IdSum
from tests.probes import early_stopping, kmeans, local_sgd, neighbours, partial_fit, smo, tree
from tests.probes.plain import Probe
from tests.probes.registry import PROBES

from shardlearn.core import fixed
from shardlearn.core.block import Block
from shardlearn.core.statistic import Statistic
from shardlearn.solvers.registry import SOLVERS
from shardlearn.solvers.together import Joint
from shardlearn.statistics.double import Double
from shardlearn.statistics.registry import STATISTICS

Array = np.ndarray[Any, Any]


# -- statistics ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """`case(seed, n)` is a statistic and a block of n random rows."""

    case: Callable[[int, int], tuple[Statistic[Any], Block]]
    weighted: bool = False


def rows(seed: int, n: int, columns: Mapping[str, Callable[[Any, int], Array]] | None = None) -> Block:
    """Rows of the probes' kind: numbers of different sizes, ids with gaps, carried columns."""
    draw = np.random.default_rng(seed)
    X = draw.standard_normal((n, 3)) * 10.0 ** draw.integers(-3, 4, (n, 3))
    ids = np.sort(draw.permutation(4 * n + 1)[:n]).astype(np.int64)
    extra = {name: make(draw, n) for name, make in (columns or {}).items()}
    return Block(X, draw.standard_normal(n), None, 0, ids, extra)


def _probe(statistic: Callable[[Any], Statistic[Any]], **columns: Callable[[Any, int], Array]) -> Subject:
    named = {name.replace("_", "/"): make for name, make in columns.items()}
    return Subject(lambda seed, n: (statistic(np.random.default_rng(~seed % 2**32)), rows(seed, n, named)))


def _classified(statistic: Statistic[Any]) -> Subject:
    def case(seed: int, n: int) -> tuple[Statistic[Any], Block]:
        block = rows(seed, n, {"at/node": lambda draw, n: draw.integers(1, 4, n)})
        return statistic, replace(block, y=np.random.default_rng(seed).integers(0, 3, n))

    return Subject(case)


def _positive(draw: Any, n: int) -> Array:
    return draw.random(n) * 10.0 ** draw.integers(-3, 4, n)


CENTERS, LARGEST = np.arange(12.0).reshape(4, 3), np.full(3, 1e5)
BINNING = tree.Binning(np.full(3, -10.0), np.full(3, 10.0), 8)
OF_PROBES: Mapping[str, Subject] = {
    "extent": _probe(lambda draw: kmeans.Extent(3)),
    "potential": _probe(lambda draw: kmeans.Potential(), near_d2=_positive),
    "drawn": _probe(lambda draw: kmeans.Drawn(3, 0.3, 1, 5), near_d2=_positive),
    "cluster sums": _probe(
        lambda draw: kmeans.ClusterSums(4, np.ones(3), fixed.scale(LARGEST, 1000)),
        bounds_label=lambda draw, n: draw.integers(0, 4, n),
    ),
    "nearest": _probe(lambda draw: neighbours.Nearest(draw.integers(-2, 3, (5, 3)).astype(float), 4)),
    "span": _probe(lambda draw: tree.Span(3)),
    "frontier": _classified(tree.Frontier(BINNING, 3, (1, 2), (3,))),
    "violators": _probe(
        lambda draw: smo.Violators(3, 1.0, np.arange(0, 50, 3), np.full(17, 0.5)),
        gradient_f=lambda draw, n: draw.integers(-3, 4, n) / 2,
    ),
    "squares": _probe(lambda draw: early_stopping.Squares(draw.standard_normal(3))),
    "joint": _probe(lambda draw: Joint({0: IdSum(), 3: kmeans.Extent(3), 4: tree.Span(3)})),
    "joint of floats": _probe(lambda draw: Joint({0: IdSum(), 3: FloatSum(3)})),
}


def _of(name: str) -> Subject:
    row = STATISTICS[name]

    def case(seed: int, n: int) -> tuple[Statistic[Any], Block]:
        made = row.case(seed, n)
        return made.statistic, made.block

    return Subject(case, row.weighted)


SUBJECTS: Mapping[str, Subject] = {name: _of(name) for name in STATISTICS} | OF_PROBES
EXACT = [name for name, subject in SUBJECTS.items() if subject.case(0, 3)[0].exact]
FLOATS = [name for name in SUBJECTS if name not in EXACT]
WALKS: Mapping[str, Callable[[Any], Statistic[Any]]] = {
    "local sgd": lambda draw: local_sgd.LocalSteps(draw.standard_normal(3), 1e-9, 1 << 20, 3),
    "online": lambda draw: partial_fit.Online(draw.standard_normal(3), 0),
}


def leaves(answer: Any) -> list[Array]:
    """All numbers and strings of an answer, in a fixed order; a sum of two floats is one number."""
    return parts(answer, lambda pair: np.asarray(float(pair)))


def parts(answer: Any, of_double: Callable[[Double], Any]) -> list[Array]:
    """The same, and what is to become of sums of two floats."""
    if isinstance(answer, Double):
        return [np.asarray(of_double(answer))]
    if is_dataclass(answer) and not isinstance(answer, type):
        return [leaf for field in fields(answer) for leaf in parts(getattr(answer, field.name), of_double)]
    if isinstance(answer, Mapping):
        return [leaf for key in sorted(answer) for leaf in parts(answer[key], of_double)]
    if isinstance(answer, tuple | list):
        return [leaf for item in answer for leaf in parts(item, of_double)]
    return [np.asarray(answer)]


def bits(answer: Any) -> list[tuple[str, tuple[int, ...], bytes]]:
    """Of an answer: dtype, shape and bytes of each leaf."""
    found = parts(answer, lambda pair: [pair.high, pair.low])
    return [(a.dtype.str, a.shape, a.tobytes() if a.dtype != object else repr(a).encode()) for a in found]


# -- solvers -------------------------------------------------------------------------------------------------------


def _solver(name: str) -> Probe:
    example = SOLVERS[name]()
    block = example.rows
    blocks = ArrayBlocks(block.X, block.y, block.weight, rows=example.problem.shape.grid.rows)
    return Probe(name, example.solver, example.problem, ({"train": blocks},), lambda state: None)


SOLVED: Mapping[str, Probe] = {name: _solver(name) for name in SOLVERS} | dict(PROBES)
