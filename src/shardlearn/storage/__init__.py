"""Models, states and checkpoints in files: whole or not there, checked when read, never run."""

from .model import fingerprint, load, save

__all__ = ["fingerprint", "load", "save"]
