"""Whose turn it is, once all have run once to warm up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

FAR = 3.0  # times the fastest: no bar hangs on how much slower
SHORT = 1.0  # second: what is not worth sparing, and may be warming up


def turns(first: Sequence[float], repeats: int, far: float = FAR) -> Iterator[int]:
    """Numbers of contenders, interleaved: ours, the first, so many times; who was far behind at first, once."""
    limit = max(far * min(first, default=0.0), SHORT)
    for number in range(repeats):
        for i, seconds in enumerate(first):
            if i == 0 or number == 0 or seconds <= limit:
                yield i


def told(runs: int, repeats: int) -> str:
    """What a row says of a contender that ran once."""
    return "1 run" if runs == 1 < repeats else ""
