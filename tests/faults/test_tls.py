"""Ray's TLS, as docs/cluster.md has it: what is in the rows is not to be read on the wire. Without TLS it is.

Two hosts in namespaces of their own; whatever passes between them is captured.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults import canaries, capture
from tests.faults.hosts import ROOT, Hosts, RayHosts, ray_hosts, told

CPUS = (0, 2)
SERVED = b"CoreWorkerService"  # part of what Ray's processes call one another by

pytestmark = pytest.mark.slow  # two clusters are started


def certificates(folder: Path) -> Mapping[str, str]:
    """An authority, a certificate of it for both hosts, and Ray's settings that name them."""
    if shutil.which("openssl") is None:
        pytest.skip("no certificates can be made here: openssl is not installed")
    names = ["DNS:localhost", "IP:127.0.0.1", *(f"IP:{Hosts(()).address(host)}" for host in range(len(CPUS)))]
    (folder / "names").write_text(f"subjectAltName={','.join(names)}\n")
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout")
    told(
        "openssl", "req", "-x509", *key, folder / "ca.key", "-out", folder / "ca.crt", "-days", 2, "-subj", "/CN=tests"
    )
    told("openssl", "req", *key, folder / "node.key", "-out", folder / "node.csr", "-subj", "/CN=node")
    signed = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", folder / "names")
    told("openssl", "x509", "-req", "-in", folder / "node.csr", *signed, "-days", 2, "-out", folder / "node.crt")
    files = {"SERVER_CERT": "node.crt", "SERVER_KEY": "node.key", "CA_CERT": "ca.crt"}
    return {"RAY_USE_TLS": "1"} | {f"RAY_TLS_{name}": str(folder / file) for name, file in files.items()}


@contextmanager
def captured(cluster: RayHosts, file: Path) -> Iterator[list[int]]:
    """What passes between the hosts meanwhile goes into the file. Gives a list that will hold the packets missed."""
    command = cluster.hosts.command(0, sys.executable, "-I", capture.__file__, "port1", file)
    missed = list[int]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        try:
            yield missed
        finally:
            process.terminate()
            missed.append(int(process.stdout.read() or -1))


def sent(cluster: RayHosts, file: Path) -> dict[str, int]:
    """How often each canary was sent while a fit ran with them."""
    with captured(cluster, file) as missed:
        out = cluster.python("-m", "tests.faults.canaries", cluster.hosts.head, timeout=120)
    assert out == {"identical": True, "workers": 2}
    assert missed == [0]
    packets = file.read_bytes()
    assert len(packets) > 2 * 3_200_000, "the rows were sent for both fits, 20,000 x 20 x 8 bytes"
    more = {"token": packets.count(cluster.environment["RAY_AUTH_TOKEN"].encode()), "service": packets.count(SERVED)}
    return canaries.seen(packets) | more


def test_nothing_is_to_be_read_on_the_wire(tmp_path: Path) -> None:
    """Rows, labels, the token, names of Ray's services; nor does a program come in that has no certificate."""
    with ray_hosts(CPUS, **certificates(tmp_path)) as cluster:
        assert sent(cluster, tmp_path / "sent") == {"value": 0, "label": 0, "token": 0, "service": 0}
        command = [sys.executable, "-m", "tests.faults.canaries", cluster.hosts.head]
        without = {name: value for name, value in cluster.environment.items() if "TLS" not in name}
        refused = subprocess.run(
            cluster.hosts.command(0, *command), env=without, cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert refused.returncode == 1
        assert f"No Ray cluster answers at {cluster.hosts.head}" in refused.stderr
        assert "RAY_USE_TLS" in refused.stderr


def test_without_tls_all_is_to_be_read(tmp_path: Path) -> None:
    """So a capture sees what is there to be seen."""
    with ray_hosts(CPUS) as cluster:
        seen = sent(cluster, tmp_path / "sent")
    assert min(seen["value"], seen["label"]) > 5_000, "most of the 10,000 rows: some lie across two packets"
    assert min(seen["token"], seen["service"]) > 0
