"""Law: parts of answers merge as the answers do, and joined they are the answer, bit for bit."""

from copy import deepcopy
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.fakes import FloatSum, IdSum, SpreadSum
from tests.laws.subjects import SUBJECTS, bits

from shardlearn.core.statistic import gathers, is_cut, is_spread
from shardlearn.solvers.together import Joint, SpreadJoint
from shardlearn.statistics import parts
from shardlearn.statistics.beside import Beside
from shardlearn.statistics.column_range import ColumnRange
from shardlearn.statistics.gram import Gram
from shardlearn.statistics.labels import Labels
from shardlearn.statistics.registry import STATISTICS

seeds = st.integers(0, 10_000)
SMALL = {"class weights", "labels"}  # as many numbers as there are classes
SMALL |= {"inertia", "masses", "potentials", "farthest rows"}  # as there are clusters, or some rows
SMALL |= {"by leaf", "floats by leaf", "shares of clusters", "count within"}  # as there are leaves, or queries
SMALL |= {"drawn rows"}  # which rows those are, can't be told by parts
CUT = [name for name, subject in SUBJECTS.items() if is_cut(subject.case(0, 1)[0])]


def test_all_answers_that_grow_with_the_width_can_be_cut() -> None:
    """But rows that are gathered, of which there is one copy only."""
    alone = {name for name in STATISTICS if gathers(STATISTICS[name].case(0, 1).statistic)}
    assert {name for name in STATISTICS if name not in CUT} == SMALL | alone


@pytest.mark.parametrize("name", CUT)
@settings(max_examples=25)
@given(seeds, st.integers(0, 40), st.integers(0, 40), st.sampled_from([8, 40, 200, 1 << 20]))
def test_parts_merge_and_join(name, seed, n, at, size):
    with patch.object(parts, "BYTES", size):
        statistic, block = SUBJECTS[name].case(seed, n)
        count = statistic.parts
        left, right = (statistic.of(piece) for piece in (block.slice(0, min(at, n)), block.slice(min(at, n), n)))
        whole = statistic.merge(deepcopy(left), right)
        merged = [statistic.merge(statistic.part(deepcopy(left), i), statistic.part(right, i)) for i in range(count)]
        assert [bits(part) for part in merged] == [bits(statistic.part(whole, i)) for i in range(count)]
        if not is_spread(statistic):
            assert bits(statistic.join(merged)) == bits(whole)


@pytest.mark.parametrize("name", [name for name in CUT if name in STATISTICS])
def test_there_are_as_many_parts_as_bytes_ask_for(name):
    statistic, block = SUBJECTS[name].case(5, 40)  # 17 columns
    whole = statistic.bytes()
    with patch.object(parts, "BYTES", whole // 4):
        assert 4 <= statistic.parts <= 5
        answer = statistic.of(block)
        found = [sum(len(leaf) for *_, leaf in bits(statistic.part(answer, i))) for i in range(statistic.parts)]
    assert max(found) <= 0.6 * sum(found)


@given(st.integers(1, 600), st.integers(1, 64))
def test_bands_of_a_triangle_are_of_one_size(p, count):
    rows = [parts.band(p, i, count) for i in range(count)]
    assert [band.start for band in rows] == [0, *(band.stop for band in rows[:-1])]
    assert rows[-1].stop == p
    areas = [sum(p - row for row in range(band.start, band.stop)) for band in rows]
    assert max(areas) <= p * (p + 1) / 2 / count + 2 * p


def test_parts_of_a_large_answer_hold_little_but_its_triangle():
    statistic = Gram(1_000)
    assert statistic.parts == 31
    G = np.triu(np.ones((1_000, 1_000)))
    assert sum(parts.upper_band(G, i, 31).nbytes for i in range(31)) < 0.54 * statistic.bytes()
    assert Gram(20_000).parts == parts.MOST


JOINT = {0: FloatSum(3), 2: Gram(3, 1), 5: ColumnRange(3)}


@pytest.mark.parametrize(
    ("statistic", "count"),
    [
        (Joint(JOINT), 1 + 3 + 1),
        (SpreadJoint(JOINT | {6: SpreadSum(3)}), 1 + 3 + 1 + 2),
        (Beside((IdSum(), ColumnRange(3), Labels(50))), 1),
        (Beside((IdSum(), ColumnRange(30), Labels(50))), 8),
    ],
)
def test_several_together(statistic, count):
    width = statistic.each[1].features if isinstance(statistic, Beside) else 3
    draw = np.random.default_rng(0)
    block = SUBJECTS["span"].case(1, 30)[1]
    block = type(block)(draw.standard_normal((30, width)), draw.integers(0, 9, 30).astype(float), None, 0)
    with patch.object(parts, "BYTES", 64):
        assert statistic.parts == count
        left, right = (statistic.of(block.slice(*edges)) for edges in ((0, 11), (11, 30)))
        whole = statistic.merge(deepcopy(left), right)
        merged = [statistic.merge(statistic.part(deepcopy(left), i), statistic.part(right, i)) for i in range(count)]
        if is_spread(statistic):
            told = statistic.join([statistic.finish(i, part) for i, part in enumerate(merged)])
            one = SpreadSum(3)
            whole[6] = one.join([one.finish(i, one.part(whole[6], i)) for i in range(2)])
        else:
            told = statistic.join(merged)
        assert bits(told) == bits(whole)
