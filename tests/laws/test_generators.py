"""Law 12: the generators of these tests really vary, and reach the ends of what they draw from."""

from itertools import pairwise

import numpy as np
import pytest
from tests.laws.subjects import EXACT, FLOATS, SOLVED, SUBJECTS, WALKS, bits, leaves, rows
from tests.laws.test_split import parts
from tests.probes.registry import fit

from shardlearn.core.events import CarryBuilt
from shardlearn.core.matrix import Csr, raw
from shardlearn.engines.serial import SerialEngine
from shardlearn.run import run
from shardlearn.statistics.registry import STATISTICS

SEEDS = range(60)


def cases(name, n=40):
    return [SUBJECTS[name].case(seed, n) for seed in SEEDS]


@pytest.mark.parametrize("name", SUBJECTS)
def test_cases_vary(name):
    """Other seeds are other rows, and rows differ from each other."""
    blocks = [block for _, block in cases(name)]
    texts = {raw(block.X).data.tobytes() for block in blocks}
    assert len(texts) > len(SEEDS) // 2
    answers = {repr(bits(statistic.of(block))) for statistic, block in cases(name)}
    assert len(answers) > 4
    assert all(len(np.unique(raw(block.X).data)) > 1 for block in blocks if raw(block.X).data.size > 4)


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("n", [0, 1, 2, 40])
def test_cases_have_as_many_rows_as_asked_for(name, n):
    for seed in range(6):
        block = SUBJECTS[name].case(seed, n)[1]
        assert block.n == n
        assert all(len(column) == n for column in (block.y, block.weight, block.ids) if column is not None)


@pytest.mark.parametrize("name", STATISTICS)
def test_kinds_of_rows_are_all_there(name):
    blocks = [block for _, block in cases(name)]
    assert {str(block.X.dtype) for block in blocks} == {"float32", "float64"}
    assert {isinstance(block.X, Csr) for block in blocks} == {True, not STATISTICS[name].dense}
    assert len({block.p for block in blocks}) > 2
    weights = [block.weight for block in blocks if block.weight is not None]
    assert len(weights) < len(blocks)
    assert weights
    assert any((weight == 0).any() for weight in weights)
    assert any((weight != np.floor(weight)).any() for weight in weights)


ENDS = {
    "gradient, logistic": {0, 1},
    "gradient, multinomial": {0, 3},
    "gradient, poisson": {0},
    "class weights": {0, 2},
}


@pytest.mark.parametrize("name", ENDS)
def test_targets_reach_the_ends_of_their_domain(name):
    assert ENDS[name] <= {float(y) for _, block in cases(name) for y in block.y}


def test_a_survey_meets_bad_values():
    blocks = [block for _, block in cases("survey")]
    values = np.concatenate([raw(block.X).data.ravel() for block in blocks])
    assert np.isnan(values).any()
    assert np.isinf(values).any()


def test_labels_are_of_all_kinds_and_sometimes_too_many():
    found = [statistic.of(block) for statistic, block in cases("labels")]
    assert {answer.values.dtype.kind for answer in found} == {"i", "b", "f", "U"}
    assert {answer.too_many for answer in found} == {True, False}


def test_both_kinds_of_statistics_are_there():
    assert len(EXACT) > 5
    assert len(FLOATS) > 5
    assert len(WALKS) > 1


def test_the_order_of_adding_shows_in_the_bits():
    """Else the tests of the fixed tree would prove nothing."""
    differing = 0
    for name in FLOATS:
        statistic, block = SUBJECTS[name].case(8, 40)
        one, two = ([statistic.of(block.slice(i, i + 8)) for i in range(0, 40, 8)] for _ in range(2))
        forwards, backwards = one[0], two[-1]
        for answer in one[1:]:
            forwards = statistic.merge(forwards, answer)
        for answer in two[-2::-1]:
            backwards = statistic.merge(backwards, answer)
        differing += bits(forwards) != bits(backwards)
    assert differing > len(FLOATS) // 2


def test_cuts_give_empty_parts_and_all_rows():
    block = rows(0, 20)
    pieces = parts(block, [0, 5, 5, 30])
    assert [piece.n for piece in pieces] == [0, 5, 0, 15, 0]
    assert np.concatenate([piece.row_ids() for piece in pieces]).tolist() == block.row_ids().tolist()


def test_rows_of_probes_have_gaps_in_their_ids():
    steps = {b - a for a, b in pairwise(rows(1, 40).row_ids().tolist())}
    assert min(steps) >= 1
    assert len(steps) > 2
    assert len(leaves(rows(1, 40).X)) == 1


def test_solvers_are_asked_about_several_blocks():
    for name, probe in SOLVED.items():
        grids = [blocks.grid for stage in probe.stages for blocks in stage.values()]
        assert max(len(grid.blocks) for grid in grids) > 2, name
        assert any(grid.stop % grid.rows for grid in grids), name  # the last block is shorter


def test_carries_are_stepped_and_rebuilt():
    for name in ("kmeans", "tree", "smo", "together"):
        events, probe, engine = [], SOLVED[name], SerialEngine()
        data = {key: engine.open(blocks) for key, blocks in probe.stages[0].items()}
        run(probe.solver, probe.problem, data, engine, emit=events.append)
        assert {event.rebuilt for event in events if isinstance(event, CarryBuilt)} == {True, False}
    assert fit(SOLVED["kmeans"], SerialEngine())[0].round > 20
