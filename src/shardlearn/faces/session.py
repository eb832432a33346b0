"""One fit from data to attributes: laid out, opened, looked at, solved, published once, closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from shardlearn import engines
from shardlearn.core.engine import Engine, Sharded
from shardlearn.core.errors import InputError, Interrupted
from shardlearn.core.events import ColumnsIgnored, Emit, FitFinished, FitStarted, RowsDropped, SolverChosen
from shardlearn.core.query import Query, Transform
from shardlearn.core.solver import AnySolver, State, Status
from shardlearn.core.statistic import Statistic
from shardlearn.data import Laid, Source, lay_out, verify
from shardlearn.observe import Watch, watch
from shardlearn.run import run
from shardlearn.solvers.ahead import ahead, later
from shardlearn.solvers.problem import Shape
from shardlearn.statistics.survey import Findings, Survey

from .bases import BaseEstimator
from .beside import Beside
from .names import fitted_names
from .wary import Wary, once, search

A = TypeVar("A")


class Placed(Engine, Protocol):
    """An engine that knows who said how many workers and how much memory, and what that is too little for."""

    @property
    def workers_from(self) -> str: ...
    @property
    def memory_from(self) -> str: ...
    def must_fit(self, data: Sharded, queries: Iterable[Query[Any]], /) -> None:
        """Refuse queries for which the memory limit is too small."""
        ...


@dataclass(frozen=True, slots=True)
class NoFeatures:
    """What a survey must know of y and weights alone."""

    file_starts: Sequence[int]
    n_features: int = 0


@dataclass(slots=True)
class Session:
    """What a face needs of its fit; the attributes that it publishes are set once, at the end."""

    name: str
    engine: Placed
    watched: Watch
    laid: Laid
    data: Sharded
    also: tuple[Statistic[Any], ...] = ()  # exact; they ride along on the first pass
    stopped: bool = False  # by Ctrl-C or on request: the model is that of the last whole round
    attributes: dict[str, Any] = field(default_factory=dict)
    _seen: tuple[Any, ...] | None = None  # by the first pass
    _clean: bool = False  # no value is missing or infinite

    @property
    def shape(self) -> Shape:
        """What solvers know of the data."""
        return Shape(self.laid.grid, self.laid.n_features, self.laid.sparse)

    @property
    def found(self) -> Findings:
        """By the first pass: rows, dropped rows, the range of y."""
        findings: Findings = self._first_pass()[0]
        return findings

    @property
    def first(self) -> tuple[Any, ...]:
        """The answers of the statistics that rode along on the first pass."""
        return self._first_pass()[1:]

    def must_fit(self, solver: AnySolver, problem: Any) -> None:
        """Refuse what the memory limit is too small for, before anything is read."""
        asked = [*ahead(solver, problem, self.laid.empty()), *later(solver, problem)]
        survey = Survey(self.laid)
        asked.append(Query(survey, beside=max(query.measure.bytes() for query in asked)))  # where one isn't finite
        if self._seen is None and self.also:
            asked.append(Query(Beside((survey, *self.also))))
        self.engine.must_fit(self.data, asked)

    def fold(self, measure: Statistic[A]) -> A:
        """One statistic of all rows."""
        return self.engine.fold({"train": self.data}, Query(measure), emit=self.watched.emit)

    def refine(self, rewrite: Transform) -> None:
        """Rewrite the rows from here on."""
        self.data = self.engine.refine(self.data, rewrite)

    def solve(
        self,
        solver: AnySolver,
        problem: Any,
        *,
        seed: int | None = None,
        rounds: int | None = None,
        tol: float | None = None,
    ) -> Any:
        """Run a solver. On Ctrl-C: the state after the last whole round, if there was one."""
        self.must_fit(solver, problem)
        if self.also or self.laid.missing == "drop" or self.laid.empty().weight is not None:
            self._first_pass()
        y_known = self._seen is not None or self.laid.y_kind != "float64"
        wary = Wary(solver, self._search, y_known, cleared=self._clean)
        last: list[State] = []

        def after(state: State) -> bool:
            last[:] = [state]
            return self.watched.after()

        self.watched.emit(SolverChosen(type(solver).__name__, seed, rounds, goal=tol))
        try:
            run(wary, problem, {"train": self.data}, self.engine, after=after, emit=self.watched.emit)
        except KeyboardInterrupt:
            if not last:
                raise
            self.stopped = True
        self.stopped |= last[0].status is Status.RUNNING
        if not self.stopped:
            wary.end(last[0])
        self._clean |= wary.cleared
        return last[0]

    def publish(self, **attributes: Any) -> None:
        """What `fit` learned; None for an attribute that this fit does not have."""
        self.attributes |= attributes

    def _first_pass(self) -> tuple[Any, ...]:
        """What is wrong with the data, counted: with y and weights alone where they are arrays, else with all of it."""
        if self._seen is None:
            laid, emit = self.laid, self.watched.emit
            if laid.apart is None:
                answers = self.fold(Beside((Survey(laid), *self.also)))
                report_dropped(laid, answers[0], emit)
                verify.check(laid, answers[0])
                self._clean = True
            else:
                measure = Beside((Survey(NoFeatures(laid.file_starts)), *self.also))
                answers = once(self.engine, laid.apart, Query(measure), emit)
                try:
                    verify.check(laid, answers[0])
                except InputError:
                    self._search()  # what is wrong with X comes first
                    raise
            self._seen = answers
        return self._seen

    def _search(self, beside: int = 0) -> None:
        search(self.engine, self.laid, self.watched.emit, beside)


@contextmanager
def fitting(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    also: Sequence[Statistic[Any]] = (),
    verbose: int = 0,
) -> Iterator[Session]:
    """The one way in which a face fits; `also` are exact statistics that ride along on the first pass.

    Raises `Interrupted` at the end when the solver was stopped before it was done, after the attributes are set.
    """
    name = type(estimator).__name__
    if y is None:
        raise InputError(
            f"This {name} estimator requires y to be passed, but the target y is None.",
            code="SL2313",
            needed="y as an array, or the name of a column",
        )
    engine = engines.current()
    try:
        with watch(name, engine, verbose) as watched, opened(engine, X, y, sample_weight, watched) as (laid, data):
            session = Session(name, engine, watched, laid, data, tuple(also))
            try:
                announce(session)
                yield session
            finally:
                engine.close(session.data)
            watched.emit(FitFinished(name, interrupted=session.stopped))
    except KeyboardInterrupt as stop:
        raise stop if isinstance(stop, Interrupted) else nothing_fitted(name) from None
    names = fitted_names(X, laid)
    session.publish(n_features_in_=laid.n_features, feature_names_in_=names, report_=watched.report())
    set_attributes(estimator, session.attributes)
    if session.stopped:
        raise Interrupted(f"{name} was stopped: it holds the model of the last whole round")


@contextmanager
def opened(engine: Engine, X: Any, y: Any, weight: Any, watched: Watch) -> Iterator[tuple[Laid, Sharded]]:
    """Rows laid out and opened; what was unpacked for them alone is removed at the end."""
    laid = lay_out(X, y, weight)
    try:
        yield laid, engine.open(laid.blocks)
    finally:
        if not isinstance(X, Source):
            laid.source.close()


def announce(session: Session) -> None:
    """Say what is fitted, on what."""
    laid, engine, emit = session.laid, session.engine, session.watched.emit
    emit(
        FitStarted(
            session.name,
            laid.rows,
            laid.n_features,
            0 if laid.sparse else laid.rows * laid.n_features * np.dtype(laid.dtype).itemsize,
            engine.name,
            engine.workers,
            engine.memory,
            laid.source.label,
            threads=engine.workers_from,
            memory_from=engine.memory_from,
        )
    )
    if laid.ignored:
        emit(ColumnsIgnored(laid.ignored))


def report_dropped(laid: Laid, found: Findings, emit: Emit) -> None:
    """Say how many rows are left out, and for which columns."""
    if found.dropped:
        by = zip(laid.columns, found.dropped_by.tolist(), strict=True)
        emit(RowsDropped(found.dropped, {name: count for name, count in by if count}))


def is_fitted_name(name: str) -> bool:
    """Whether an attribute is one that `fit` sets."""
    return name.endswith("_") and not name.startswith("_")


def set_attributes(estimator: BaseEstimator, attributes: dict[str, Any]) -> None:
    """All fitted attributes at once: those of an earlier fit go, those that are None are left out."""
    for old in [name for name in vars(estimator) if is_fitted_name(name)]:
        delattr(estimator, old)
    for name, value in attributes.items():
        if value is not None:
            setattr(estimator, name, value)


def nothing_fitted(name: str) -> Interrupted:
    return Interrupted(f"{name} was stopped before its first round had ended: it is as it was before")
