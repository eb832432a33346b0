"""Law 1: a statistic of rows is the merge of the statistics of their parts."""

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.laws.subjects import EXACT, FLOATS, SUBJECTS, WALKS, bits, leaves, rows

from shardlearn.core.statistic import gathers, is_running

UNIT = np.finfo(np.float64).eps / 2
seeds = st.integers(0, 10_000)
cuts = st.lists(st.integers(0, 40), max_size=6)


def parts(block, at):
    """The block cut at these positions, empty parts too."""
    edges = [0, *sorted(min(cut, block.n) for cut in at), block.n]
    return [block.slice(a, b) for a, b in pairwise(edges)]


def merged(statistic, pieces, order):
    """Merged two by two in any order."""
    answers = [statistic.of(piece) for piece in pieces]
    draw = np.random.default_rng(order)
    while len(answers) > 1:
        i, j = draw.permutation(len(answers))[:2]
        both = statistic.merge(answers[i], answers[j])
        answers = [a for k, a in enumerate(answers) if k not in (i, j)] + [both]
    return answers[0]


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=15)
@given(seeds, st.integers(0, 40), cuts, st.integers(0, 100))
def test_exact_statistics_in_any_order(name, seed, n, at, order):
    statistic, block = SUBJECTS[name].case(seed, n)
    whole = bits(statistic.of(block))
    assert bits(merged(statistic, parts(block, at), order)) == whole
    if is_running(statistic):
        first, *others = parts(block, at)
        assert bits(reduce(statistic.add, others, statistic.of(first))) == whole


def bound(statistic, block):
    """gamma x the same statistic of absolute values, which is the sum over rows of what each gives alone."""
    alone = [[np.abs(leaf) for leaf in leaves(statistic.of(block.slice(i, i + 1)))] for i in range(block.n)]
    gamma = 4 * (block.n + 8) * UNIT
    return [gamma * np.sum(column, axis=0) for column in zip(*alone, strict=True)]


@pytest.mark.parametrize("name", [name for name in FLOATS if not gathers(SUBJECTS[name].case(0, 1)[0])])
@settings(max_examples=10)
@given(seeds, st.integers(1, 40), cuts, st.integers(0, 100))
def test_float_statistics_within_rounding(name, seed, n, at, order):
    statistic, block = SUBJECTS[name].case(seed, n)
    whole, other = leaves(statistic.of(block)), leaves(merged(statistic, parts(block, at), order))
    for a, b, tolerance in zip(whole, other, bound(statistic, block), strict=True):
        assert a.shape == b.shape
        assert (np.abs(a - b) <= tolerance).all()


@pytest.mark.parametrize("name", SUBJECTS)
@settings(max_examples=10)
@given(seeds, st.integers(0, 20))
def test_an_empty_block_is_the_identity(name, seed, n):
    statistic, block = SUBJECTS[name].case(seed, n)
    whole = bits(statistic.of(block))
    assert bits(statistic.merge(statistic.of(block.slice(0, 0)), statistic.of(block))) == whole
    assert bits(statistic.merge(statistic.of(block), statistic.of(block.slice(n, n)))) == whole


@pytest.mark.parametrize("name", SUBJECTS)
def test_merging_leaves_the_right_side_as_it_is(name):
    statistic, block = SUBJECTS[name].case(3, 20)
    left, right = statistic.of(block.slice(0, 8)), statistic.of(block.slice(8, 20))
    before = bits(right)
    once = bits(statistic.merge(left, right))
    assert bits(right) == before
    assert bits(statistic.merge(statistic.of(block.slice(0, 8)), right)) == once


@pytest.mark.parametrize("name", SUBJECTS)
def test_an_answer_is_no_larger_than_was_said(name):
    for seed in range(4):
        statistic, block = SUBJECTS[name].case(seed, 40)
        held = sum(leaf.nbytes for leaf in leaves(statistic.of(block)))
        assert held <= statistic.bytes() + 64


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("seed", range(4))
def test_walks_go_on_where_they_were(name, seed):
    """A walk is no sum; but an empty block changes nothing, and the first block is like any other."""
    statistic = WALKS[name](np.random.default_rng(seed))
    block = rows(seed, 12)
    block = type(block)(block.X * 1e-3, block.y, None, 0)
    whole = bits(statistic.of(block))
    assert bits(statistic.add(statistic.of(block.slice(0, 0)), block)) == whole
    assert bits(statistic.add(statistic.of(block), block.slice(12, 12))) == whole


def test_walks_in_order_are_one_walk():
    statistic = WALKS["online"](np.random.default_rng(1))
    block = rows(1, 12)
    block = type(block)(block.X * 1e-3, block.y, None, 0)
    assert bits(statistic.add(statistic.of(block.slice(0, 5)), block.slice(5, 12))) == bits(statistic.of(block))
