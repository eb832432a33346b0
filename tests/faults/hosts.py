"""Several hosts on one machine: a network namespace each, joined by a switch in the first one, with a Ray node in each.

The first host has the head and the driver, the others one worker node each. Links are cut and narrowed by `ip` and
`tc`. No interface outside of the namespaces is touched, and what runs in them is ended with them.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PORT = 6379
START = 90.0  # seconds that a node has to start


@dataclass(frozen=True)
class Hosts:
    """Namespaces by name; the first one has the switch."""

    names: tuple[str, ...]

    def address(self, host: int) -> str:
        return f"10.77.0.{host + 1}"

    @property
    def head(self) -> str:
        return f"{self.address(0)}:{PORT}"

    def command(self, host: int, *command: object) -> list[str]:
        """The command on that host."""
        return ["ip", "netns", "exec", self.names[host], *map(str, command)]

    # -- faults --------------------------------------------------------------------------------------------------------
    def cut(self, host: int) -> None:
        """What is sent there, or from there, is lost; who sends is not told."""
        told("ip", "-n", self.names[0], "link", "set", f"port{host}", "down")
        assert self.link(host) == "DOWN"

    def mend(self, host: int) -> None:
        told("ip", "-n", self.names[0], "link", "set", f"port{host}", "up")

    def narrow(self, host: int, rate: str) -> None:
        """So much and no more, both ways."""
        for name, device in ((self.names[0], f"port{host}"), (self.names[host], "eth0")):
            told(*f"tc -n {name} qdisc replace dev {device} root tbf rate {rate} burst 64kb latency 400ms".split())

    def widen(self, host: int) -> None:
        for name, device in ((self.names[0], f"port{host}"), (self.names[host], "eth0")):
            told("tc", "-n", name, "qdisc", "del", "dev", device, "root")

    # -- looks ---------------------------------------------------------------------------------------------------------
    def link(self, host: int) -> str:
        """UP or DOWN, as the host sees it."""
        return str(self._eth0(host)["operstate"])

    def received(self, host: int) -> int:
        """Bytes that came over the link."""
        return int(self._eth0(host)["stats64"]["rx"]["bytes"])

    def sent_again(self, host: int) -> int:
        """Segments that the host has sent once more, as nobody has said that they came."""
        lines = told(*self.command(host, "cat", "/proc/net/snmp")).splitlines()
        names, numbers = (line.split() for line in lines if line.startswith("Tcp:"))
        return int(numbers[names.index("RetransSegs")])

    def held_back(self, host: int) -> int:
        """Packets to it that had to wait, or were dropped, as its link is narrow."""
        [queue] = json.loads(told(*f"tc -n {self.names[0]} -s -j qdisc show dev port{host}".split()))
        return int(queue["overlimits"])

    def of(self, pid: int) -> int:
        """The host on which a process is."""
        return self.names.index(told("ip", "netns", "identify", pid).strip())

    def processes(self, host: int) -> list[int]:
        return [int(pid) for pid in told("ip", "netns", "pids", self.names[host]).split()]

    def _eth0(self, host: int) -> Any:
        [found] = json.loads(told(*f"ip -n {self.names[host]} -s -j link show dev eth0".split()))
        return found


def told(*command: object) -> str:
    """What a command prints."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr.strip()}"
    return done.stdout


def lacking() -> str:
    """Why there can't be hosts here, or ""."""
    name = f"sl{os.getpid()}-try"
    try:
        told("ip", "netns", "add", name)
    except (OSError, AssertionError) as error:
        return f"network namespaces can't be made here (root, and `ip` of iproute2, can): {error}"
    try:
        told("ip", "-n", name, "link", "add", "switch", "type", "bridge")
        told("ip", "-n", name, "link", "add", "one", "type", "veth", "peer", "name", "other")
        told(*f"tc -n {name} qdisc add dev one root tbf rate 1mbit burst 64kb latency 1s".split())
    except (OSError, AssertionError) as error:
        return f"this kernel, or its tools, lack what several hosts are made of: {error}"
    finally:
        told("ip", "netns", "del", name)
    return ""


@contextmanager
def hosts(count: int) -> Iterator[Hosts]:
    """So many, each of whom reaches all others; gone afterwards, with all that runs on them."""
    if why := lacking():
        pytest.skip(why)
    made = Hosts(tuple(f"sl{os.getpid()}-{secrets.token_hex(2)}-{host}" for host in range(count)))
    try:
        for name in made.names:
            told("ip", "netns", "add", name)
            told("ip", "-n", name, "link", "set", "lo", "up")
        _wire(made)
        yield made
    finally:
        until = monotonic() + 30
        for host, name in enumerate(made.names):
            with suppress(AssertionError):  # one that was not made
                while (left := made.processes(host)) and monotonic() < until:
                    for pid in left:
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    sleep(0.02)
                told("ip", "netns", "del", name)


def _wire(made: Hosts) -> None:
    switch = made.names[0]
    told("ip", "-n", switch, "link", "add", "switch", "type", "bridge")
    told("ip", "-n", switch, "addr", "add", f"{made.address(0)}/24", "dev", "switch")
    told("ip", "-n", switch, "link", "set", "switch", "up")
    told("ip", "-n", switch, "route", "add", "default", "dev", "switch")  # by which Ray finds out its own address
    for host, name in enumerate(made.names[1:], start=1):
        port = f"port{host}"
        told("ip", "-n", switch, *f"link add {port} type veth peer name eth0 netns {name}".split())
        told("ip", "-n", switch, *f"link set {port} master switch up".split())
        told("ip", "-n", name, "addr", "add", f"{made.address(host)}/24", "dev", "eth0")
        told("ip", "-n", name, "link", "set", "eth0", "up")
        told("ip", "-n", name, "route", "add", "default", "via", made.address(0))


@dataclass(frozen=True)
class RayHosts:
    """Hosts with a Ray node on each, and what processes on them have to have in their environment."""

    hosts: Hosts
    environment: Mapping[str, str]

    def start(self, *which: int, cpus: Sequence[int]) -> None:
        """Nodes on these hosts, all at once; returns when each has told that it is there."""
        begun = [
            subprocess.Popen(
                self.hosts.command(host, *_ray_start(self.hosts, host, cpus[host], self.environment["TMPDIR"])),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=self.environment,
            )
            for host in which
        ]
        for process in begun:
            out, _ = process.communicate(timeout=START)
            assert process.returncode == 0, out

    def python(self, *command: object, timeout: float) -> Any:
        """What a program on the first host prints, as JSON."""
        line = self.hosts.command(0, sys.executable, "-W", "error", *command)
        done = subprocess.run(line, capture_output=True, text=True, timeout=timeout, cwd=ROOT, env=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def _ray_start(made: Hosts, host: int, cpus: int, folder: str) -> list[object]:
    ray, common = Path(sys.executable).with_name("ray"), ["--disable-usage-stats", f"--num-cpus={cpus}"]
    common += [f"--node-ip-address={made.address(host)}", "--object-store-memory=200000000"]
    common += [f"--temp-dir={folder}/{host}"]
    if host == 0:
        head = ["--head", f"--port={PORT}", "--include-dashboard=false"]
        return [ray, "start", *head, *common]
    return [ray, "start", f"--address={made.head}", *common]


@contextmanager
def ray_hosts(cpus: Sequence[int], **more: str) -> Iterator[RayHosts]:
    """A host for each number of CPUs, with a Ray node; whoever joins needs a token."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "SHARDLEARN_"))}
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with (
        tempfile.TemporaryDirectory(prefix="h", dir="/tmp", ignore_cleanup_errors=True) as folder,
        hosts(len(cpus)) as made,
    ):
        cluster = RayHosts(made, clean | token | {"TMPDIR": folder, "SHARDLEARN_PROGRESS": "0"} | more)
        cluster.start(0, cpus=cpus)
        cluster.start(*range(1, len(cpus)), cpus=cpus)
        yield cluster
