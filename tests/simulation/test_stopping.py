"""Who asks may stop at any moment: all that is at work for it is told, so that nobody is waited for in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import pytest
from tests.simulation.faults import DEADLINE, Fault, Kind, Schedule, Setting
from tests.simulation.simulate import POLL
from tests.simulation.subjects import SUBJECTS, Scored
from tests.simulation.world import World

from shardlearn.core.events import PieceRetried
from shardlearn.engines.plan import Demand, Here, Plan, aligned_pieces
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.rounds import Policy, Ticket


@dataclass(eq=False)
class Strict(World):
    """Nobody is waited for who was not told to stop."""

    told: set[Ticket] = field(default_factory=set)
    waited: list[Ticket] = field(default_factory=list)

    def cancel(self, ticket: Ticket, /) -> None:
        self.told.add(ticket)
        super().cancel(ticket)

    def settle(self, tickets: Sequence[Ticket], timeout: float, /) -> None:
        self.waited += tickets
        assert self.told.issuperset(tickets)


class InFours(Here):
    """Pieces of four blocks, as longer streams have them."""

    def stream(self, demand: Demand, limit: int | None, /) -> Plan:
        pieces = aligned_pieces(demand.span, demand.cuts, 4)
        return replace(super().stream(demand, limit), pieces=pieces, window=8 * demand.workers)


@pytest.mark.parametrize("blocks", range(1, 12))
def test_a_stream_that_is_closed_between_two_blocks(blocks: int) -> None:
    """While the first piece has two attempts: one stands still, the other has just answered."""
    setting = Setting("squares", shared=True, resident=True)
    world, retried = Strict(Schedule(setting, (Fault(Kind.STALLS, 0, 0, seconds=8.0),))), []
    policy = Policy(deadline=DEADLINE, backup_after=1.5, backup_floor=0.0, backup_quorum=0.0)
    engine = PoolEngine("simulated", world, policy=policy, plans=InFours(), poll=POLL, inbox=world.new_inbox)
    data = engine.open(SUBJECTS["squares"].blocks)
    stream = engine.stream(
        data, Scored(np.ones(4)), emit=lambda e: retried.append(e) if isinstance(e, PieceRetried) else None
    )
    assert len(list(islice(stream, blocks))) == blocks
    stream.close()
    assert retried
    assert world.waited
