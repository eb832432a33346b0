"""A task on its way to a Ray actor, and what comes back of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from .pool import Inbox
from .rounds import Done, Failed, Piece, Ticket
from .scatter import Left
from .shipping import Parcel


@dataclass(slots=True, eq=False)
class Job:
    """A task on its way: who may do it, and who ought to, as the data lie there."""

    ticket: Ticket
    parcel: Parcel
    inbox: Inbox
    limit: int | None  # bytes
    among: int  # the first so many workers
    home: int
    clocked: Callable[[int, float, bool], None]  # who has done it, in how many seconds, and whether it was read
    told: Callable[[Done | Failed], Done | Failed]  # in the words of the whole
    portions: tuple[Piece, ...] = ()
    held: tuple[Any, ...] = ()  # by what the worker gets what others keep
    kept: tuple[Any, ...] = ()  # by what others get what this one keeps: Ray's store has it, also when the worker dies
    since: float = field(default_factory=monotonic)

    def sent(self, actor: Any) -> Any:
        """Have the actor do it; what stands for what it will say."""
        task = self.ticket, self.parcel.body, self.parcel.refs, self.limit
        if not self.portions:
            return actor.do.remote(*task, self.held)
        said, *kept = actor.leave.options(num_returns=1 + len(self.portions)).remote(*task, self.portions)
        self.kept = tuple(kept)
        return said

    def ended(self, end: Done | Failed) -> Done | Failed:
        """What the driver is told: of what the worker keeps, where it is."""
        if self.kept and isinstance(end, Done):
            return Done(end.ticket, Left(bool(end.answer), self.kept))
        return end
