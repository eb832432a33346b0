"""Arrays and sparse matrices as blocks."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from tests.data.rows import blocks, features, labels, rng

from shardlearn import _native
from shardlearn.core.errors import ShardlearnError
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Csr
from shardlearn.data import Spec, lay_out, read
from shardlearn.data.arrays import from_sparse

X = rng.standard_normal((3000, 200))


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "u1", "?", ">f8", ">f4", "g"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_orders_and_dtypes(dtype: str, order: Any) -> None:
    given = (10 * X).astype(dtype, order=order)
    laid = lay_out(given)
    expected = "float32" if given.dtype.newbyteorder("=") in (np.float32, np.float16) else "float64"
    assert laid.dtype == expected
    got = features(laid)
    assert got.dtype == expected
    assert np.array_equal(got, given.astype(expected))


def test_views_cost_nothing() -> None:
    laid = lay_out(X)
    assert laid.blocks.footprint().resident
    assert laid.grid == Grid(0, 3000, 2048)
    assert all(np.shares_memory(block.X, X) for block in blocks(laid))
    turned = lay_out(np.asfortranarray(X))
    assert not turned.blocks.footprint().resident
    assert turned.blocks.footprint().block == 2048 * 200 * 8
    assert all(block.X.flags.c_contiguous for block in blocks(turned) if isinstance(block.X, np.ndarray))


@pytest.mark.parametrize("given", [X[::2], X[:, ::-1], X[::-1], X[:, 3:50]])
def test_strides(given: Any) -> None:
    assert np.array_equal(features(lay_out(given)), given)


def test_read_only_memory_map(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", X)
    assert np.array_equal(features(lay_out(np.load(tmp_path / "x.npy", mmap_mode="r"))), X)


def test_lists_and_masks() -> None:
    assert features(lay_out([[1, 2], [3, 4]])).tolist() == [[1, 2], [3, 4]]
    masked = np.ma.array([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    assert np.array_equal(features(lay_out(masked)), [[1, np.nan], [3, 4]], equal_nan=True)
    assert features(lay_out(np.array([[1, 2.5], [True, 4]], object))).tolist() == [[1, 2.5], [1, 4]]


def test_dtype_asked_for() -> None:
    laid = lay_out(X, spec=Spec(dtype="float32"))
    assert laid.grid.rows == 4096
    assert np.array_equal(features(laid), X.astype("f4"))
    assert features(lay_out(read(X, dtype="float32"))).dtype == np.float32
    beyond = features(lay_out(np.array([[1e300]]), spec=Spec(dtype="float32")))
    assert np.isinf(beyond).all()


def test_empty_block_and_pickle() -> None:
    laid = lay_out(X, np.zeros(3000), np.ones(3000))
    empty = pickle.loads(pickle.dumps(laid.blocks)).empty()
    assert (empty.X.shape, empty.X.dtype, empty.y.dtype, empty.weight.dtype) == ((0, 200), "f8", "f8", "f8")


def test_first_row_id() -> None:
    laid = lay_out(X, spec=Spec(first=5000))
    assert laid.grid == Grid(5000, 8000, 2048)
    assert np.array_equal(features(laid), X)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([1, 2, 3], "int64"),
        (np.array([1, 2, 3], "u4"), "int64"),
        (np.array([1, 2, 3], "f4"), "float64"),
        ([True, False, True], "bool"),
        (["a", "b", "a"], "str"),
        (np.array(["a", "b", "a"], object), "str"),
        (np.array([1, 2, 3], object), "int64"),
        (np.array([1, 2.5, None], object), "float64"),
        (np.array([b"a", b"b", b"c"]), "str"),
        ([[1, 2], [3, 4], [5, 6]], "int64"),
    ],
)
def test_kinds_of_y(given: Any, kind: str) -> None:
    laid = lay_out(X[:3], given)
    assert laid.y_kind == kind
    assert labels(laid).shape == np.asarray(given).shape
    assert laid.y_shape == np.asarray(given).shape[1:]


def test_y_of_other_libraries() -> None:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    for y in (pd.Series([1, 2, 3], index=[5, 6, 7]), pl.Series([1, 2, 3]), pa.array([1, 2, 3])):
        assert labels(lay_out(X[:3], y)).tolist() == [1, 2, 3]


def test_weights() -> None:
    for weight in (2, 2.0, [2, 2, 2], np.full(3, 2, "f4")):
        (block,) = blocks(lay_out(X[:3], None, weight))
        assert block.weight.tolist() == [2.0] * 3
        assert block.weight.dtype == np.float64


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr"])
@pytest.mark.parametrize("array", [True, False])
def test_sparse_formats(kind: str, array: bool) -> None:
    dense = np.where(rng.random((300, 40)) < 0.1, rng.standard_normal((300, 40)), 0)
    given = (sp.csr_array if array else sp.csr_matrix)(dense).asformat(kind)
    laid = lay_out(given)
    assert laid.sparse
    assert np.array_equal(features(laid), dense)


def test_sparse_is_made_canonical() -> None:
    data, indices, indptr = [1.0, 2.0, 0.0, 4.0, -1.0, 1.0], [3, 1, 0, 2, 2, 2], [0, 3, 6]
    given = sp.csr_matrix((data, indices, indptr), shape=(2, 5))
    laid = lay_out(given)
    (block,) = blocks(laid)
    assert isinstance(block.X, Csr)
    assert (block.X.indices.tolist(), block.X.data.tolist(), block.X.indptr.tolist()) == (
        [1, 3, 2],
        [2, 1, 4],
        [0, 2, 3],
    )
    assert given.nnz == 6  # the caller's is as it was
    assert given.indices.tolist() == indices


def test_sparse_grid_counts_what_is_stored() -> None:
    dense = np.zeros((70_000, 3))
    dense[:, 0] = 1
    given = sp.csr_matrix(dense)
    assert lay_out(given).grid.rows == 65_536
    explicit = sp.csr_matrix((np.zeros(70_000 * 20), np.tile(np.arange(20), 70_000), np.arange(0, 70_000 * 20 + 1, 20)))
    assert lay_out(explicit + sp.csr_matrix((70_000, 20))).grid.rows == 65_536


def test_sparse_dtypes() -> None:
    given = sp.random(50, 5, 0.5, format="csr", random_state=0)
    assert lay_out(given.astype("f4")).dtype == "float32"
    assert lay_out((given * 10).astype("i8")).dtype == "float64"
    assert lay_out(given, spec=Spec(dtype="float32")).blocks.empty().X.dtype == np.float32


def test_rows_with_missing_values_are_dropped() -> None:
    holes = X.copy()
    holes[5, 3] = holes[5, 4] = holes[2500, 3] = np.nan
    y = rng.standard_normal(3000)
    y[7] = np.nan
    laid = lay_out(holes, y, np.ones(3000), Spec(missing="drop"))
    first, second = blocks(laid)
    assert first.dropped is not None
    assert first.dropped.rows == 2
    assert first.dropped.columns[[3, 4, 200, 201]].tolist() == [1, 1, 1, 0]
    assert first.ids.tolist() == [i for i in range(2048) if i not in (5, 7)]
    assert second.dropped.rows == 1
    assert second.start == 2048
    assert laid.columns[200:] == ("y", "sample_weight")
    kept = np.ones(3000, bool)
    kept[[5, 7, 2500]] = False
    assert np.array_equal(features(laid), holes[kept])


def test_sparse_rows_with_missing_values_are_dropped() -> None:
    given = sp.csr_matrix(np.array([[1, 0], [0, np.nan], [0, 0], [2, 3]]))
    (block,) = blocks(lay_out(given, spec=Spec(missing="drop")))
    assert block.dropped is not None
    assert block.dropped.columns.tolist() == [0, 1]
    assert block.row_ids().tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("make", "words", "kind"),
    [
        (lambda: lay_out(X[:, 0]), "Expected 2D array, got 1D array instead.*\n.*Reshape your data", ValueError),
        (lambda: lay_out(np.float64(3)), "Expected 2D array, got scalar array", ValueError),
        (lambda: lay_out(X[None]), "Found array with dim 3", ValueError),
        (
            lambda: lay_out(X[:0]),
            r"Found array with 0 sample\(s\) \(shape=\(0, 200\)\) while a minimum of 1",
            ValueError,
        ),
        (
            lambda: lay_out(X[:, :0]),
            r"0 feature\(s\) \(shape=\(3000, 0\)\) while a minimum of 1 is required.",
            ValueError,
        ),
        (lambda: lay_out(X + 1j), "Complex data not supported", ValueError),
        (lambda: lay_out(sp.csr_matrix([[1j]])), "Complex data not supported", ValueError),
        (lambda: lay_out(np.array([["1", "2"]])), "dtype='numeric' is not compatible with arrays of bytes", ValueError),
        (lambda: lay_out(np.array([["1", "x"]], object)), "could not convert string to float", ValueError),
        (lambda: lay_out(np.array([[{}, 1]], object)), "argument must be .* string.* number", TypeError),
        (lambda: lay_out([[1, 2], [3]]), "setting an array element with a sequence", ValueError),
        (lambda: lay_out(np.ones((1, 2)).view(np.matrix)), "np.matrix is not supported", TypeError),
        (lambda: lay_out(X.view("M8[s]")), "Columns of kind datetime64", ValueError),
        (lambda: lay_out(X[:10], np.ones(9)), r"inconsistent numbers of samples: \[10, 9\]", ValueError),
        (lambda: lay_out(X[:10], None, np.ones(9)), r"sample_weight.shape == \(9,\), expected \(10,\)!", ValueError),
        (lambda: lay_out(X[:10], None, np.ones((10, 1))), "Sample weights must be 1D array or scalar", ValueError),
        (lambda: lay_out(X[:2], None, ["a", "b"]), "dtype='numeric' is not compatible", ValueError),
        (lambda: lay_out(X[:2], np.array([{}, 1], object)), "argument must be .* string.* number", TypeError),
        (lambda: lay_out(X[:2], np.array(["a", 1], object)), "Input y holds strings and other objects", TypeError),
        (lambda: lay_out(X[:2], np.array([1j, 2])), "Complex data not supported", ValueError),
        (lambda: lay_out(X[:2], np.zeros((2, 1, 1))), "y should be a 1d array", ValueError),
        (lambda: lay_out(X[:2], sp.csr_matrix([[1], [2]])), "Sparse data was passed for y", TypeError),
        (lambda: lay_out(X[:2], np.array(["2020", "2021"], "M8[Y]")), "Columns of kind datetime64", ValueError),
        (lambda: lay_out(X[:2], np.array([2**63, 1], "u8")), r"beyond 2\*\*53", ValueError),
        (lambda: lay_out(X[:2], np.array([2**70, 1], object)), r"beyond 2\*\*53", ValueError),
        (lambda: lay_out(X, "late"), 'y="late" names a column, and an array has no names', ValueError),
        (lambda: lay_out(X, None, "w"), 'sample_weight="w" names a column', ValueError),
        (lambda: lay_out(object()), "Can't read data of type builtins.object", TypeError),
    ],
)
def test_refusals(make: Any, words: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=words) as caught:
        make()
    assert isinstance(caught.value, ShardlearnError)
    assert caught.value.code.startswith("SL2")


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 2**60])
def test_large_integers(value: int) -> None:
    given = np.ones((3000, 200), np.int64)
    given[2999, 0] = 2**53
    lay_out(given)
    given[2999, 0] = value
    for one in (given, sp.csr_matrix(given), given.astype(object)):
        with pytest.raises(ValueError, match=r"an integer beyond 2\*\*53") as caught:
            lay_out(one)
        assert str(abs(value)) not in str(caught.value).replace("2**53", "")


def test_len_names_the_way_out() -> None:
    with pytest.raises(TypeError, match=r"fit --holdout 0\.1`; source\.count\(\) is the number"):
        len(read(X))
    assert "MatrixSource array 3,000 x 200 float64" in repr(read(X))
    assert read(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("p", [60, 300, 70_000, 2**31 - 1])
def test_indices_in_any_order_are_sorted(dtype: Any, p: int) -> None:
    """Rows short and long, as scikit-learn's TfidfVectorizer(max_features=...) leaves them; the caller's stay."""
    draw = np.random.default_rng(p)
    lengths = [0, 1, 2, 15, 16, 47, 48, 50]
    indices = [draw.choice(p, n, replace=False) if p < 10**6 else draw.integers(0, p, n) for n in lengths]
    indptr = np.cumsum([0, *lengths])
    given = sp.csr_array((np.arange(1, indptr[-1] + 1).astype(dtype), np.concatenate(indices), indptr), (8, p))
    before = given.indices.copy()
    X = from_sparse(given, Spec()).X
    np.testing.assert_array_equal(given.indices, before)
    wanted = given.copy()
    wanted.sort_indices()
    np.testing.assert_array_equal(X.indices, wanted.indices)
    np.testing.assert_array_equal(X.data, wanted.data)
    assert X.dtype == (np.float32 if dtype == np.float32 else np.float64)


@pytest.mark.parametrize("length", [3, 20, 60])
@pytest.mark.parametrize("p", [64, 70_000, 2**20])
def test_what_is_stored_twice_is_summed(length: int, p: int) -> None:
    """Rows short and long, one after another: what a row leaves behind is in no other's way."""
    draw = np.random.default_rng(length)
    indices = draw.integers(0, p, (5, length))
    indices[1:3, 1] = indices[1:3, 0]
    given = sp.csr_array((draw.random(5 * length), indices.reshape(-1), np.arange(0, 6 * length, length)), (5, p))
    X = from_sparse(given, Spec()).X
    wanted = given.copy()
    wanted.sum_duplicates()
    np.testing.assert_array_equal(X.indices, wanted.indices)
    np.testing.assert_array_equal(X.data, wanted.data)


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("wrong", [-1, 50, 10**7])
@pytest.mark.parametrize("line", ["row", "column"])
def test_indices_outside_a_sparse_matrix_are_refused(kind: Any, ascending: bool, wrong: int, line: str) -> None:
    """SciPy takes them; read and written they would be outside our memory."""
    indices = np.tile(np.arange(20, dtype=kind)[:: 1 if ascending else -1], 3)
    indices[39] = wrong
    stored = np.ones(60), indices, np.array([0, 20, 20, 40, 60], kind)
    X = sp.csr_array(stored, (4, 50)) if line == "row" else sp.csc_array(stored, (50, 4))
    words = rf"(?s)damaged: an index.*{line} 2, counting from 0.*index {wrong:,}\n.*from 0 to 49"
    with pytest.raises(ValueError, match=words) as caught:
        from_sparse(X, Spec())
    assert isinstance(caught.value, ShardlearnError)


@pytest.mark.parametrize("wrong", [[0, 25, 20, 60], [0, 20, 40, 61], [1, 20, 40, 60]])
def test_offsets_that_cut_no_rows_are_refused(wrong: list[int]) -> None:
    X = sp.csr_array((np.ones(60), np.tile(np.arange(20), 3), np.array([0, 20, 40, 60])), (3, 50))
    X.indptr[:] = wrong
    with pytest.raises(ValueError, match="damaged: its offsets"):
        from_sparse(X, Spec())


def test_rows_that_are_not_cut_are_refused() -> None:
    ints, values = np.zeros(3, np.int32), np.zeros(3)
    for wrong in ([0, 2, 1, 3], [1, 3], [0, 2]):
        with pytest.raises(ValueError, match="does not cut"):
            _native.sort_rows(ints, values, np.array(wrong), 5, ints.copy(), values.copy())
    with pytest.raises(ValueError, match="data has shape"):
        _native.sort_rows(ints, values[:2], np.array([0, 3]), 5, ints.copy(), values.copy())
