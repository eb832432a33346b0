"""`python -m shardlearn`."""

from .cli import main

main()
