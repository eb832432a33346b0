"""Coordinates in which features are centred and the intercept is one more column: (W, b + W c) in place of (W, b).

With c the mean of the features, the intercept hardly interacts with the coefficients, and features far from zero lose
no digits. Dense data are centred row by row in the kernel. For sparse data z = W x + (b~ - W c), which is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats
from shardlearn.penalties.l2 import L2
from shardlearn.statistics.gradient import GradSums, LossSums

from .problem import Glm, Shape, Start


@dataclass(frozen=True, slots=True)
class Evaluation:
    """F at a point."""

    value: float
    grad: Floats  # (k, q) in the frame
    steepest: float  # largest |dF| in the original coordinates
    weight: float  # s


def to_frame(problem: Glm, center: Floats | None, start: Start) -> Floats:
    """theta (k, q): q = p, or p + 1 with the intercept last."""
    if not problem.intercept:
        return np.ascontiguousarray(start.W, np.float64)
    shift = start.b if center is None else start.b + kernels.gemv(np.ascontiguousarray(start.W), center)
    return np.concatenate([start.W, shift[:, None]], axis=1)


def from_frame(problem: Glm, center: Floats | None, theta: Floats) -> Start:
    """The model in the original coordinates."""
    W, b = parts(problem, theta)
    return Start(W, b if center is None else b - kernels.gemv(W, center))


def parts(problem: Glm, theta: Floats) -> tuple[Floats, Floats]:
    """W (k, p) and b~ (k,), which is zero without an intercept."""
    if not problem.intercept:
        return theta, np.zeros(problem.outputs)
    return np.ascontiguousarray(theta[:, :-1]), np.ascontiguousarray(theta[:, -1])


def placed(problem: Glm, center: Floats | None, theta: Floats) -> tuple[Floats, Floats, Floats | None]:
    """W, b and pivot as the statistics take them."""
    return shifted(problem.shape, center, *parts(problem, theta))


def shifted(shape: Shape, center: Floats | None, W: Floats, b: Floats) -> tuple[Floats, Floats, Floats | None]:
    """W, b and pivot that give W (x - center) + b."""
    if center is None or not shape.sparse:
        return W, b, center
    return W, b - kernels.gemv(W, center), None


def centered(shape: Shape, center: Floats | None, sums: Floats, sums_b: Floats) -> Floats:
    """sum_i r_i (x_i - center)' from what the statistics gave, for r (k,) summed in sums_b."""
    return sums - sums_b[:, None] * center if shape.sparse and center is not None else sums


def sums_at(problem: Glm, center: Floats | None, theta: Floats) -> GradSums:
    """What to ask for to know F and its gradient at theta."""
    W, b, pivot = placed(problem, center, theta)
    return GradSums(problem.loss, W, b, pivot)


def evaluate(problem: Glm, center: Floats | None, theta: Floats, sums: LossSums) -> Evaluation:
    """F and its gradient from the sums at theta."""
    s, penalty = sums.weight, L2(problem.l2 / sums.weight)
    W, _ = parts(problem, theta)
    grad = centered(problem.shape, center, sums.grad, sums.grad_b) / s + penalty.grad(W)
    grad_b = sums.grad_b / s
    original = grad if center is None else grad + grad_b[:, None] * center
    value = float(sums.loss) / s + penalty.value(W)
    if not problem.intercept:
        return Evaluation(value, grad, largest(original), s)
    whole = np.concatenate([grad, grad_b[:, None]], axis=1)
    return Evaluation(value, whole, max(largest(original), largest(grad_b)), s)


def largest(values: Floats) -> float:
    """max |v|; zero of nothing, nan if any is."""
    return float(np.abs(values).max(initial=0.0))


def inner(a: Floats, b: Floats) -> float:
    """The dot product of two arrays of one shape."""
    return kernels.dot(a.reshape(-1), b.reshape(-1))
