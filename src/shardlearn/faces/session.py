"""One fit from data to attributes: laid out, opened, looked at, solved, published once, closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from shardlearn import engines
from shardlearn.core.engine import Engine, Sharded
from shardlearn.core.errors import InputError, Interrupted
from shardlearn.core.events import (
    ColumnsIgnored,
    Emit,
    FitFinished,
    FitResumed,
    FitStarted,
    Notice,
    RowsDropped,
    SolverChosen,
)
from shardlearn.core.query import Query, Transform
from shardlearn.core.solver import AnySolver, State, Status
from shardlearn.core.statistic import Statistic
from shardlearn.data import Laid, Source, lay_out, verify
from shardlearn.observe import Watch, watch
from shardlearn.run import run
from shardlearn.solvers.ahead import ahead, later
from shardlearn.solvers.problem import Shape
from shardlearn.statistics.beside import Beside
from shardlearn.statistics.survey import Findings, Survey

from .bases import BaseEstimator
from .checkpoint import journal
from .going_on import must_answer, must_go_on, refused
from .identity import Given
from .journal import Journal, Step
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
    journal: Journal = field(default_factory=Journal)
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
        emit, query = self.watched.emit, Query(measure)
        return self._step(measure, lambda: self.engine.fold({"train": self.data}, query, emit=emit))

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
        self.watched.emit(SolverChosen(type(solver).__name__, seed, rounds, goal=tol))
        then = self._then(solver, problem)
        if then is not None and then.over:
            self.journal.passed()
            return then.value
        now = self._went(solver, problem, then)
        self.stopped |= now.value.status is Status.RUNNING
        if not self.stopped:
            self.journal.put(replace(now, over=True))
        self._clean |= now.cleared
        return now.value

    def _then(self, solver: AnySolver, problem: Any) -> Step | None:
        """Where a checkpoint says that the solver stands."""
        then = self.journal.found(type(solver).__name__)
        if then is not None:
            where = f"{self.journal.place}"
            must_go_on(then, solver, problem, self.laid.empty(), where)
            self.watched.emit(FitResumed(where, then.value.status, then.value.figures))
            if not then.over:
                self.watched.emit(Notice(f"{self.name} goes on from {where}"))
        return then

    def _went(self, solver: AnySolver, problem: Any, then: Step | None) -> Step:
        """Run from there; on Ctrl-C as far as the last whole round, if there was one."""
        y_known = self._seen is not None or self.laid.y_kind != "float64"
        now = then or Step(type(solver).__name__, None, over=False, cleared=self._clean)
        wary = Wary(solver, self._search, y_known, now.shown, now.cleared)

        def after(state: State) -> bool:
            nonlocal now
            now = replace(now, value=state, shown=wary.shown, cleared=wary.cleared)
            self.journal.put(now)
            return self.watched.after()

        data, emit = {"train": self.data}, self.watched.emit
        try:
            with refused(f"{self.journal.place}", now.name) if then is not None else nullcontext():
                run(wary, problem, data, self.engine, state=now.value, after=after, emit=emit)
        except KeyboardInterrupt:
            if now.value is None:
                raise
            self.stopped = True
        if not (self.stopped or now.value.status is Status.RUNNING):
            wary.end(now.value)
        return replace(now, cleared=wary.cleared)

    def publish(self, **attributes: Any) -> None:
        """What `fit` learned; None for an attribute that this fit does not have."""
        self.attributes |= attributes

    def _step(self, measure: Statistic[A], take: Callable[[], A]) -> A:
        """An answer that a checkpoint knows, or that is taken."""
        name = type(measure).__name__
        then = self.journal.found(name)
        if then is not None:
            must_answer(then, measure, self.laid.empty(), f"{self.journal.place}")
        return self.journal.step(name, take)

    def _first_pass(self) -> tuple[Any, ...]:
        """What is wrong with the data, counted: with y and weights alone where they are arrays, else with all of it."""
        if self._seen is None:
            laid, apart, emit = self.laid, self.laid.apart, self.watched.emit
            if apart is None:
                answers = self.fold(Beside((Survey(laid), *self.also)))
                report_dropped(laid, answers[0], emit)
                verify.check(laid, answers[0])
                self._clean = True
            else:
                measure = Beside((Survey(NoFeatures(laid.file_starts)), *self.also))
                answers = self._step(measure, lambda: once(self.engine, apart, Query(measure), emit))
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
    supervised: bool = True,
    goes_on: bool = False,
) -> Iterator[Session]:
    """The one way in which a face fits; `also` are exact statistics that ride along on the first pass.

    `goes_on`: from what the estimator has learned before, of the features that it knows.
    Raises `Interrupted` at the end when the solver was stopped before it was done, after the attributes are set.
    """
    name = type(estimator).__name__
    if y is None and supervised:
        raise InputError(
            f"This {name} estimator requires y to be passed, but the target y is None.",
            code="SL2313",
            needed="y as an array, or the name of a column",
        )
    try:
        engine = engines.current()
        with watch(name, engine, verbose) as watched, opened(engine, X, y, sample_weight, watched) as (laid, data):
            session = Session(name, engine, watched, laid, data, tuple(also))
            try:
                session.journal = journal(Given(estimator, X, y, sample_weight, laid, goes_on))
                announce(session)
                yield session
            finally:
                try:
                    session.journal.flush()
                finally:
                    engine.close(session.data)
            watched.emit(FitFinished(name, interrupted=session.stopped))
        names = getattr(estimator, "feature_names_in_", None) if goes_on else fitted_names(X, laid)
        session.publish(n_features_in_=laid.n_features, feature_names_in_=names, report_=watched.report())
    except KeyboardInterrupt as stop:
        raise stop if isinstance(stop, Interrupted) else nothing_fitted(name) from None
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
