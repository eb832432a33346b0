"""Statistics of the faces: labels, their weights, hits and deviations; merged in any cut they are the whole's."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, r2_score

from shardlearn import InputError
from shardlearn.core.block import Block
from shardlearn.core.tree import Counter, Tree
from shardlearn.faces.labels import (
    LABELS as LABELS_STATISTIC,
)
from shardlearn.faces.labels import (
    MOST,
    EncodeLabels,
    balanced,
    check_classes,
    encoded,
    from_mapping,
    one_column,
)
from shardlearn.faces.scores import Accuracy, Explained, r2, share
from shardlearn.linear_model._outputs import Labels as Choice
from shardlearn.linear_model._outputs import Linear, Values
from shardlearn.statistics.beside import Beside
from shardlearn.statistics.labels import Labels

rng = np.random.default_rng(0)
N = 97
X = rng.normal(size=(N, 3))
WEIGHT = rng.integers(0, 5, N) / 4.0
LABELS = np.array(["a", "b", "c", "d"])[rng.integers(0, 4, N)]
CODES = np.searchsorted(np.unique(LABELS), LABELS).astype(float)
NUMBERS = X @ [1.0, 2.0, 3.0] + 1e6 + rng.normal(size=N)
LINEAR = Linear(np.array([[1.0, 2.0, 3.0]]), np.array([1e6]))
CHOICE = Choice(Linear(rng.normal(size=(4, 3)), np.zeros(4)), np.unique(LABELS))

cuts = st.lists(st.integers(0, N), max_size=6).map(lambda inner: [0, *sorted(inner), N])


def blocks(y: Any, at: list[int], weight: Any = WEIGHT) -> list[Block]:
    whole = Block(X, y, weight, 0)
    return [whole.slice(i, j) for i, j in pairwise(at)]


def folded(measure: Any, parts: list[Block]) -> Any:
    counter: Counter[Any] = Counter(measure.merge, 0)
    for number, block in enumerate(parts):
        counter.push(number, measure.of(block))
    tree: Tree[Any] = Tree(measure.merge, 0, len(parts))
    tree.add(counter.finish(len(parts)))
    return tree.root()


@given(cuts)
def test_hits_of_any_cut(at: list[int]) -> None:
    predicted = CHOICE.values(CHOICE(Block(X, None, None, 0)))
    for weight in (WEIGHT, None):
        hits = folded(Accuracy(CHOICE), blocks(LABELS, at, weight))
        assert share(hits) == pytest.approx(accuracy_score(LABELS, predicted, sample_weight=weight), rel=1e-13)


@given(cuts)
def test_deviations_of_any_cut(at: list[int]) -> None:
    method = Values(LINEAR, ("prediction",), flat=True)
    predicted = method.values(method(Block(X, None, None, 0)))
    for weight in (WEIGHT, None):
        sums = folded(Explained(method, 1), blocks(NUMBERS, at, weight))
        assert r2(sums) == pytest.approx(r2_score(NUMBERS, predicted, sample_weight=weight), abs=1e-9)
        assert sums.rows == N


def test_an_empty_block_changes_nothing() -> None:
    method = Values(LINEAR, ("prediction",), flat=True)
    for measure, y in (
        (Accuracy(CHOICE), LABELS),
        (Explained(method, 1), NUMBERS),
        (Beside((Labels(9), Labels(5))), LABELS),
    ):
        empty, whole = blocks(y, [0, 0, N])
        wanted = pickle.dumps(measure.of(whole))
        assert pickle.dumps(measure.merge(measure.of(empty), measure.of(whole))) == wanted, measure
        assert pickle.dumps(measure.merge(measure.of(whole), measure.of(empty))) == wanted, measure


def test_answers_are_no_larger_than_they_say() -> None:
    method = Values(LINEAR, ("prediction",), flat=True)
    for measure in (Accuracy(CHOICE), Explained(method, 3)):
        assert 0 < measure.bytes() < 200
    assert Beside((Labels(4), Labels(5))).bytes() == Labels(9).bytes()


def test_too_many_labels_and_halves_are_no_classes() -> None:
    for y in (np.array([0.5, 1.0]), np.arange(MOST + 1)):
        with pytest.raises(InputError, match="Unknown label type: continuous") as caught:
            check_classes(LABELS_STATISTIC.of(Block(np.zeros((len(y), 0)), y, None, 0)))
        assert caught.value.code == "SL2311"
        assert "0.5" not in str(caught.value)


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"], [-3, 5], [-3, 0, 5], [False, True], [1.0, 2.0, 9.0]])
def test_codes_of_every_kind_of_label(classes: list[Any]) -> None:
    kinds, codes = np.array(classes), rng.integers(0, len(classes), 50)
    found = encoded(kinds[codes], kinds)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, codes)


def test_codes_and_weights_of_classes() -> None:
    block = Block(X, LABELS, WEIGHT, 0)
    classes = np.unique(LABELS)
    coded = EncodeLabels(classes)(block)
    np.testing.assert_array_equal(coded.y, CODES)
    assert coded.weight is WEIGHT
    factors = np.array([1.0, 2.0, 0.0, 0.5])
    np.testing.assert_array_equal(EncodeLabels(classes, factors)(block).weight, WEIGHT * factors[CODES.astype(int)])
    unweighted = replace(block, weight=None)
    np.testing.assert_array_equal(EncodeLabels(classes, factors)(unweighted).weight, factors[CODES.astype(int)])
    np.testing.assert_array_equal(from_mapping({"b": 3.0}, classes), [1.0, 3.0, 1.0, 1.0])


def test_balanced_weights() -> None:
    np.testing.assert_allclose(balanced(np.array([1.0, 3.0])), [2.0, 2.0 / 3.0])
    np.testing.assert_allclose(balanced(np.array([1.0, 0.0])), [0.5, 0.0])


def test_columns_of_labels() -> None:
    assert one_column(None) is None
    assert one_column("late") == "late"
    flat = np.array([1, 2])
    assert one_column(flat) is flat
    with pytest.raises(InputError, match="y should be a 1d array") as caught:
        one_column(np.zeros((2, 2)))
    assert caught.value.code == "SL2315"


def test_r2_where_y_is_constant() -> None:
    method = Values(Linear(np.zeros((1, 3)), np.array([2.0])), ("prediction",), flat=True)
    right, wrong = (Explained(method, 1).of(Block(X, np.full(N, v), None, 0)) for v in (2.0, 3.0))
    assert (r2(right), r2(wrong)) == (1.0, 0.0)
    assert np.isnan(share(Accuracy(CHOICE).of(Block(X, LABELS, np.zeros(N), 0))))
