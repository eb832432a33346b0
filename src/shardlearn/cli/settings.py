"""`shardlearn config`: every setting with its origin."""

from __future__ import annotations

from shardlearn import config

from .flags import Output
from .output import answering


def show(output: Output) -> int:
    """Print all settings."""
    with answering(output) as answer:
        found = config.settings()
        answer.put(settings={s.name: {"value": s.value, "origin": s.origin, "about": s.about} for s in found})
        wide = max(len(s.value or "-") for s in found)
        origin = max(len(s.origin) for s in found)
        answer.table([(s.name, f"{s.value or '-':<{wide}}  {s.origin:<{origin}}  {s.about}") for s in found], indent="")
        return answer.finish(0)
