"""The command line: `shardlearn inspect | fit | resume | evaluate | predict | report | config`.

Nothing heavy is imported before a verb runs: `shardlearn --help` loads none of NumPy, scikit-learn and pyarrow.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """The program `shardlearn`."""
    from .running import run

    # pyarrow reads this when it loads. Its default allocator keeps freed pages for a while: enough to pass a tight
    # --memory.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a KeyboardInterrupt too: what was begun is cleaned up
    sys.exit(run(sys.argv[1:]))
