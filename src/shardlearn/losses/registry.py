"""Every loss, for the laws that hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .logistic import Logistic
from .loss import Loss
from .multinomial import Multinomial
from .poisson import Poisson
from .squared import Squared

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {loss.name: loss for loss in (Squared(), Logistic(), Multinomial(), Poisson())}
)
