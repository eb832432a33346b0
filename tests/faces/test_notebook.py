"""R15 in a notebook: the stop button interrupts its kernel; the cell ends with our exception, the next one goes on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from tests.engines.ray_alone import family
from tests.faces.test_driver_on_ray import running

PATIENCE = 60.0  # seconds for a cell

BEFORE = """
import numpy as np
import shardlearn
from shardlearn.linear_model import LogisticRegression

draw = np.random.default_rng(0)
X = draw.standard_normal((60_000, 40))
y = X[:, 0] + draw.standard_normal(60_000) > 0
short = LogisticRegression(tol=1e-2)
whole = shardlearn.fingerprint(short.fit(X, y))
"""
ENDLESS = """
shardlearn.set_engine({engine!r}, workers=2)
with shardlearn.checkpoint({folder!r}, every="0s"):
    LogisticRegression(solver="gradient-descent", tol=0.0, max_iter=10**6).fit(X, y)
"""
AFTER = """
with shardlearn.engine("serial"):
    assert shardlearn.fingerprint(short.fit(X, y)) == whole
assert shardlearn.fingerprint(short.fit(X, y)) == whole
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, as Ray wants it."""
    with tempfile.TemporaryDirectory(prefix="n", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def kernel(folder: Path) -> Iterator[KernelManager]:
    manager = KernelManager(connection_file=str(folder / "kernel.json"))
    (folder / "t").mkdir()
    own = {"TMPDIR": str(folder / "t"), "IPYTHONDIR": str(folder / "ipython"), "SHARDLEARN_PROGRESS": "0"}
    manager.start_kernel(env=os.environ | own, cwd=str(folder))
    try:
        yield manager
    finally:
        manager.shutdown_kernel(now=True)


def told(client: BlockingKernelClient, cell: str, meanwhile: Callable[[], object] = lambda: None) -> Any:
    """How a cell ended."""
    asked = client.execute(cell)
    meanwhile()
    while True:
        answer = client.get_shell_msg(timeout=PATIENCE)
        if answer["parent_header"].get("msg_id") == asked:
            return answer["content"]


def waited(come: Callable[[], object]) -> None:
    until = monotonic() + PATIENCE
    while not come():
        assert monotonic() < until
        sleep(0.02)


@pytest.mark.slow  # a kernel and a cluster are started
def test_the_stop_button(kernel: KernelManager, folder: Path) -> None:
    pid = int(str(kernel.provisioner.pid))  # type: ignore[union-attr]
    client = kernel.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        assert told(client, BEFORE)["status"] == "ok"
        for engine in ("threads", "ray:local"):
            run = folder / engine.partition(":")[0]

            def stop(run: Path = run) -> None:
                waited(lambda: any(run.rglob("MANIFEST.json")))  # so the fit is under way
                kernel.interrupt_kernel()

            ended = told(client, ENDLESS.format(engine=engine, folder=str(run)), stop)
            assert (ended["status"], ended["ename"]) == ("error", "Interrupted"), engine
            assert told(client, AFTER)["status"] == "ok", engine
        family_ = family(pid)
        assert len(family_) >= 3, "a cluster of its own, which goes on for the next cells"
        client.shutdown()
        waited(lambda: not running([pid, *family_]))
        assert os.listdir(folder / "t") == []
    finally:
        client.stop_channels()
