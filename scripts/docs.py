"""Keeps what the pages show of the source equal to the source: `make docs` rewrites it, a test compares it.

In a page, `<!-- include PATH -->` or `<!-- include PATH::NAME -->` stands before a code block that holds the file, or a
class or function of it; `<!-- table columns -->` and `<!-- end -->` stand around the table of column kinds.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INCLUDE = re.compile(r"(<!-- include (?P<what>\S+) -->\n\n?```(?P<language>\w*)\n).*?(\n```)", re.DOTALL)
COLUMNS = re.compile(r"(<!-- table columns -->\n).*?(\n<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def current(page: str) -> str:
    """The page with what it shows as the source has it now."""
    page = INCLUDE.sub(lambda found: found[1] + shown(found["what"]) + found[4], page)
    return COLUMNS.sub(lambda found: found[1] + columns() + found[2], page)


def shown(what: str) -> str:
    path, _, name = what.partition("::")
    text = (ROOT / path).read_text()
    if not name:
        return text.strip("\n")
    (node,) = [n for n in ast.parse(text).body if getattr(n, "name", None) == name]
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])


def columns() -> str:
    from shardlearn.data.kinds import OTHERS, TABLE

    lines = ["| Column holds | Arrow types | As a feature | As a target |", "|---|---|---|---|"]
    for row in TABLE:
        refused = f"refused: {row.fix}" if row.fix else "refused"
        lines.append(
            f"| {row.kind.value} | {row.arrow} | {row.feature or refused} | {row.label or 'refused'} |".replace(
                "**", "^"
            )
        )
    lines += ["", "| Also | Taken as | Otherwise |", "|---|---|---|"]
    lines += [f"| {' | '.join(cells)} |" for cells in OTHERS]
    return "\n".join(lines)


def main() -> None:
    for path in pages():
        before = path.read_text()
        after = current(before)
        if after != before:
            path.write_text(after)
            print(f"rewrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
