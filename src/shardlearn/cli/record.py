"""run.json beside a saved model: how it came to be, which is no part of the model."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .output import plain

NAME = "run.json"


def write(folder: str, values: Mapping[str, Any]) -> Path:
    """Add values to run.json; it is whole, or what it was."""
    path = Path(folder) / NAME
    text = json.dumps(read(folder) | plain(values), indent=1) + "\n"
    beside = path.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        with open(beside, "x", encoding="utf-8", opener=_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return path


def read(folder: str) -> dict[str, Any]:
    """What run.json says; nothing where there is none."""
    try:
        found = json.loads((Path(folder) / NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def target_of(folder: str, given: str | None) -> str | None:
    """The target's column: the one that was named, or the one that the model was trained on, if there was one."""
    target = given or read(folder).get("target")
    return target if isinstance(target, str) else None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
