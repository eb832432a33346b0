"""The simulation finds what it is there to find: each rule, once it is broken, is missed within a few hundred runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import pytest
from tests.simulation.cases import tried
from tests.simulation.disk import Disk
from tests.simulation.simulate import Broken

from shardlearn.core.tree import Node, merged
from shardlearn.engines import pool, reading
from shardlearn.engines.rounds import Command, Round, Take, Ticket
from shardlearn.storage import atomic


class TakesTwice(Round):
    """An answer that comes again is used again."""

    def _done(self, ticket: Ticket, answer: object, now: float) -> list[Command]:
        again = ticket.range in self.answered and (ticket.round, ticket.epoch) == (self.number, self.epoch)
        return [Take(ticket, answer)] if again else super()._done(ticket, answer, now)


class ForgetsTheRound(Round):
    """An answer of an earlier round is as good as one of this round."""

    def _done(self, ticket: Ticket, answer: object, now: float) -> list[Command]:
        return super()._done(replace(ticket, round=self.number), answer, now)


class ForgetsTheEpoch(Round):
    """So is one that was asked for by a driver that is dead."""

    def _done(self, ticket: Ticket, answer: object, now: float) -> list[Command]:
        return super()._done(replace(ticket, epoch=self.epoch), answer, now)


class WaitsForEver(Round):
    """There are no deadlines."""

    def _overdue(self, now: float) -> list[Command]:
        return []


class TriesTwice(Round):
    def start(self, now: float) -> list[Command]:
        self.policy = replace(self.policy, attempts=2)
        return super().start(now)


class TriesForEver(Round):
    def start(self, now: float) -> list[Command]:
        self.policy = replace(self.policy, attempts=1000)
        return super().start(now)


@dataclass
class ByArrival:
    """Merges what comes in the order in which it comes."""

    merge: Callable[[Any, Any], Any]
    first: int
    stop: int
    whole: bool
    sum: Any = None

    def add(self, nodes: list[Node[Any]]) -> None:
        for node in nodes:
            self.sum = merged(self.merge, self.sum, node.answer)

    def root(self) -> Any:
        return self.sum


def stepping(block: Any, number: int, carries: Any, kept: Any, emit: Any) -> Any:
    """Columns are brought forward from whatever version is there."""
    out = block
    for carry in carries:
        before = kept.get((carry.name, number))
        columns = carry.rebuild(block) if before is None else carry.step(block.with_extra(carry.name, before[1]))
        kept[carry.name, number] = carry.version, columns
        out = out.with_extra(carry.name, columns)
    return out


SEEDS = [f"seed {i}" for i in range(400)]
DISK = [f"disk squares {i}" for i in range(600)]
RULES: dict[str, tuple[type[Round], Callable[[], AbstractContextManager[Any]], list[str], str]] = {
    "an answer is used once": (TakesTwice, nullcontext, SEEDS, "Miscounted|do not cover"),
    "an answer is for its round": (ForgetsTheRound, nullcontext, SEEDS, "."),
    "an answer is for its driver": (ForgetsTheEpoch, nullcontext, SEEDS, "."),
    "a wait has a deadline": (WaitsForEver, nullcontext, SEEDS, "is not over after"),
    "four attempts, no less": (TriesTwice, nullcontext, SEEDS, "gave up"),
    "four attempts, no more": (TriesForEver, nullcontext, SEEDS, "attempt 5"),
    "the tree is fixed": (Round, lambda: patch.object(pool, "Tree", ByArrival), SEEDS, "another model"),
    "columns know their version": (Round, lambda: patch.object(reading, "carried", stepping), SEEDS, "another model"),
    "files are flushed": (Round, lambda: patch.object(Disk, "fsync", Disk.unflushed), DISK, "damaged|was stored"),
    "files are verified": (Round, lambda: patch.object(atomic, "verified", lambda data, *_: data), DISK, "."),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_found(rule: str) -> None:
    policy, broken, names, words = RULES[rule]
    with broken(), pytest.raises(Broken, match=words) as caught:
        run_all(names, policy)
    assert "replay: python -m tests.simulation --" in str(caught.value)


def run_all(names: list[str], policy: type[Round]) -> None:
    for name in names:
        tried(name, policy)
