"""Run inside a network namespace of its own: what peers at several kinds of address get.

`python -m tests.swarm.own_network FOLDER limits`, or `… router pcp|upnp yes|no`; prints JSON
for the test.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seeder.bandwidth import Preferences
from seeder.config import Home, utc_now
from seeder.governor import Governor, Most
from seeder.preferences import save_preferences
from seeder.session import Session, SessionSettings, TorrentState
from tests.swarm.content import make_content

MEGA = 1_000_000
NEAR, FAR = ("10.7.0.1", "10.7.0.2"), ("203.0.113.1", "203.0.113.2")  # ours, and a peer's


def command(line: str) -> None:
    subprocess.run(line.split(), check=True)


def wait_until(condition: Callable[[], Any], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def opened(folder: Path, listen: str, outgoing: str = "") -> Session:
    settings = SessionSettings(tcp_only=True, status_seconds=0.1, outgoing=outgoing)
    return Session(listen, folder, settings=settings)


def limits(folder: Path) -> dict[str, Any]:
    """A limit of 1 MB/s that the own network is free of, and then is not."""
    command("ip link set lo up")
    for address in (*NEAR, *FAR):
        command(f"ip addr add {address}/24 dev lo")
    content = make_content(folder / "origin", [24 * MEGA])
    home = Home(folder / "home")
    save_preferences(home, Preferences(up=MEGA, lan=False))
    found: dict[str, Any] = {}
    with (
        opened(folder / "s0", f"{NEAR[0]}:0,{FAR[0]}:0") as owner,
        opened(folder / "s1", f"{NEAR[1]}:0", NEAR[1]) as near,
        opened(folder / "s2", f"{FAR[1]}:0", FAR[1]) as far,
        Governor(home, owner, whole=lambda _: True, clock=utc_now) as governor,
    ):
        owner.add(content.metainfo, content.save_path, seed_mode=True)
        for session, name in ((near, "near"), (far, "far")):
            session.add(content.metainfo, folder / name)
        found["ports"] = governor.state()["reach"]["ports"]
        owner.connect_peer(content.info_hash, (NEAR[1], near.port))
        began = time.monotonic()
        near.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)
        found["near_seconds"] = time.monotonic() - began
        time.sleep(2.2)  # for the next looks to count it
        found["counted_for_near"] = governor.state()["sent"]
        found["incoming_from_near"] = governor.state()["reach"]["incoming"]
        far.connect_peer(content.info_hash, (FAR[0], found["ports"][1]))
        wait_until(lambda: far.snapshot()[0].done > 0)
        began, before = time.monotonic(), far.snapshot()[0].done
        time.sleep(4)
        found["far_rate"] = (far.snapshot()[0].done - before) / (time.monotonic() - began)
        wait_until(lambda: governor.state()["reach"]["incoming"])
        found["counted_for_far"] = governor.state()["sent"] - found["counted_for_near"]
        found["far_done"] = far.snapshot()[0].done
        far.remove(content.info_hash)
        save_preferences(home, Preferences(up=MEGA, lan=True))
        wait_until(lambda: governor.state()["lan"])
        near.remove(content.info_hash, delete_files=True)
        near.add(content.metainfo, folder / "again")
        near.connect_peer(content.info_hash, (NEAR[0], found["ports"][0]))
        wait_until(lambda: near.snapshot()[0].done > 0)
        began, before = time.monotonic(), near.snapshot()[0].done
        time.sleep(4)
        found["near_rate_when_counted"] = (near.snapshot()[0].done - before) / (
            time.monotonic() - began
        )
    return found


def router(folder: Path, *kind: str) -> dict[str, Any]:
    """A router (`tests.swarm.router`) in a namespace beside this one."""
    command("ip link set lo up")
    with subprocess.Popen(
        ["unshare", "-n", sys.executable, "-m", "tests.swarm.router", *kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "waiting"
        command("ip link add home type veth peer name lan")
        command(f"ip link set lan netns {process.pid}")
        command("ip addr add 10.7.0.2/24 dev home")
        command("ip link set home up")
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "ready"
        command("ip route add default via 10.7.0.1")
        found = _ask_router(folder)
        process.stdin.close()
        found["router_heard"] = json.loads(process.stdout.readline())
        process.wait(10)
    return found


def _told(governor: Governor) -> set[str]:
    """What is known of the router by now."""
    return {name for name, value in governor.state()["reach"].items() if value}


def _ask_router(folder: Path) -> dict[str, Any]:
    home, found = Home(folder / "home"), {}
    save_preferences(home, Preferences(upnp=False))
    with (
        opened(folder / "s0", "0.0.0.0:6881") as session,
        Governor(
            home, session, whole=lambda _: False, clock=utc_now, most=Most(router=True)
        ) as governor,
    ):
        time.sleep(2)
        found["unasked"] = governor.state()["reach"]
        save_preferences(home, Preferences(upnp=True))
        wait_until(lambda: {"mapped", "refused"} & _told(governor))
        found["asked"] = governor.state()["reach"]
        save_preferences(home, Preferences(upnp=False))
        wait_until(lambda: not governor.state()["upnp"])
        found["given_back"] = governor.state()["reach"]
    return found


if __name__ == "__main__":
    run: Callable[..., dict[str, Any]] = {"limits": limits, "router": router}[sys.argv[2]]
    print(json.dumps(run(Path(sys.argv[1]), *sys.argv[3:])))  # noqa: T201 - what the test reads
