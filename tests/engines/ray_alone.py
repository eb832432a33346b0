"""A process of its own that starts private Ray clusters, and prints what it found as JSON.

python -m tests.engines.ray_alone
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import re
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tests.engines.fakes import IdSum

import shardlearn
from shardlearn.core.events import Notice
from shardlearn.core.query import Query
from shardlearn.data import lay_out
from shardlearn.linear_model import LinearRegression, LogisticRegression

FOREIGN = re.compile("loky|joblib")  # of other programs on this machine


def state() -> dict[str, Any]:
    """What an engine has to leave as it was."""
    handlers = [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    return {
        "environment": dict(os.environ),
        "handlers": [*handlers, str(sys.excepthook), faulthandler.is_enabled(), *signals()],
        "loggers": [str(logging.getLogger(name).handlers) + str(logging.getLogger(name).level) for name in ("", "ray")],
        "threads": sorted(thread.name for thread in threading.enumerate() if "ray" in thread.name),
        "folders": sorted(path.name for path in Path(tempfile.gettempdir()).glob("shardlearn-*")),
        "memory": sorted(name for name in os.listdir("/dev/shm") if not FOREIGN.search(name)),
        "children": sorted(family(os.getpid())),
    }


def signals() -> list[str]:
    """Which are ignored and which are caught, as the system has it."""
    return [
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(("SigIgn", "SigCgt"))
    ]


def family(pid: int) -> set[int]:
    """Processes that come from this one."""
    children = [child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in words(task)]
    return {int(child) for child in children} | {one for child in children for one in family(int(child))}


def words(path: Path) -> list[str]:
    """None where a thread has just ended."""
    try:
        return path.read_text().split()
    except OSError:
        return []


def listening() -> list[tuple[str, int]]:
    """Address and port of every socket on which this process or one that comes from it waits for others."""
    inodes = set()
    for pid in {os.getpid(), *family(os.getpid())}:
        with suppress(OSError):  # a process that has just ended
            for name in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    inodes.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    found = []
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            waits = fields[3] == "0A" if name.startswith("tcp") else True
            if waits and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                found.append((shown(address), int(port, 16)))
    return sorted(found)


def shown(address: str) -> str:
    packed = b"".join(bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


CALLS = (  # one of each service that Ray's processes offer
    "NodeInfoGcsService/GetClusterId",
    "NodeManagerService/GetNodeStats",
    "ObjectManagerService/Pull",
    "CoreWorkerService/GetCoreWorkerStats",
)


def asked(address: str, port: int) -> str:
    """What a client without a token is told, by gRPC and where that is not spoken by HTTP."""
    host = "127.0.0.1" if address in ("0.0.0.0", "::") else address
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        told = [code(channel, call) for call in CALLS]
    if "UNAVAILABLE" not in told:
        return ", ".join(sorted({one for one in told if one != "UNIMPLEMENTED"})) or "nothing is offered"
    with socket.create_connection((host, port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        return client.recv(100).split(b"\r\n")[0].decode(errors="replace")


def code(channel: Any, call: str) -> str:
    """The status of a call of one of Ray's services."""
    try:
        channel.unary_unary(f"/ray.rpc.{call}")(b"", timeout=5)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def data() -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    X = draw.standard_normal((6_000, 300))
    return X, (X[:, 0] > 0).astype(float)


def main() -> None:
    X, y = data()
    out: dict[str, Any] = {}
    fitted = shardlearn.fingerprint(LinearRegression().fit(X, y))
    for kind in ("threads", "serial"):
        with shardlearn.engine(kind):
            LogisticRegression().fit(X, y).predict(X)
            out[kind] = listening()
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "disabled", "of another cluster"
    before = state()
    with shardlearn.engine("ray", address="local", workers=1, threads_per_worker=2) as engine:
        seen: list[Any] = []
        for _ in range(2):
            blocks = engine.open(lay_out(X).blocks)
            engine.fold({"train": blocks}, Query(IdSum()), emit=seen.append)
            engine.close(blocks)
        out["told"] = [event.text for event in seen if isinstance(event, Notice)]
        out["equal"] = shardlearn.fingerprint(LinearRegression().fit(X, y)) == fitted
        out["during"] = state()["handlers"] == before["handlers"]
        out["engine"] = [engine.name, engine.workers]
        out["ray"] = [(address, port, asked(address, port)) for address, port in listening()]
        try:
            with shardlearn.engine(threads_per_worker=1):
                pass
        except shardlearn.EngineError as error:
            out["other workers"] = str(error)
    after = state()
    out["changed"] = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
