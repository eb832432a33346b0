"""Second attempts at a piece of work, in words for people, and counted by their reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from shardlearn.core.events import PieceRetried

FEW = 3  # are told one by one; then they are counted
LONGEST = 160  # characters of a reason


@dataclass(slots=True)
class Retries:
    """Those of one fit. However many there are, it stays small."""

    attempts: int = 0
    pieces: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)  # a few of them, in words
    last: str = ""

    def take(self, event: PieceRetried) -> None:
        self.attempts += 1
        self.pieces += event.attempt == 2
        what = kind(event.why)
        self.kinds[what] = self.kinds.get(what, 0) + 1
        self.last = told(event)
        if len(self.first) < FEW:
            self.first.append(self.last)

    def now(self) -> str:
        """The last one, and how many there are."""
        return self.last + (f"   ({self.attempts:,} so far)" if self.attempts > 1 else "")

    def counted(self) -> list[str]:
        """What is said of those that are not told one by one."""
        return [f"{self.attempts:,} tried again"] if self.attempts > FEW else []


def told(event: PieceRetried) -> str:
    """`rows 448 to 999 tried again: worker 2 died`."""
    if event.merging:
        return f"parts {event.first:,} to {event.stop - 1:,} of an answer merged again: {reason(event.why)}"
    first, stop = event.rows
    return f"rows {first:,} to {stop - 1:,} tried again: {reason(event.why)}"


def reason(why: str) -> str:
    """Without what is for the log: the number of the attempt, processes, and all that is longer than a line."""
    plain = re.sub(r"^(attempt \d+|backup): | \(process \d+ on \S+\)", "", " ".join(why.split()))
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def kind(why: str) -> str:
    """What is alike for all such attempts: the class of an error, what became of a worker."""
    plain = reason(why)
    if plain.startswith("no answer"):
        return "no answer in time"
    return re.sub(r"^worker \d+ ", "a worker ", plain).split(": ")[0]
