"""What a loss has to say: its value, and two derivatives in the linear predictor."""

from __future__ import annotations

from typing import ClassVar, Protocol

from shardlearn.core.matrix import Array, Floats


class Loss(Protocol):
    """Pointwise in z, the linear predictor of each output: z is (n, k), targets are (n,) or (n, k).

    A loss is a frozen dataclass without arrays. `slope` and `curvature` are exact derivatives of `value`, no constants
    dropped between them; `value` may leave out what does not depend on z.
    """

    name: ClassVar[str]
    fused: ClassVar[int | None]  # number of the native pass that computes value, slope and gradient at once
    bound: ClassVar[float | None]  # curvature in each output is never larger; None: it has no bound
    codes: ClassVar[bool]  # targets are class codes 0 .. k - 1, (n,)
    shiftable: ClassVar[bool]  # adding one number to all outputs changes nothing
    domain: ClassVar[tuple[float, float]]  # of a target that is no code; both ends belong to it

    def value(self, y: Array, z: Floats, /) -> Floats:
        """(n,)"""
        ...

    def slope(self, y: Array, z: Floats, /) -> Floats:
        """(n, k): derivative in each output."""
        ...

    def curvature(self, y: Array, z: Floats, /) -> Floats:
        """(n, k): second derivative in each output, never negative."""
        ...

    def coupling(self, y: Array, z: Floats, /) -> Floats | None:
        """(n, k) factors f: the mixed second derivative in outputs a and b is -f_a f_b; None: it is zero."""
        ...


def targets(y: Array, outputs: int) -> Floats:
    """Targets that are no codes as (n, k)."""
    return y.astype("float64", copy=False).reshape(len(y), outputs)
