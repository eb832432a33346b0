"""What a penalty has to say: its value, its gradient, and its proximal step."""

from __future__ import annotations

from typing import ClassVar, Protocol

from shardlearn.core.matrix import Floats


class SmoothPenalty(Protocol):
    """Never meets an intercept."""

    name: ClassVar[str]

    def value(self, w: Floats, /) -> float: ...
    def grad(self, w: Floats, /) -> Floats: ...
    def prox(self, v: Floats, t: float, /) -> Floats:
        """The w that minimises value(w) + |w - v|^2 / (2 t)."""
        ...
