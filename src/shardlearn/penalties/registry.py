"""Every penalty, for the laws that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .l2 import L2
from .penalty import SmoothPenalty

PENALTIES: Mapping[str, Callable[[float], SmoothPenalty]] = MappingProxyType({L2.name: L2})  # by strength
