"""How verbs answer: plain lines for people, or one JSON object."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .flags import Output


class Usage(Exception):  # noqa: N818  what a person typed
    """The command line asks for something that does not exist."""


@dataclass(slots=True)
class Answer:
    """Collects what a verb has to say."""

    output: Output
    values: dict[str, Any] = field(default_factory=dict)  # for JSON

    def say(self, *lines: str) -> None:
        """Lines for people."""
        if not self.output.json:
            print(*lines, sep="\n", flush=True)

    def note(self, text: str) -> None:
        """A remark beside the answer, on stderr."""
        print(text, file=sys.stderr, flush=True)

    def table(self, rows: Sequence[tuple[str, str]], indent: str = "  ") -> None:
        """Labels and texts, aligned."""
        wide = max((len(label) for label, _ in rows), default=0)
        self.say(*(f"{indent}{label:<{wide}}  {text}".rstrip() for label, text in rows))

    def put(self, **values: Any) -> None:
        """Values for JSON."""
        self.values |= values

    def finish(self, code: int) -> int:
        """The one JSON object, if that was asked for; hands the exit code on."""
        if self.output.json:
            print(json.dumps({"exit": code, **plain(self.values)}), flush=True)
        return code


@contextmanager
def answering(output: Output) -> Iterator[Answer]:
    """An answer; warnings become notes, and with `--debug` the log goes to stderr."""
    answer = Answer(output)
    with warnings.catch_warnings(), logged(output.debug):
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, kind, *_, **__: _warned(answer, message, kind)
        yield answer


@contextmanager
def logged(asked: bool) -> Iterator[None]:
    """The log on stderr, if asked for."""
    logger, handler = logging.getLogger("shardlearn"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(relativeCreated)8d ms  %(message)s"))
    before = logger.level
    if asked:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _warned(answer: Answer, message: Warning | str, kind: type[Warning]) -> None:
    answer.values.setdefault("warnings", []).append(f"{kind.__name__}: {message}")
    answer.note(f"note: {message}")


def failed(as_json: bool, exit_code: int, code: str, message: str, fix: str = "") -> None:
    """Say why nothing came of it: on stderr, and as the JSON object if that was asked for."""
    tail = f"\n  fix   : {fix}" if fix else ""
    with suppress(OSError):  # where nothing can be said any more, the exit code still can
        print(message + tail, file=sys.stderr, flush=True)
    if as_json:
        with suppress(OSError):
            print(json.dumps({"exit": exit_code, "error": {"code": code, "message": message + tail}}), flush=True)


def plain(value: Any) -> Any:
    """As JSON takes it: NaN and infinities are null."""
    match value:
        case Mapping():
            return {str(name): plain(part) for name, part in value.items()}
        case list() | tuple():
            return [plain(part) for part in value]
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case _:
            return value
