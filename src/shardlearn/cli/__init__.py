"""The command line: `shardlearn inspect | fit | evaluate | predict | report | config`.

Nothing heavy is imported before a verb runs: `shardlearn --help` loads none of NumPy, scikit-learn and pyarrow.
"""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """The program `shardlearn`."""
    from .running import run

    sys.exit(run(sys.argv[1:]))
