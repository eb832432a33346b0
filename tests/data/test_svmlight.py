"""svmlight: rows of CSR with their labels."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from tests.data.rows import blocks, features, labels, rng, same, surveyed

from shardlearn.core.errors import InputError, SourceChangedError
from shardlearn.data import Spec, lay_out, read

DENSE = np.where(rng.random((5000, 300)) < 0.2, rng.standard_normal((5000, 300)), 0)
Y = rng.integers(0, 3, 5000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("svm") / "rows.svm"
    dump_svmlight_file(sp.csr_matrix(DENSE), Y, str(file), zero_based=False)
    return file


def test_same_blocks_as_the_matrix(path: Path, tmp_path: Path) -> None:
    X, y = load_svmlight_file(str(path))
    reference = blocks(lay_out(X, y.astype(np.int64)))
    assert len(reference) > 1
    laid = lay_out(path, "target")
    assert (laid.y_kind, laid.sparse, laid.in_memory, laid.names) == ("int64", True, False, None)
    same(blocks(laid), reference)
    same(blocks(pickle.loads(pickle.dumps(lay_out(path, Y)))), reference)
    packed = tmp_path / "rows.svm.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    source = read(packed)
    assert "removed after use" in source.notices()[0]
    same(blocks(lay_out(source, "target")), reference)
    source.close()


def test_several_files(path: Path, tmp_path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    for number, (start, stop) in enumerate([(0, 100), (100, 101), (101, 5000)]):
        (tmp_path / f"{number}.svm").write_text("".join(lines[start:stop]))
    reference = blocks(lay_out(path, "target"))
    got = blocks(lay_out(read(tmp_path, n_features=300), "target"))
    same(got, reference)


def test_comments_blank_lines_and_spaces(tmp_path: Path) -> None:
    file = tmp_path / "t.svmlight"
    file.write_text("# head\n1 1:2 3:-4e-1 # note\n\n-1\t2:+5 \r\n+1 1:0 2:1e-400")
    laid = lay_out(file, "target")
    assert features(laid).tolist() == [[2, 0, -0.4], [0, 5, 0], [0, 0, 0]]
    assert labels(laid).tolist() == [1, -1, 1]
    assert laid.source.stored == 3
    file.write_text("0.5 1:2\n1 2:3\n")
    assert lay_out(file, "target").y_kind == "float64"


def test_width_and_dtype(path: Path) -> None:
    laid = lay_out(path, "target", spec=Spec(n_features=310, dtype="float32"))
    assert laid.n_features == 310
    assert laid.blocks.empty().X.shape == (0, 310)
    assert np.array_equal(features(laid)[:, :300], DENSE.astype("f4"))
    with pytest.raises(InputError, match="has 300 features, and n_features=299"):
        lay_out(path, spec=Spec(n_features=299))
    with pytest.raises(InputError, match="has 300 features, and n_features=299"):
        read(path, n_features=299)


def test_zero_based(tmp_path: Path) -> None:
    file = tmp_path / "t.svm"
    file.write_text("1 0:5 2:6\n")
    with pytest.raises(InputError, match=r"has entries with index 0(.|\n)*zero_based=True"):
        read(file)
    assert features(lay_out(read(file, zero_based=True))).tolist() == [[5, 0, 6]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1 1:2\nsecret 1:2\n", "a label that is no number"),
        ("1 1:2\n1 1:secret\n", "an entry that is not index:value"),
        ("1 1:2\n1 secret\n", "an entry that is not index:value"),
        ("1 1:2\n1 3:1 2:1\n", "indices that do not go up"),
        ("1 1:2\n1 2:1 2:1\n", "indices that do not go up"),
        ("1 1:2\n1 qid:3 2:1\n", "a qid"),
        ("1 1:2\n1 -3:1\n", "a negative index"),
        ("1 1:2\n1 3000000000:1\n", "an index beyond"),
    ],
)
def test_broken_lines(tmp_path: Path, text: str, found: str) -> None:
    file = tmp_path / "t.svm"
    file.write_text(text)
    with pytest.raises(InputError, match="a line is not in svmlight format") as caught:
        read(file)
    assert f"{file}, row 1" in str(caught.value)
    assert found in str(caught.value)
    assert "secret" not in str(caught.value)


def test_bad_values_are_counted_by_file(tmp_path: Path) -> None:
    (tmp_path / "1.svm").write_text("1 1:2\n1 2:nan\n")
    (tmp_path / "2.svm").write_text("1 2:nan 3:inf\n")
    with pytest.raises(InputError, match=r"1\.svm, column 1; first at row 1 \(2 rows in 2 files\)"):
        surveyed(tmp_path, "target")
    (tmp_path / "1.svm").write_text("1 1:2\n1 2:3\n")
    (tmp_path / "2.svm").write_text("1 2:3 3:inf\n")
    with pytest.raises(InputError, match=r"infinity(.|\n)*2\.svm, column 2; first at row 0 \(1 row\)"):
        surveyed(tmp_path, "target")


def test_names_and_changes(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match='Column not found in the data: "label"'):
        lay_out(path, "label")
    with pytest.raises(InputError, match='Column not found in the data: "w"'):
        lay_out(path, "target", "w")
    copy = tmp_path / "t.svm"
    copy.write_bytes(path.read_bytes())
    laid = lay_out(copy, "target")
    copy.write_text("1 1:1\n")
    with pytest.raises(SourceChangedError):
        blocks(laid)


def test_empty(tmp_path: Path) -> None:
    file = tmp_path / "t.svm"
    file.write_text("")
    with pytest.raises(InputError, match="the file is empty"):
        read(file)
    file.write_text("# nothing\n")
    with pytest.raises(InputError, match=r"0 sample\(s\)"):
        lay_out(file)
    file.write_text("1\n2\n")
    with pytest.raises(InputError, match=r"0 feature\(s\)"):
        lay_out(file)
