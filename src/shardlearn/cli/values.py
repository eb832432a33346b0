"""`--set name=value`: text as the types that an estimator's parameters take."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from numbers import Integral, Real
from typing import Any

from .output import Usage

ROOMS = ("linear_model", "cluster", "neighbors")
PLOT = "Display"  # how the names of what is no estimator end


@dataclass(frozen=True, slots=True)
class Place:
    """Where an estimator's class is."""

    room: str
    kind: str

    def load(self) -> Any:
        """The class."""
        return getattr(import_module(f"shardlearn.{self.room}"), self.kind)


def estimator_place(name: str) -> Place:
    """Where the class for `linear_model.Ridge`, or for `Ridge`, is; only names are looked at."""
    room, _, last = name.rpartition(".")
    room = room.removeprefix("shardlearn.").removeprefix("shardlearn")
    known = {f"{r}.{kind}": Place(r, kind) for r in ROOMS for kind in _kinds(r)}
    short = {place.kind: full for full, place in known.items()}
    full = f"{room}.{last}" if room else short.get(last, last)
    if full in known:
        return known[full]
    alike = [short[kind] for kind in get_close_matches(last, short, n=3, cutoff=0.5)]
    raise Usage(f"There is no estimator {name!r}. {_hint(alike, list(known))}")


def _kinds(room: str) -> list[str]:
    return [name for name in import_module(f"shardlearn.{room}").__all__ if not name.endswith(PLOT)]


def parameters(kind: Any, settings: Sequence[str]) -> dict[str, Any]:
    """`["C=0.1"]` as `{"C": 0.1}`."""
    known = kind._get_param_names()
    found = {}
    for text in settings:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise Usage(f"--set takes name=value, got {text!r}")
        if name not in known:
            alike = get_close_matches(name, known, n=3, cutoff=0.5)
            raise Usage(f"{kind.__name__} has no parameter {name!r}. {_hint(alike, known)}")
        found[name] = _typed(kind, name, value.strip())
    return found


def _typed(kind: Any, name: str, text: str) -> Any:
    """The first reading of the text that the parameter's constraints allow."""
    constraints = kind._parameter_constraints.get(name, [])
    for reading in _readings(text):
        if any(_allows(constraint, reading) for constraint in constraints):
            return reading
    return next(iter(_readings(text)))  # the estimator itself says what is wrong with it


def _readings(text: str) -> list[Any]:
    """What a text may mean, the narrowest first."""
    words = {"none": None, "null": None, "true": True, "false": False}
    if text.lower() in words:
        return [words[text.lower()], text]
    out: list[Any] = []
    for read in (int, float, _json):
        try:
            out.append(read(text))
        except ValueError:
            continue
    return [*out, text]


def _json(text: str) -> Any:
    """A JSON object; keys that are numbers become numbers, as labels are."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return {_readings(key)[0]: part for key, part in value.items()}


def _allows(constraint: Any, value: Any) -> bool:
    """Whether one of scikit-learn's parameter constraints is about values of this type."""
    match constraint:
        case None:
            return value is None
        case "boolean" | "verbose":
            return isinstance(value, bool) or (constraint == "verbose" and isinstance(value, int))
        case "random_state":
            return value is None or (isinstance(value, int) and not isinstance(value, bool))
        case type():
            return isinstance(value, constraint) and not (isinstance(value, bool) and constraint in (Integral, Real))
    options = getattr(constraint, "options", None)
    if options is not None:
        return isinstance(value, str) and value in options
    wanted = getattr(constraint, "type", None)
    return isinstance(wanted, type) and isinstance(value, wanted) and not isinstance(value, bool)


def _hint(alike: Sequence[str], known: Sequence[str]) -> str:
    if alike:
        return "Did you mean " + " or ".join(alike) + "?"
    return "There are: " + ", ".join(known) + "."
