"""Real data sets, read from the folder that SHARDLEARN_DATA names: the same neighbours as comparing everything."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
from sklearn import neighbors as sk
from tests.linear_model.test_real import covertype, held, kddcup
from tests.linear_model.test_real import pytestmark as pytestmark
from tests.neighbors.brute import keys, nearest

from shardlearn.neighbors import KNeighborsClassifier, NearestNeighbors


def images(of: str) -> tuple[Any, Any]:
    """Pixels and classes."""
    parts = []
    for name, skipped in ((f"{of}-images-idx3-ubyte.gz", 16), (f"{of}-labels-idx1-ubyte.gz", 8)):
        with gzip.open(held("fashion_mnist", name)) as file:
            parts.append(np.frombuffer(file.read(), np.uint8, offset=skipped))
    return parts[0].reshape(-1, 784).astype(np.float32), parts[1]


def apart(X: Any, y: Any, queries: int) -> tuple[Any, Any, Any, Any]:
    """Rows to learn from, and a few to ask about."""
    order = np.random.default_rng(0).permutation(len(X))
    few, many = order[:queries], order[queries:]
    return X[many], y[many], X[few], y[few]


def by_definition(X: Any, Q: Any, k: int, *, whole: bool) -> Any:
    """The ids of the nearest rows; of whole numbers, products of matrices have exact sums of squares."""
    if not whole:
        return nearest(keys("euclidean", X, Q), k)[1]
    x, q = X.astype(np.float64), Q.astype(np.float64)
    return nearest((q**2).sum(axis=1)[:, None] - 2 * q @ x.T + (x**2).sum(axis=1), k)[1]


def agrees(X: Any, y: Any, Q: Any, wanted: Any, k: int) -> None:
    """The ids, votes and accuracy of comparing everything; scikit-learn's distances."""
    ids = by_definition(X, Q, k, whole=True)
    distances, found = NearestNeighbors(n_neighbors=k).fit(X).kneighbors(Q)
    assert found.tolist() == ids.tolist()
    votes = (y[ids][:, :, None] == np.unique(y)).sum(axis=1)
    predicted = np.unique(y)[votes.argmax(axis=1)]
    model = KNeighborsClassifier(k).fit(X, y)
    assert model.predict(Q).tolist() == predicted.tolist()
    assert model.score(Q, wanted) == (predicted == wanted).mean()
    theirs, _ = sk.NearestNeighbors(n_neighbors=k, algorithm="brute").fit(X).kneighbors(Q)
    assert np.abs(distances - theirs).max() <= 1e-6 * theirs.max()


def test_fashion_mnist() -> None:
    """784 pixels in float32."""
    X, y = images("train")
    Q, wanted = (part[:200] for part in images("t10k"))
    agrees(X[::3], y[::3], Q, wanted, 10)


def test_covertype() -> None:
    """Whole numbers, in columns from 0/1 to 7,000."""
    agrees(*apart(*covertype(), 200), 5)


def test_kddcup() -> None:
    """Columns from 0/1 to 7e8, and most rows several times over: scikit-learn's way has other neighbours."""
    X, y, Q, _ = apart(*kddcup(), 10)
    found = NearestNeighbors(n_neighbors=5).fit(X).kneighbors(Q, return_distance=False)
    assert found.tolist() == by_definition(X, Q, 5, whole=False).tolist()
    votes = y[found].sum(axis=1) > 2
    assert KNeighborsClassifier(5).fit(X, y).predict(Q).tolist() == votes.tolist()
