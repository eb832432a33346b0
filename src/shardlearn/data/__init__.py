"""Data: sources, their schema, and their rows as blocks on the grid."""

from . import verify
from .inspection import Inspection, inspect, measure
from .layout import Laid, lay_out
from .opening import open_source
from .source import Source
from .spec import Spec

read = open_source

__all__ = ["Inspection", "Laid", "Source", "Spec", "inspect", "lay_out", "measure", "open_source", "read", "verify"]
