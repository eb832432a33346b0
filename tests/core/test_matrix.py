"""Dense or sparse: the same rows either way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from shardlearn.core.matrix import Csr, concat_rows, nbytes, own_rows, raw, slice_rows, take_rows, to_dense


def csr(dense: np.ndarray) -> Csr:
    s = sparse.csr_array(dense)
    return Csr(s.data, s.indices.astype(np.int32), s.indptr.astype(np.int64), dense.shape[1])


@given(
    n=st.integers(0, 12), p=st.integers(1, 4), seed=st.integers(0, 99), cut=st.integers(0, 12), other=st.integers(0, 12)
)
def test_sparse_and_dense_agree(n: int, p: int, seed: int, cut: int, other: int) -> None:
    draw = np.random.default_rng(seed)
    dense = draw.standard_normal((n, p)) * (draw.random((n, p)) < 0.4)
    X = csr(dense)
    assert X.shape == (n, p)
    assert X.dtype == np.float64
    start, stop = sorted((min(cut, n), min(other, n)))
    part = slice_rows(X, start, stop)
    assert to_dense(part).tolist() == dense[start:stop].tolist()
    own = own_rows(X, start, stop)
    assert isinstance(own, Csr)
    assert to_dense(own).tolist() == to_dense(part).tolist()
    assert own.data.size == np.count_nonzero(dense[start:stop]), "and nothing of other rows"
    where = np.flatnonzero(draw.random(stop - start) < 0.5)
    assert to_dense(take_rows(part, where)).tolist() == dense[start:stop][where].tolist()
    both = concat_rows([part, X])
    assert to_dense(both).tolist() == np.concatenate([dense[start:stop], dense]).tolist()
    assert nbytes(part) == 12 * np.count_nonzero(dense[start:stop]) + 8 * (stop - start + 1)


def test_dense_rows() -> None:
    X = np.arange(6.0).reshape(3, 2)
    assert np.shares_memory(slice_rows(X, 1, 3), X)
    assert own_rows(np.asfortranarray(X), 1, 3).flags.c_contiguous
    assert to_dense(take_rows(X, np.array([2]))).tolist() == [[4, 5]]
    assert to_dense(concat_rows([X, X])).shape == (6, 2)
    assert nbytes(X) == 48


@pytest.mark.parametrize("sparse_", [True, False])
def test_arrays_behind_a_matrix(sparse_: bool) -> None:
    X = np.eye(2)
    got = raw(csr(X) if sparse_ else X)
    assert got.n_columns == 2
    assert (got.indices is None) == (got.indptr is None) == (not sparse_)
