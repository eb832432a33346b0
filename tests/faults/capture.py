"""Run as a program, on a host: keeps whatever passes an interface in a file, until it is told to end (SIGTERM).

python capture.py INTERFACE FILE     prints a line when it listens, and at the end one with how many packets it missed
"""

from __future__ import annotations

import signal
import socket
import struct
import sys

ALL = 0x0003  # ETH_P_ALL
SOL_PACKET, STATISTICS = 263, 6
BUFFER = 1 << 26  # bytes that may wait to be written


class OverError(Exception):
    """Told to end."""


def over(*_: object) -> None:
    raise OverError


def main(interface: str, file: str) -> None:
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    listener.setsockopt(socket.SOL_SOCKET, 33, BUFFER)  # SO_RCVBUFFORCE
    listener.bind((interface, 0))
    signal.signal(signal.SIGTERM, over)
    with open(file, "wb") as out:
        print("listening", flush=True)
        try:
            while True:
                out.write(listener.recv(1 << 17))
        except OverError:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        listener.setblocking(False)
        while True:  # what was there when it was told
            try:
                out.write(listener.recv(1 << 17))
            except BlockingIOError:
                break
    _, missed = struct.unpack("II", listener.getsockopt(SOL_PACKET, STATISTICS, 8))
    print(missed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
