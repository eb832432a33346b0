"""Run as a program, before a process joins a Ray cluster: where it is, and whether it asks for a token.

How Ray shows itself to a client is settled once for a process, so another one has to look. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

WAIT = 10  # seconds for each answer


def found(address: str) -> dict[str, str]:
    """The address as host:port, and one of: none, unreachable, silent, open, no token, refused, accepted."""
    from ray._private import services

    try:
        at = services.canonicalize_bootstrap_address(address)
    except Exception as error:  # Ray has no type for "there is no cluster"; its words go on
        return {"state": "none", "why": str(error)}
    if at is None:
        return {"state": "none"}
    host, _, port = at.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=WAIT).close()
    except OSError as error:
        return {"state": "unreachable", "at": at, "why": str(error)}
    return {"at": at, **asked(at)}


def asked(at: str) -> dict[str, str]:
    """Whether the cluster answers without a token, and if not, with ours."""
    from ray import _raylet
    from ray.exceptions import AuthenticationError

    raylet: Any = _raylet

    def answers(mode: str) -> bool:
        os.environ["RAY_AUTH_MODE"] = mode
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()
        try:
            raylet.GcsClient(address=at).internal_kv_exists(b"session_name", None, timeout=WAIT)
        except AuthenticationError:
            return False
        return True

    try:
        if answers("disabled"):
            return {"state": "open"}
        if not raylet.AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True):
            return {"state": "no token"}
        return {"state": "accepted" if answers("token") else "refused"}
    except Exception as error:  # of whatever type: its words are the answer
        return {"state": "silent", "why": str(error)}


if __name__ == "__main__":
    print(json.dumps(found(sys.argv[1])))  # noqa: T201 - what it is run for
