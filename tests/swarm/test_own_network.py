"""Limits and reach where addresses are not loopback: in network namespaces, as root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.swarm, pytest.mark.netns, pytest.mark.timeout(180)]

MEGA = 1_000_000


def in_a_namespace(folder: Path, *scenario: str) -> Any:
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    assert shutil.which("unshare"), "util-linux is not installed: apt-get install util-linux"
    assert shutil.which("ip"), "iproute2 is not installed: apt-get install iproute2"
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", "tests.swarm.own_network", str(folder), *scenario],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_own_network_is_free_or_counted_as_its_owner_chooses(tmp_path: Path) -> None:
    found = in_a_namespace(tmp_path, "limits")

    # 24 MB at 1 MB a second would have taken 24 s; nothing of it counts.
    assert found["near_seconds"] < 10
    assert found["counted_for_near"] < 0.1 * 24 * MEGA
    assert found["far_rate"] < 1.5 * MEGA
    assert 0.8 * found["far_done"] < found["counted_for_far"] + 2 * MEGA
    assert found["near_rate_when_counted"] < 1.5 * MEGA
    # Who dials from the own network says nothing of the router.
    assert found["incoming_from_near"] is False


NOTHING: dict[str, Any] = {"mapped": "", "mapped_ports": [], "refused": ""}


@pytest.mark.parametrize(
    ("kind", "name", "port"), [("pcp", "NAT-PMP", 46881), ("upnp", "UPnP", 6881)]
)
def test_the_router_is_asked_only_where_its_owner_lets_it(
    tmp_path: Path, kind: str, name: str, port: int
) -> None:
    found = in_a_namespace(tmp_path, "router", kind, "yes")

    opened = {"mapped": name, "mapped_ports": [port], "refused": ""}
    assert found["unasked"].items() >= NOTHING.items()
    assert found["asked"].items() >= opened.items()
    assert found["given_back"].items() >= NOTHING.items()
    assert found["asked"]["seen_as"] == ["203.0.113.9"]
    # A lifetime of 0 gives the port back (RFC 6887, section 15); UPnP has a call of its own.
    first, last = found["router_heard"][0], found["router_heard"][-1]
    assert first == [6881, 3600]
    assert last == [6881, 0]


@pytest.mark.parametrize(("kind", "name"), [("pcp", "NAT-PMP: "), ("upnp", "UPnP: ")])
def test_what_a_router_refuses_is_told(tmp_path: Path, kind: str, name: str) -> None:
    found = in_a_namespace(tmp_path, "router", kind, "no")

    assert found["asked"]["mapped"] == ""
    assert found["asked"]["refused"].startswith(name)
    assert len(found["asked"]["refused"]) > len(name)
    assert found["given_back"].items() >= NOTHING.items()
