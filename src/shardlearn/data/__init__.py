"""Data: sources, their schema, and their rows as blocks on the grid."""

from . import verify
from .layout import Laid, lay_out
from .opening import open_source
from .source import Source
from .spec import Spec

read = open_source

__all__ = ["Laid", "Source", "Spec", "lay_out", "open_source", "read", "verify"]
