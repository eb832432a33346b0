"""`python -m shardlearn.cli`."""

from . import main

main()
