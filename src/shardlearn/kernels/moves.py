"""Rows that go from one cluster to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shardlearn.core.matrix import Ints

from .points import Labels


@dataclass(frozen=True, slots=True)
class Moves:
    """Where rows go, and how much each weighs."""

    label: Labels  # (n,)
    before: Labels | None = None  # (n,); -1: in none. None: all of them
    weight: Ints | None = None  # (layers, n); None: ones

    @property
    def layers(self) -> Sequence[Ints | None]:
        """The weights of each layer."""
        return [None] if self.weight is None else list(self.weight)
