"""A process of its own that starts an isolated Ray cluster, and prints what it found as JSON.

python -m tests.engines.ray_isolated
"""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.engines.ray_alone import data, family, listening, shown, state

import shardlearn
from shardlearn.engines.ray_session import SESSIONS
from shardlearn.linear_model import LinearRegression

WAIT = 60.0


def ports(pid: int) -> list[tuple[str, int]]:
    """Where somebody waits for others, in this process's namespace."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                address, port = fields[1].split(":")
                found.add((shown(address), int(port, 16)))
    return sorted(found)


def reached(port: int, hosts: list[str]) -> list[str]:
    out = []
    for host in hosts:
        with suppress(OSError), closing(socket.create_connection((host, port), timeout=1)):
            out.append(f"{host}:{port}")
    return out


def own_address() -> str:
    """Of this machine in its network; the loopback's where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, suppress(OSError):
        client.connect(("192.0.2.1", 9))
        return str(client.getsockname()[0])
    return "127.0.0.1"


def replaced() -> bool:
    """A worker is killed, and another is there."""
    assert SESSIONS.now is not None
    slot = SESSIONS.now.crew.slots[0]
    assert slot.hello is not None
    before, until = slot.hello.pid, monotonic() + WAIT
    os.kill(before, signal.SIGKILL)
    while not slot.hello or slot.hello.pid == before:
        if monotonic() > until:
            return False
        sleep(0.05)
    return True


def main() -> None:
    X, y = data()
    whole, out = shardlearn.fingerprint(LinearRegression().fit(X, y)), dict[str, Any]()

    def equal() -> bool:
        return shardlearn.fingerprint(LinearRegression().fit(X, y)) == whole

    signal.signal(signal.SIGTERM, lambda *_: None)
    hosts = ["127.0.0.1", "127.1.0.1", own_address()]
    before, busy = state(), {port for _, port in ports(os.getpid())}
    with shardlearn.engine("ray", address="local", workers=2, isolate=True):
        out["equal"] = [equal(), replaced(), equal()]
        out["during"] = state()["handlers"] == before["handlers"]
        started = family(os.getpid())
        spaces = {os.readlink(f"/proc/{pid}/ns/net") for pid in started}
        out["space"], out["started"] = sorted(spaces), len(started)
        out["apart"] = os.readlink("/proc/self/ns/net") not in spaces
        out["inside"], out["here"] = len(ports(min(started))), listening()
        out["reached"] = [at for _, port in ports(min(started)) if port not in busy for at in reached(port, hosts)]
    after = state()
    out["changed"] = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    with shardlearn.engine("ray", address="local", workers=1):
        out["then"] = equal()
        out["reached then"] = [at for _, port in listening() for at in reached(port, hosts)]
    with shardlearn.engine("ray", address="local", workers=1, isolate=True):
        out["again"] = equal() and replaced() and equal()
    print(json.dumps(out))


if __name__ == "__main__":
    main()
