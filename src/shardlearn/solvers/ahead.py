"""What a solver will ask, and what it may, as far as that is known before any row is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.query import Query
from shardlearn.core.solver import AnySolver, held
from shardlearn.statistics.curvature import Curvature
from shardlearn.statistics.gram import Gram
from shardlearn.statistics.moments import Moments

from . import bisecting, mini_batch
from .gram_least_squares import GramLeastSquares
from .kmeans import KMeans, passes
from .preconditioned_lbfgs import PreconditionedLbfgs, sharpens
from .problem import RUNS
from .together import Joint, Together

MOST = 3  # questions about moments at the beginning: of the first block, of all rows


def ahead(solver: AnySolver, problem: Any, empty: Block) -> Iterator[Query[Any]]:
    """Its first questions, up to the first one that moments don't answer: those of no rows are told it meanwhile."""
    state = solver.init(problem)
    for _ in range(MOST):
        query = solver.ask(problem, state)
        yield replace(query, beside=held(state))
        if not isinstance(query.measure, Moments):
            return
        state = solver.tell(problem, state, query.measure.of(empty))


def later(solver: AnySolver, problem: Any) -> Iterator[Query[Any]]:
    """Questions that it may come to, where answers or what it holds beside them are large."""
    if isinstance(solver, Together):
        for query in later(solver.solver, problem[0]):
            yield replace(query, measure=Joint(dict.fromkeys(range(len(problem)), query.measure)))
        return
    p = problem.shape.features
    if isinstance(solver, PreconditionedLbfgs):
        q = problem.outputs * (p + 1)
        yield Query(Gram(p), runs=RUNS)  # where a sample of the rows is no help
        if sharpens(problem):
            at = np.zeros((problem.outputs, p)), np.zeros(problem.outputs)
            yield Query(Curvature(problem.loss, *at), runs=RUNS, beside=2 * 8 * q * q)
    if isinstance(solver, KMeans):
        yield from passes(solver, problem)
    if isinstance(solver, bisecting.Bisecting):
        yield from bisecting.passes(solver, problem)
    if isinstance(solver, mini_batch.MiniBatch):
        yield from mini_batch.passes(solver, problem)
    if isinstance(solver, GramLeastSquares):
        square, systems = 8 * p * p, problem.targets if problem.positive else len(np.unique(problem.alpha))
        yield Query(Moments(p), beside=(systems + 5) * square)  # normal equations, and what they are made from
        if not problem.positive and not problem.alpha.all() and problem.shape.rows > p:
            yield Query(Gram(p), runs=RUNS, beside=(systems + 2) * square)  # columns that lie close to others
