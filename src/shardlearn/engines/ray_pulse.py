"""Whether the servers answer without which a fit on Ray can't go on; where they don't, Ray itself ends the program."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Thread, current_thread
from time import monotonic
from typing import Any

from shardlearn.core.errors import EngineError

BEAT = 1.0  # seconds between looks
WAIT = 1.0  # for an answer
RESTART = 30.0  # seconds in which a head that others run may come back; after 60 without one Ray ends the program
LOOKS = 3  # in vain, at least: a program that was stopped itself has seen none
NOBODY = (ConnectionRefusedError, FileNotFoundError)  # on one machine that is certain: nobody listens there any more


@dataclass(frozen=True, slots=True)
class Vital:
    """A server, where it listens, and how long it may be silent; 0: it is on this machine and never comes back."""

    name: str
    at: str | tuple[str, int]  # a socket's path, or host and port
    patience: float

    def connect(self) -> socket.socket:
        if isinstance(self.at, tuple):
            return socket.create_connection(self.at, timeout=WAIT)
        client = socket.socket(socket.AF_UNIX)
        try:
            client.settimeout(WAIT)
            client.connect(self.at)
        except OSError:
            client.close()
            raise
        return client

    def refusal(self) -> str:
        """Why nobody answers there, or ""."""
        try:
            self.connect().close()
        except OSError as error:
            return (error.strerror or "no answer") if self.patience or isinstance(error, NOBODY) else ""
        return ""


@dataclass(slots=True)
class Silence:
    """Of one server: since when, how many looks in a row, and what the last one met."""

    since: float
    looks: int = 0
    why: str = ""


def vitals(ray: Any, private: bool) -> tuple[Vital, ...]:
    """The head, and the node that this program is connected to."""
    host, _, port = str(ray.get_runtime_context().gcs_address).rpartition(":")
    node = ray._private.worker.global_worker.node  # the one place that knows the socket
    return (
        Vital("the head of the Ray cluster", (host.strip("[]"), int(port)), 0.0 if private else RESTART),
        Vital("this machine's node of the Ray cluster", node.raylet_socket_name, 0.0),
    )


class Pulse:
    """Looks from a thread of its own, as whoever asks Ray may wait; tells once that a server is given up.

    Ray ends a program that hands an array to a node that is gone, so that has to be known at once: connections are
    held whose end shows it.
    """

    def __init__(
        self,
        watched: Sequence[Vital],
        lost: Callable[[EngineError], None],
        beat: float = BEAT,
        begin: Callable[[], None] | None = None,  # what the thread has to do first
    ):
        self.watched, self.lost, self.beat, self.begin = watched, lost, beat, begin
        self.silent: dict[Vital, Silence] = {}
        self._stop, self._stopped = socket.socketpair()
        self._thread = Thread(target=self._look, name="shardlearn-ray-pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.close()
        if self._thread is not current_thread():
            self._thread.join()

    def _look(self) -> None:
        with ExitStack() as held:
            if self.begin is not None:
                self.begin()
            ends = select.poll()
            ends.register(held.enter_context(self._stopped), select.POLLIN)
            for vital in self.watched:
                with suppress(OSError):
                    ends.register(held.enter_context(vital.connect()), select.POLLIN)
            while not self._heard(ends):
                for vital in self.watched:
                    self._note(vital, vital.refusal(), monotonic())
                if any(_over(vital, silence, monotonic()) for vital, silence in self.silent.items()):
                    self.lost(gone(self.silent, monotonic()))
                    return

    def _heard(self, ends: select.poll) -> bool:
        """Wait for the next look; whether to stop."""
        ended = [number for number, _ in ends.poll(self.beat * 1e3)]
        for number in ended:
            ends.unregister(number)
        return self._stopped.fileno() in ended

    def _note(self, vital: Vital, why: str, now: float) -> None:
        if not why:
            self.silent.pop(vital, None)
            return
        silence = self.silent.setdefault(vital, Silence(now))
        silence.looks, silence.why = silence.looks + 1, why


def _over(vital: Vital, silence: Silence, now: float) -> bool:
    return not vital.patience or (silence.looks >= LOOKS and now - silence.since >= vital.patience)


def gone(silent: Mapping[Vital, Silence], now: float) -> EngineError:
    """What is said of servers that do not answer."""
    names = " and ".join(vital.name for vital in silent)
    found = [
        f"{vital.at if isinstance(vital.at, str) else '{}:{}'.format(*vital.at)}: {silence.why}"
        + (f", waited {now - silence.since:.0f} s" if vital.patience else "")
        for vital, silence in silent.items()
    ]
    return EngineError(
        f"{names[0].upper()}{names[1:]} {'does' if len(silent) == 1 else 'do'} not answer any more.",
        code="SL4019",
        found="; ".join(found),
        needed="the same head and node, from the beginning of a fit to its end",
        fix="start the cluster again, and call the same fit; inside `with shardlearn.checkpoint(...)` "
        "it goes on from its last round, to the same bits",
    )
