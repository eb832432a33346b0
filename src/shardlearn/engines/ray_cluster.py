"""This process's connection to a Ray cluster: to one that somebody runs, or to a private one on this machine."""

from __future__ import annotations

import ctypes
import faulthandler
import inspect
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from shardlearn.core.errors import EngineError, ParameterError

from .ray_apart import HERE, enter
from .ray_folder import folder
from .ray_thread import thread

PROBE = Path(__file__).with_name("ray_probe.py")
BOUND = "Ray's servers listen on all of this machine's addresses; whoever has not this cluster's token is refused"
OPEN = "this Ray cluster asks for no token: whoever reaches it can run programs on it"
SWITCH_ON = (
    "export RAY_AUTH_MODE=token on every node before `ray start`, with the token of `ray get-auth-token --generate`"
)
NODE = "RAY_RAYLET_PID"  # Ray ends a program at once that has lost its node and (without this) its parent
HANDLED = [
    getattr(signal, f"SIG{name}") for name in ("TERM", "INT", "HUP", "SEGV", "BUS", "FPE", "ILL", "ABRT", "TRAP")
]


def ray_package() -> Any:
    """The package, or one line that says how to get it."""
    try:
        with settings_kept():
            os.environ[NODE] = str(os.getpid())
            return import_module("ray")
    except ImportError:
        raise EngineError(
            "The engine 'ray' needs the package ray.", code="SL4010", fix='pip install "shardlearn[ray]"'
        ) from None


@contextmanager
def connected(address: str, cpus: int, insecure: bool, isolate: bool = False) -> Iterator[tuple[str, str]]:
    """Join the cluster at an address ("auto", "host:port"), or start one of so many CPUs ("local"), maybe isolated.

    Gives what it is called, and a sentence on who may reach it, or "".

    Nothing else starts Ray. Afterwards the environment, signal handlers and loggers are as they were.
    """
    must_be_joined_directly(address)
    with settings_kept():
        ray = ray_package()
        if ray.is_initialized():
            way = already(ray, address, insecure)
        else:
            way = private(ray, cpus, isolate) if address == "local" else joined(ray, address, insecure)
        with way as found:
            yield found


def must_be_joined_directly(address: str) -> None:
    """Ray Client's proxy would hold every answer twice."""
    if "://" in address or (address == "auto" and "://" in os.environ.get("RAY_ADDRESS", "")):
        raise ParameterError(
            "Ray clients are not supported: run the program on the cluster, as a job.",
            code="SL1008",
            found=address if "://" in address else f"RAY_ADDRESS={os.environ['RAY_ADDRESS']}",
            needed='"auto" on a node of the cluster, "host:port", or "local"',
            fix="ray job submit -- python program.py",
        )


@contextmanager
def private(ray: Any, cpus: int, isolate: bool) -> Iterator[tuple[str, str]]:
    """A cluster of one machine that nobody else has the token of, in a folder that nobody else can read.

    Isolated, it is in a network namespace, where nobody else can reach it.
    """
    with thread() as do, folder() as inside:
        token = inside / "token"
        token.touch(0o600)
        token.write_text(secrets.token_hex(32))
        with token_mode(RAY_AUTH_TOKEN_PATH=str(token)):
            how = {"num_cpus": cpus, "include_dashboard": False, "_temp_dir": str(inside / "r")}
            if isolate:
                do(enter)
                how["_node_ip_address"] = HERE
            try:
                with no_cluster("The private Ray cluster did not start."):
                    do(lambda: start(ray, address="local", **how))
                yield "local", "" if isolate else BOUND
            finally:
                do(lambda: shut_down(ray))


@contextmanager
def joined(ray: Any, address: str, insecure: bool) -> Iterator[tuple[str, str]]:
    """A cluster that somebody runs; it goes on afterwards."""
    at, closed = probed(address, insecure)
    with thread() as do, token_mode() if closed else nullcontext():
        try:
            with no_cluster(f"The Ray cluster at {at} could not be joined."):
                do(lambda: start(ray, address=at))
            yield at, "" if closed else OPEN
        finally:
            do(lambda: shut_down(ray))


@contextmanager
def already(ray: Any, address: str, insecure: bool) -> Iterator[tuple[str, str]]:
    """The program has joined a cluster by itself: that one it is, and it stays joined."""
    at = ray.get_runtime_context().gcs_address
    if address not in ("auto", at):
        raise EngineError(
            "This process is connected to a Ray cluster already, and can be to one only.",
            code="SL4011",
            found=at,
            needed=address,
            fix='engine("ray", address="auto") uses it; ray.shutdown() leaves it',
        )
    yield str(at), "" if probed(at, insecure)[1] else OPEN


def probed(address: str, insecure: bool) -> tuple[str, bool]:
    """Where the cluster is, and whether it asks for a token: one that does not is refused."""
    command = [sys.executable, "-P", str(PROBE), address]  # beside it lies our own ray.py
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        told = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, IndexError, ValueError) as error:
        told = {"state": "unreachable", "why": str(error)}
    at = str(told.get("at", address))
    match told["state"]:
        case "accepted":
            return at, True
        case "open" if insecure:
            return at, False
        case "open":
            raise EngineError(
                f"The Ray cluster at {at} lets anybody in who can reach it.",
                code="SL4012",
                needed="a cluster that asks for a token, or allow_insecure=True",
                fix=SWITCH_ON,
            )
        case "no token" | "refused" as state:
            raise EngineError(
                f"The Ray cluster at {at} asks for a token"
                + (", and there is none here." if state == "no token" else ", and refuses the one that is here."),
                code="SL4013",
                needed="the cluster's token in ~/.ray/auth_token, RAY_AUTH_TOKEN_PATH or RAY_AUTH_TOKEN",
                fix="`ray get-auth-token` on the head node prints it",
            )
    raise EngineError(
        "No Ray cluster was found." if told["state"] == "none" else f"No Ray cluster answers at {at}.",
        code="SL4014",
        found=str(told.get("why", "")),
        needed='"auto" on a node of a running cluster, the "host:port" of its head, or "local"',
        fix='engine("ray", address="local") starts a private one on this machine'
        + ("; a cluster with TLS wants RAY_USE_TLS=1 and a certificate here too" if told["state"] == "silent" else ""),
    )


@contextmanager
def no_cluster(first: str) -> Iterator[None]:
    """What Ray says when it fails, as an error of ours."""
    try:
        yield
    except Exception as error:
        raise EngineError(first, code="SL4014", found=str(error)) from error


@contextmanager
def token_mode(**token: str) -> Iterator[None]:
    """Ray's settings of this process ask for a token and show one; Ray reads them once, and has to be told."""
    names = ("RAY_AUTH_MODE", *(("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH") if token else ()))
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ.update(token, RAY_AUTH_MODE="token")
    read_again()
    try:
        yield
    finally:
        for name, value in before.items():
            put_back(name, value)
        read_again()


def read_again() -> None:
    """The mode first, or a thread of Ray that is still about would miss the token. Ray does it so, too."""
    from ray import _raylet

    raylet: Any = _raylet
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def settings_kept(variables: bool = True) -> Iterator[None]:
    """What Ray sets when it is imported and started is as it was before."""
    before, hook, logger = dict(os.environ), sys.excepthook, logging.getLogger("ray")
    handlers, level = list(logger.handlers), logger.level
    try:
        yield
    finally:
        sys.excepthook = hook
        logger.handlers[:] = handlers
        logger.setLevel(level)
        for name in {*before, *os.environ} if variables else ():
            if name.startswith("RAY_"):
                put_back(name, before.get(name))


def start(ray: Any, **how: Any) -> None:
    """Without a word, also later: Ray prints what its nodes have to say to this process's output."""
    with quietly():
        ray.init(log_to_driver=False, configure_logging=False, **how)
    with suppress(AttributeError):  # what Ray does itself when it disconnects, in its private parts
        worker = ray._private.worker.global_worker
        worker.threads_stopped.set()
        worker.gcs_error_subscriber.close()
        worker.listener_thread.join(1.0)


@contextmanager
def quietly() -> Iterator[None]:
    """Ray starts without a word, and without putting its handlers and its debugger in the place of others."""
    breakpoint_ = os.environ.get("PYTHONBREAKPOINT")
    try:
        with settings_kept(variables=False), handlers_kept():
            logging.getLogger("ray").setLevel(logging.CRITICAL)
            yield
    finally:
        put_back("PYTHONBREAKPOINT", breakpoint_)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """What the system calls on signals: Ray's C++ code takes some of them, which Python does not see."""
    crashes, libc = faulthandler.is_enabled(), ctypes.CDLL(None)
    before = {number: ctypes.create_string_buffer(256) for number in HANDLED}  # a struct sigaction has 152 bytes
    for number, action in before.items():
        libc.sigaction(number, None, action)
    try:
        yield
    finally:
        if not crashes:
            faulthandler.disable()
        for number, action in before.items():
            libc.sigaction(number, action, None)


def put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def shut_down(ray: Any) -> None:
    """Leave, and stop what was started here: nothing of it is left when this returns."""
    waits = "wait_for_processes" in inspect.signature(ray.shutdown).parameters
    with handlers_kept(), suppress(Exception):  # a cluster that has gone can't be left in good order
        ray.shutdown(**({"wait_for_processes": True} if waits else {}))
