"""Laws 1, 3 and 12 over every statistic: cuts, weights, and generators that vary."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.statistics.same import bits, leaves, merged, totals

from shardlearn.core.block import Block
from shardlearn.core.matrix import Csr, concat_rows
from shardlearn.core.statistic import gathers, is_running
from shardlearn.core.tree import Counter, Tree
from shardlearn.statistics import registry
from shardlearn.statistics.registry import STATISTICS

EXACT = [name for name, row in STATISTICS.items() if row.case(0, 1).statistic.exact]
FLOATS = [name for name in STATISTICS if name not in EXACT]
ROWS = [name for name in FLOATS if gathers(STATISTICS[name].case(0, 1).statistic)]
SUMS = [name for name in FLOATS if name not in ROWS]
WEIGHTED = [name for name, row in STATISTICS.items() if row.weighted]
seeds, sizes = st.integers(0, 2**31), st.sampled_from([0, 1, 2, 15, 16, 17, 63, 255, 256, 257, 300])
cuts = st.lists(st.floats(0, 1), max_size=6)
quick = settings(max_examples=25, deadline=None)


def pieces(block, shares):
    """The block cut at shares of its length; equal shares leave empty pieces."""
    ends = [0, *sorted(int(share * block.n) for share in shares), block.n]
    return [block.slice(a, b) for a, b in pairwise(ends)]


@pytest.mark.parametrize("name", EXACT)
@given(seed=seeds, n=sizes, shares=cuts, order=st.randoms())
@quick
def test_exact_answers_know_no_order(name, seed, n, shares, order):
    case = STATISTICS[name].case(seed, n)
    measure, whole = case.statistic, bits(case.statistic.of(case.block))
    parts = [measure.of(piece) for piece in pieces(case.block, shares)]
    order.shuffle(parts)
    while len(parts) > 1:
        i = order.randrange(len(parts) - 1)
        parts[i : i + 2] = [merged(measure, *parts[i : i + 2])]
    assert bits(parts[0]) == whole
    if is_running(measure):
        shuffled = pieces(case.block, shares)
        order.shuffle(shuffled)
        into = measure.of(shuffled[0])
        for piece in shuffled[1:]:
            into = measure.add(into, piece)
        assert bits(into) == whole


def absolute(case):
    """The same statistic of absolute values: a row's own terms do not depend on where the block is cut."""
    sums = [np.zeros(leaf.shape) for leaf in totals(case.statistic.of(case.block.slice(0, 0)))]
    for i in range(case.block.n):
        for total, leaf in zip(sums, totals(case.statistic.of(case.block.slice(i, i + 1))), strict=True):
            total += np.abs(leaf)
    return sums


def close(case, left, right):
    """Within gamma_n of the sums of absolute values; exact answers are equal."""
    if case.statistic.exact:
        assert bits(left) == bits(right)
        return
    for mine, other, most in zip(totals(left), totals(right), absolute(case), strict=True):
        assert mine.shape == other.shape
        assert (np.abs(mine - other) <= (case.block.n + 20) * 2.0**-53 * most).all()


@pytest.mark.parametrize("name", ROWS)
@given(seed=seeds, n=sizes, shares=cuts)
@quick
def test_rows_stand_in_their_order_wherever_they_are_cut(name, seed, n, shares):
    case = STATISTICS[name].case(seed, n)
    measure, width = case.statistic, case.block.p
    parts = pieces(case.block, shares)
    tree = Tree(measure.merge, 0, len(parts))
    for i, piece in enumerate(parts):
        counter = Counter(measure.merge, i)
        counter.push(i, measure.of(piece))
        tree.add(counter.finish(i + 1))
    assert bits(tree.root().joined(width)) == bits(measure.of(case.block).joined(width))
    assert len(tree.root().joined(width).y) == n


@pytest.mark.parametrize("name", SUMS)
@given(seed=seeds, n=sizes, shares=cuts)
@quick
def test_float_answers_move_by_rounding_only(name, seed, n, shares):
    case = STATISTICS[name].case(seed, n)
    measure, whole = case.statistic, case.statistic.of(case.block)
    parts = pieces(case.block, shares)
    counter, tree = Counter(measure.merge, 0), Tree(measure.merge, 0, len(parts))
    for i, piece in enumerate(parts):
        counter.push(i, measure.of(piece))
    tree.add(counter.finish(len(parts)))
    close(case, tree.root(), whole)


@pytest.mark.parametrize("name", FLOATS)
@given(seed=seeds, n=sizes)
@quick
def test_an_empty_block_changes_no_bit(name, seed, n):
    case = STATISTICS[name].case(seed, n)
    measure, whole = case.statistic, case.statistic.of(case.block)
    nothing = measure.of(case.block.slice(0, 0))
    assert bits(merged(measure, nothing, whole)) == bits(whole)
    assert bits(merged(measure, whole, nothing)) == bits(whole)
    if is_running(measure):
        assert bits(measure.add(measure.of(case.block), case.block.slice(0, 0))) == bits(whole)


@pytest.mark.parametrize("name", [name for name in FLOATS if is_running(STATISTICS[name].case(0, 1).statistic)])
@given(seed=seeds, n=sizes, shares=cuts)
@quick
def test_walks_stay_close(name, seed, n, shares):
    case = STATISTICS[name].case(seed, n)
    whole = case.statistic.of(case.block)
    first, *others = pieces(case.block, shares)
    into = case.statistic.of(first)
    for piece in others:
        into = case.statistic.add(into, piece)
    close(case, into, whole)


@pytest.mark.parametrize("name", WEIGHTED)
@given(seed=seeds, n=sizes)
@quick
def test_weight_one_is_no_weight(name, seed, n):
    case = STATISTICS[name].case(seed, n)
    bare = replace(case.block, weight=None)
    assert bits(case.statistic.of(replace(bare, weight=np.ones(n)))) == bits(case.statistic.of(bare))


def repeated(block, times):
    where = np.repeat(np.arange(block.n), times)
    X = block.X
    if isinstance(X, Csr):
        X = concat_rows([block.slice(i, i + 1).X for i in where]) if len(where) else block.slice(0, 0).X
    else:
        X = np.ascontiguousarray(X[where])
    extra = {name: column[where] for name, column in block.extra.items()}
    return Block(X, None if block.y is None else block.y[where], None, 0, extra=extra)


@pytest.mark.parametrize("name", WEIGHTED)
@given(seed=seeds, n=st.sampled_from([1, 17, 120]))
@settings(max_examples=25, deadline=None)
def test_a_weight_of_two_is_the_row_twice_and_zero_is_no_row(name, seed, n):
    case = STATISTICS[name].case(seed, n)
    times = np.floor(3.0 * registry.draws(seed, 30, n)).astype(int)
    weighted = case.statistic.of(replace(case.block, weight=times.astype(float)))
    twice = repeated(case.block, times)
    copies = case.statistic.of(twice)
    close(replace(case, block=twice), weighted, copies)


@pytest.mark.parametrize("name", STATISTICS)
def test_generators_vary(name):
    make = STATISTICS[name].case
    blocks = [make(seed, 300).block for seed in range(24)]
    kinds = {(type(b.X).__name__, str(b.X.dtype), b.weight is None) for b in blocks}
    assert {kind[0] for kind in kinds} == ({"ndarray", "Csr"} if STATISTICS[name].dense else {"Csr"})
    assert {"float32", "float64"} == {kind[1] for kind in kinds}
    assert {True, False} == {kind[2] for kind in kinds}
    assert {b.p for b in blocks} == set(registry.WIDTHS)
    assert any(b.weight is not None and (b.weight == 0.0).any() for b in blocks)
    assert bits(make(5, 40).block.y if make(5, 40).block.y is not None else 0) == bits(
        make(5, 40).block.y if make(5, 40).block.y is not None else 0
    )
    answers = {str(bits(make(seed, 50).statistic.of(make(seed, 50).block))) for seed in range(12)}
    assert len(answers) == 12


@pytest.mark.parametrize("name", STATISTICS)
def test_answers_fit_into_their_bytes_and_travel(name):
    for seed in range(8):
        case = STATISTICS[name].case(seed, 300)
        answer = case.statistic.of(case.block)
        assert sum(leaf.nbytes for leaf in leaves(answer)) <= case.statistic.bytes() + 64
        again = pickle.loads(pickle.dumps(case.statistic)).of(case.block)
        assert bits(again) == bits(answer)
