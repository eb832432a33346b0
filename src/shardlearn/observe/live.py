"""The live block on a terminal, by rich."""

from __future__ import annotations

from rich import live
from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .picture import Picture

BAR, GAP = 26, "  "  # characters


def able() -> bool:
    """Whether the terminal can move its cursor."""
    return not Console(stderr=True).is_dumb_terminal


class Live:
    """Two lines that stay in place: what is fitted, and where that stands; a third when a piece was tried again.

    Drawn by who reports: no thread of its own.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live = live.Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def draw(self, picture: Picture, now: float, added: int | None, /) -> None:
        """Show the picture."""
        left, right = Text(picture.where()), Text(GAP.join(self._fitting(picture, now, added)))
        line = Table.grid(padding=(0, len(GAP)))
        line.add_row(left, ProgressBar(total=1.0, completed=picture.fraction(), width=BAR), right)
        head = Text(picture.header(), style="bold", no_wrap=True, overflow="ellipsis")
        again = Text(picture.retries.now(), style="dim", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(head, line, *([again] if again else [])), refresh=True)

    def say(self, text: str, /) -> None:
        """One line above the block, which stays."""
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take it away."""
        self._live.stop()

    def _fitting(self, picture: Picture, now: float, added: int | None) -> list[str]:
        """As many details as there is room for."""
        room = self._console.width - len(picture.where()) - BAR - 2 * len(GAP)
        parts = picture.details(now, added)
        while len(parts) > 1 and len(GAP.join(parts)) > room:
            parts.pop()
        return parts
