"""scikit-learn's estimators for data in shards: one fit, any number of workers, the same model bit for bit."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Public names and where they live; loaded when first used (PEP 562), so that importing shardlearn loads none of NumPy,
# scikit-learn and pyarrow.
_WHERE = {
    "engine": "engines",
    "set_engine": "engines",
    "checkpoint": "faces.checkpoint",
    "resume": "faces.resuming",
    "read": "data",
    "save": "storage",
    "load": "storage",
    "fingerprint": "storage",
    "ShardlearnError": "core.errors",
    "InputError": "core.errors",
    "InputTypeError": "core.errors",
    "ParameterError": "core.errors",
    "MemoryLimitError": "core.errors",
    "EngineError": "core.errors",
    "StorageError": "core.errors",
    "SourceChangedError": "core.errors",
    "Interrupted": "core.errors",
}
_ROOMS = {"cluster", "linear_model", "neighbors"}
__all__ = ["__version__", *sorted(_WHERE), *sorted(_ROOMS)]

if TYPE_CHECKING:
    from . import cluster as cluster
    from . import linear_model as linear_model
    from . import neighbors as neighbors
    from .core.errors import EngineError as EngineError
    from .core.errors import InputError as InputError
    from .core.errors import InputTypeError as InputTypeError
    from .core.errors import Interrupted as Interrupted
    from .core.errors import MemoryLimitError as MemoryLimitError
    from .core.errors import ParameterError as ParameterError
    from .core.errors import ShardlearnError as ShardlearnError
    from .core.errors import SourceChangedError as SourceChangedError
    from .core.errors import StorageError as StorageError
    from .data import read as read
    from .engines import engine as engine
    from .engines import set_engine as set_engine
    from .faces.checkpoint import checkpoint as checkpoint
    from .faces.resuming import resume as resume
    from .storage import fingerprint as fingerprint
    from .storage import load as load
    from .storage import save as save


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
