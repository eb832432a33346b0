"""Answers for new data: arrays for data in memory, `Predictions` for what streams, one score for both."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sklearn.utils.validation import check_is_fitted

from shardlearn import engines
from shardlearn.core.block import Block
from shardlearn.core.events import ignore
from shardlearn.core.query import Query
from shardlearn.core.statistic import Statistic
from shardlearn.data import Laid, Source, Spec, lay_out, open_source
from shardlearn.observe import counting, one_pass

from .bases import BaseEstimator
from .clean import Clean, counted
from .names import check_count, check_names, column_names
from .predictions import Method, Predictions, gather

A = TypeVar("A")


def answer(estimator: BaseEstimator, title: str, of: Callable[[], Method], X: Any) -> Any:
    """What a method answers for each row of X: an array, or `Predictions` where X is not in memory or a Source.

    `of` makes the method of the fitted attributes; it is called once the estimator is known to be fitted.
    """
    new = NewData.of(estimator, X)
    laid, method = new.lay_out(), of()

    @contextmanager
    def stream(keep: Sequence[str]) -> Iterator[Iterator[Block]]:
        with counted(new.lay_out(keep=keep) if keep else laid) as rows:
            engine = engines.current()
            data = engine.open(rows.blocks)
            try:
                answers = engine.stream(data, Clean(method), emit=ignore)
                if new.in_memory:
                    yield answers
                    return
                with counting(f"{new.title}, predicting", engine, rows.rows, rows.source.label) as through:
                    yield through(answers)
            finally:
                engine.close(data)

    if new.in_memory and len(laid.grid.blocks) == 1:  # no engine is faster than any: this is what one would do
        with counted(laid):
            return gather(
                method, (Clean(method)(block) for _, block in laid.blocks.read(laid.grid.blocks, emit=ignore))
            )
    if new.in_memory:
        with stream(()) as blocks:
            return gather(method, blocks)
    out = Predictions(f"{new.title}.{title}", method, stream)
    if new.opened_here:
        weakref.finalize(out, new.source.close)  # what was unpacked goes when nobody can ask for it any more
    return out


def measured(estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, of: Callable[[], Statistic[A]]) -> A:
    """One statistic over all rows of X, y and weights, for scores; one pass."""
    new = NewData.of(estimator, X)
    measure = of()
    try:
        with counted(new.lay_out(y, sample_weight)) as laid:
            engine = engines.current()
            data = engine.open(laid.blocks)
            try:
                if new.in_memory:
                    return engine.fold({"train": data}, Query(measure), emit=ignore)
                with one_pass(f"{new.title}, scoring", engine, laid.rows, laid.source.label) as watched:
                    return engine.fold({"train": data}, Query(measure), emit=watched.emit)
            finally:
                engine.close(data)
    finally:
        if new.opened_here:
            new.source.close()


@dataclass(frozen=True, eq=False, slots=True)
class NewData:
    """Data that a fitted model meets: its features are matched by name, in the fitted order."""

    title: str
    fitted: tuple[str, ...] | None  # names of the features, where the fit had names
    n_features: int
    found: tuple[str, ...] | None  # names of the columns, where the data have names
    source: Source
    opened_here: bool

    @classmethod
    def of(cls, estimator: BaseEstimator, X: Any) -> NewData:
        check_is_fitted(estimator)
        names = getattr(estimator, "feature_names_in_", None)
        source = X if isinstance(X, Source) else open_source(X)
        found = column_names(X, source)
        return cls(
            type(estimator).__name__,
            None if names is None else tuple(names),
            int(estimator.n_features_in_),
            None if found is None else tuple(found),
            source,
            source is not X,
        )

    @property
    def in_memory(self) -> bool:
        """Whether the caller holds arrays or a frame; whoever makes a Source of them wants them to stream."""
        return self.source.in_memory and self.opened_here

    def lay_out(self, y: Any = None, weight: Any = None, keep: Sequence[str] = ()) -> Laid:
        """Rows on the grid. A frame is held to the fitted names and order, a source may hold other columns too."""
        aside = {name for name in (y, weight) if isinstance(name, str)}
        found = None if self.found is None else [name for name in self.found if name not in aside]
        by_name = self.fitted is not None and found is not None and not self.in_memory
        if found is not None and not by_name:
            check_names(self.title, self.fitted, found)
        width = None if by_name or self.source.in_memory else self.n_features
        spec = Spec(fitted=self.fitted if by_name else None, n_features=width, keep=keep)
        laid = lay_out(self.source, y, weight, spec)
        check_count(self.title, self.n_features, laid.n_features)
        if found is None:
            check_names(self.title, self.fitted, None)
        return laid
