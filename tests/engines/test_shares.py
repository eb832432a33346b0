"""Shares follow the speed of workers within a few rounds, and stay where they are when only noise has changed."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from shardlearn.engines.shares import Clocked, Deal, Shares, equal_deal, rates_of, seconds_each
from shardlearn.engines.spread import ranges

BLOCKS = 10_000


def a_round(deal: Deal, speeds: dict[int, float], draw: random.Random, noise: float) -> tuple[float, list[Clocked]]:
    """How long it takes when all do their shares and no more, and what is measured."""
    pieces = ranges(range(BLOCKS), range(BLOCKS), deal.weights)
    out = []
    for worker, piece in zip(deal.workers, pieces, strict=True):
        seconds = (piece[1] - piece[0]) / speeds[worker] * draw.uniform(1 - noise, 1 + noise)
        out.append(Clocked(worker, piece, seconds))
    return max(one.seconds for one in out), out


def ideal(speeds: dict[int, float]) -> float:
    return BLOCKS / sum(speeds.values())


SPEEDS = st.lists(st.floats(0.2, 1.0) | st.sampled_from([0.2, 1.0]), min_size=1, max_size=16)


@settings(max_examples=300, deadline=None)
@given(first=SPEEDS, then=SPEEDS, seed=st.integers(0, 99))
def test_rounds_come_near_the_best_time_in_a_few_rounds(first: list[float], then: list[float], seed: int) -> None:
    """At the start, and again when all speeds have changed."""
    shares, draw = Shares(equal_deal(range(len(first)))), random.Random(seed)
    deal = shares.now
    for rounds, of in ((3, first), (10, [then[i % len(then)] for i in range(len(first))])):
        speeds = {worker: 100.0 * speed for worker, speed in enumerate(of)}
        for _ in range(rounds):
            _, clocked = a_round(deal, speeds, draw, 0.0)
            deal = shares.after(list(speeds), clocked)
        took, _ = a_round(deal, speeds, draw, 0.0)
        assert took <= 1.25 * ideal(speeds)


@settings(max_examples=100, deadline=None)
@given(of=SPEEDS, seed=st.integers(0, 999))
def test_noise_moves_next_to_nothing(of: list[float], seed: int) -> None:
    """Once shares fit, measurements that are a fifth off seldom give caches up."""
    speeds = {worker: 100.0 * speed for worker, speed in enumerate(of)}
    shares, draw, moves = Shares(equal_deal(speeds)), random.Random(seed), 0
    for number in range(60):
        before = shares.now.weights
        _, clocked = a_round(shares.now, speeds, draw, 0.2)
        shares.after(list(speeds), clocked)
        moves += number >= 10 and shares.now.weights != before
    assert moves <= 4


def test_a_worker_that_is_away_keeps_its_share_for_some_rounds() -> None:
    shares = Shares(equal_deal([0, 1, 2]))
    told = [Clocked(0, (0, 100), 1.0), Clocked(1, (100, 200), 1.0)]
    for _ in range(2):
        assert shares.after([0, 1], told).workers == (0, 1, 2)
        assert shares.after([0, 1]).workers == (0, 1, 2), "asking again is no round"
    assert shares.after([0, 1, 2], told).workers == (0, 1, 2)
    for _ in range(3):
        deal = shares.after([0, 1], told)
    assert (deal.workers, deal.weights) == ((0, 1), (0.5, 0.5))
    assert shares.after([]).workers == (0, 1), "somebody has to have it"


def test_a_worker_that_joins_gets_a_share_of_the_mean() -> None:
    shares = Shares(equal_deal([0, 2]))
    shares.after([0, 2], [Clocked(0, (0, 300), 1.0), Clocked(2, (300, 400), 1.0)])
    deal = shares.after([0, 1, 2])
    assert deal.workers == (0, 1, 2)
    assert deal.weights == (0.5, 1 / 3, 1 / 6)
    assert [deal.home(at) for at in (0.0, 0.49, 0.51, 0.9, 1.0)] == [0, 0, 1, 2, 2]


def test_what_is_read_is_not_compared_with_what_is_at_hand() -> None:
    """A worker that was given more has to read it, and is none the slower for that."""
    cold = Clocked(0, (100, 150), 50.0, cold=True)
    warm = [Clocked(0, (0, 100), 1.0), Clocked(1, (150, 200), 1.0)]
    assert rates_of([cold, *warm]) == {0: 100.0, 1: 50.0}
    assert rates_of([cold]) == {0: 1.0}
    assert rates_of([]) == {}


def test_what_is_over_at_once_says_nothing_of_workers() -> None:
    shares = Shares(equal_deal([0, 1]))
    deal = shares.after([0, 1], [Clocked(0, (0, 1), 0.001, "a"), Clocked(1, (1, 2), 0.01, "a")])
    assert deal.weights == (0.5, 0.5)
    assert shares.speeds == {}
    assert deal.seconds == {"a": 0.0055}


def test_seconds_by_kind_of_question() -> None:
    told = [Clocked(0, (0, 10), 1.0, "a"), Clocked(1, (10, 20), 3.0, "a"), Clocked(0, (0, 20), 1.0, "b")]
    assert seconds_each(told) == {"a": 0.2, "b": 0.05}
