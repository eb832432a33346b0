"""The package imports and knows its version."""

import shardlearn


def test_import() -> None:
    assert shardlearn.__doc__
