"""Events to the logger `shardlearn`, at DEBUG."""

from __future__ import annotations

import logging

from shardlearn.core.events import Event

logger = logging.getLogger("shardlearn")
logger.addHandler(logging.NullHandler())


def log(event: Event, /) -> None:
    """One record an event; formatted only when somebody listens."""
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%r", event, extra={"event": event})
