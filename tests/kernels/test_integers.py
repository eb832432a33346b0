"""Distinct values, codes, and Philox against its published answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardlearn import kernels
from shardlearn.core import rng
from shardlearn.kernels import reference

WORDS = st.integers(-(2**63), 2**63 - 1)
NEAR = st.integers(-5, 5)


@given(values=st.lists(WORDS | NEAR, max_size=60) | st.lists(NEAR, max_size=60), limit=st.integers(0, 70))
def test_distinct(values: list[int], limit: int) -> None:
    y = np.array(values, np.int64)
    wanted, counts = np.unique(y, return_counts=True)
    got = kernels.distinct_i64(y, limit)
    if len(wanted) > limit:
        assert got is None
    else:
        assert got is not None
        np.testing.assert_array_equal(got[0], wanted)
        np.testing.assert_array_equal(got[1], counts)


@pytest.mark.parametrize("step", [1, 10**13])
def test_many_distinct(step: int) -> None:
    y = np.random.default_rng(0).integers(0, 3000, 20_000) * step
    got = kernels.distinct_i64(y, 3000)
    assert got is not None
    np.testing.assert_array_equal(got, np.unique(y, return_counts=True))


@given(values=st.lists(WORDS | NEAR, max_size=40), classes=st.sets(WORDS | NEAR, max_size=20))
def test_encode(values: list[int], classes: set[int]) -> None:
    known = np.array(sorted(classes), np.int64)
    y = np.array(values + sorted(classes), np.int64)
    place = {value: float(at) for at, value in enumerate(known.tolist())}
    assert kernels.encode_i64(y, known).tolist() == [place.get(value, -1.0) for value in y.tolist()]


def test_classes_must_ascend() -> None:
    with pytest.raises(ValueError, match="ascend"):
        kernels.encode_i64(np.zeros(1, np.int64), np.array([2, 1]))


@pytest.mark.parametrize(
    ("seed", "row", "stream", "draw", "words"),
    [  # Random123's known answers
        (0, 0, 0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (2**64 - 1, -1, 2**32 - 1, 2**32 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (0x299F31D0A4093822, 0x85A308D3243F6A88 - 2**64, 0x13198A2E, 0x03707344, "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_known_answers(seed: int, row: int, stream: int, draw: int, words: str) -> None:
    got = kernels.philox(seed, 0, np.array([row]), stream, draw)
    assert " ".join(f"{word:08x}" for word in got[0]) == words


@given(seed=st.integers(0, 2**64 - 1), purpose=st.integers(0, 2**32 - 1), ids=st.lists(WORDS, max_size=20))
def test_philox(seed: int, purpose: int, ids: list[int]) -> None:
    rows = np.array(ids, np.int64)
    np.testing.assert_array_equal(
        kernels.philox(seed, purpose, rows, 3, 9), reference.philox(seed, purpose, rows, 3, 9)
    )
    np.testing.assert_array_equal(
        kernels.uniform(seed, purpose, rows, 3), rng.uniform(rng.philox(seed, purpose, rows, 3))
    )
