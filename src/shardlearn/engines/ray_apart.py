"""A network namespace of this process's own: what is started in it is reached by nobody else.

Threads are in namespaces, and what a thread starts is where it is. One namespace serves a process to its end, as
threads of gRPC stay in it that outlive a cluster.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from threading import Lock, get_native_id

from shardlearn.core.errors import EngineError

HERE = "127.1.0.1"  # any of the loopback's, but for the one that Ray takes for no address at all
NEWNET = 0x40000000  # sched.h
SET_FLAGS, UP = 0x8914, 0x1  # ioctl and if.h

_lock = Lock()
_namespaces: list[int] = []  # its file, once it is there


def enter() -> None:
    """Move this thread there."""
    libc = ctypes.CDLL(None, use_errno=True)  # Python has it from 3.12 on
    with _lock:
        wrong = libc.setns(_namespaces[0], NEWNET) if _namespaces else libc.unshare(NEWNET)
        if wrong:
            raise EngineError(
                "This process may not make a network namespace for a private cluster.",
                code="SL4020",
                found=os.strerror(ctypes.get_errno()),
                needed="root, or the capability CAP_SYS_ADMIN",
                fix="leave isolate=True out: who has not the cluster's token is refused all the same",
            )
        if not _namespaces:
            _up("lo")
            _namespaces.append(os.open(f"/proc/self/task/{get_native_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC))


def _up(device: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", device.encode(), UP))
