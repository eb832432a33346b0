"""The objectives in float64, and their minima found with plenty of time: what every contender is measured by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.special import log_softmax, softmax

ROWS = 65_536
ALPHA, C = 1.0, 1.0


@dataclass(frozen=True)
class LeastSquares:
    """|y - X w - b|^2 + alpha |w|^2"""

    X: object
    y: np.ndarray
    alpha: float

    def value(self, W: np.ndarray, b: np.ndarray) -> float:
        residuals = sum(float(np.sum((y - Z @ W[0] - b[0]) ** 2)) for Z, y in pieces(self.X, self.y))
        return residuals + self.alpha * float(W[0] @ W[0])

    def minimum(self) -> float:
        """By QR of centred pieces: backward stable."""
        p = self.X.shape[1]
        center = np.mean(np.asarray(self.X[:ROWS], np.float64), axis=0)
        R = np.zeros((0, p + 2))
        for Z, y in pieces(self.X, self.y):
            R = np.linalg.qr(np.vstack([R, np.column_stack([Z - center, np.ones(len(y)), y])]), mode="r")
        shrink = np.hstack([np.sqrt(self.alpha) * np.eye(p), np.zeros((p, 2))])
        R = np.linalg.qr(np.vstack([R, shrink]), mode="r")
        w, *_ = scipy.linalg.lstsq(R[:, :-1], R[:, -1])
        return self.value(w[None, :p], np.array([w[p] - center @ w[:p]]))


@dataclass(frozen=True)
class Logistic:
    """mean log loss + |W|^2 / (2 C n); one row of W for two classes, one a class for more."""

    X: object
    labels: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        return np.unique(self.labels)

    def _full(self, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As one row a class; a binary model has its only row against zeros."""
        if len(W) == 1:
            return np.vstack([np.zeros_like(W), W]), np.concatenate([[0.0], b])
        return W, b

    def value(self, W: np.ndarray, b: np.ndarray) -> float:
        full, shift = self._full(W, b)
        codes, total = np.searchsorted(self.classes, self.labels), 0.0
        for Z, code in pieces(self.X, codes):
            total -= float(log_softmax(Z @ full.T + shift, axis=1)[np.arange(len(code)), code].sum())
        n = len(codes)
        return total / n + float(np.sum(W * W)) / (2.0 * C * n)

    def minimum(self) -> float:
        """By Newton's method with halved steps, until nothing is gained."""
        k = len(self.classes) if len(self.classes) > 2 else 1
        theta, best = np.zeros((k, self.X.shape[1] + 1)), np.inf
        for _ in range(50):
            here = self.value(theta[:, :-1], theta[:, -1])
            step, promise = self._newton(theta)
            best = min(best, here)
            if promise < 1e-14 * here:
                break
            t = 1.0
            while t > 1e-8 and self.value(*_split(theta - t * step)) > here:
                t /= 2.0
            theta = theta - t * step
        return best

    def _newton(self, theta: np.ndarray) -> tuple[np.ndarray, float]:
        k, q = theta.shape
        codes, n = np.searchsorted(self.classes, self.labels), len(self.labels)
        full, shift = self._full(*_split(theta))
        grad, hessian = np.zeros((k, q)), np.zeros((k, q, k, q))
        for Z, code in pieces(self.X, codes):
            P = softmax(Z @ full.T + shift, axis=1)[:, -k:]
            Z1 = np.column_stack([Z.toarray() if sp.issparse(Z) else Z, np.ones(len(code))])
            hot = code[:, None] == np.arange(len(self.classes))[None, -k:]
            grad += (P - hot).T @ Z1
            for a in range(k):
                for c in range(a, k):
                    part = Z1.T @ (Z1 * (P[:, a] * ((a == c) - P[:, c]))[:, None])
                    hessian[a, :, c, :] += part
                    if a != c:
                        hessian[c, :, a, :] += part.T
        ridge = np.tile(np.append(np.full(q - 1, 1.0 / (C * n)), 0.0), k)
        H = hessian.reshape(k * q, k * q) / n + np.diag(ridge)
        g = grad.reshape(-1) / n + ridge * theta.reshape(-1)
        step, *_ = scipy.linalg.lstsq(H, g)
        return step.reshape(k, q), float(g @ step)


def _split(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return theta[:, :-1], theta[:, -1]


def pieces(X: object, y: np.ndarray) -> Iterator[tuple]:
    """Rows in float64, some at a time."""
    for start in range(0, len(y), ROWS):
        Z = X[start : start + ROWS]
        yield (Z if sp.issparse(Z) else np.asarray(Z, np.float64)), y[start : start + ROWS]


def objective(task: str, X: object, target: np.ndarray) -> LeastSquares | Logistic:
    if task == "logistic":
        return Logistic(X, target)
    return LeastSquares(X, target, ALPHA if task == "Ridge" else 0.0)
