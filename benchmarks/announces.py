"""Announces a second on one core, and how long they take: the tracker as it is mounted.

The server is the shop's whole ASGI application under uvicorn on one core, wrk loads it
from another; every announce is that of another device, with its own token, and is put in
a real swarm and answered with up to 50 peers. opentracker, a tracker in C, is held to the
same core in the same run. It closes each connection, so it is compared with announces on
connections of their own, by ab; kept ones are what a proxy in front of the shop brings.

A core's second is one of the server's processor time: others who use the machine take
from the clock's seconds, which are told too, and not from those.

At the first announce of a token the database is asked; that is measured by itself, as
devices that announce every ten minutes are all asked for each time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks.results import Result
from benchmarks.swarm_shop import Member, SwarmShop, free_port, held_to, processor, wait_for

__all__ = ["run"]

MEMBERS = 20_000
KNOWN = 4_000  # those that announce again and again while the shop remembers their tokens
CONNECTIONS = 64
SECONDS = 10
COLD_SECONDS = 2
BAR, BAR_MILLISECONDS = 5000.0, 50.0
SCRIPT = Path(__file__).with_name("announces.lua")
_CONSTANT = """
HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"300")]}
BODY = {"type": "http.response.body", "body": b"x" * 300}

async def application(scope, receive, send):
    await send(HEAD)
    await send(BODY)
"""


@dataclass(frozen=True)
class Load:
    """What a server did: answers a second of the clock and of its processor time, p99 in ms."""

    clock: float
    core: float
    p99: float


def run() -> list[Result]:
    """Load the shop, uvicorn alone and opentracker by turns."""
    with SwarmShop(MEMBERS) as shop:
        everyone = _paths(shop.members, shop.folder)
        known = _paths(shop.members[:KNOWN], shop.folder)
        with shop.serving() as pid:
            cold = _wrk(pid, shop.port, everyone, seconds=COLD_SECONDS)
        with shop.serving() as pid:
            _wrk(pid, shop.port, known, seconds=5)
            kept = _wrk(pid, shop.port, known, seconds=SECONDS)
            own = _wrk(pid, shop.port, known, seconds=SECONDS, connection="close")
            _check(shop)
    other, alone = _opentracker(), _alone()
    return [
        Result(
            "announces in a core’s second, connections kept",
            kept.core,
            "1/s",
            reference=other.core,
            bar=BAR,
        ),
        Result(
            "announce while its core is full, p99",
            kept.p99,
            "ms",
            reference=other.p99,
            bar=BAR_MILLISECONDS,
            bar_is_most=True,
        ),
        Result("announces in the clock’s second", kept.clock, "1/s", reference=other.clock),
        _ratio("announces in a core’s second, a connection each", own, other),
        Result("announce on a connection of its own, p99", own.p99, "ms", reference=other.p99),
        _ratio("announces of tokens seen first, in a core’s second", cold, kept),
        _ratio("announces in a core’s second, against uvicorn alone", kept, alone),
    ]


def _ratio(name: str, load: Load, reference: Load) -> Result:
    ratio = load.core / reference.core
    return Result(name, load.core, "1/s", reference=reference.core, ratio=ratio)


def _paths(members: list[Member], folder: Path) -> Path:
    file = folder / f"paths-{len(members)}"
    lines = [m.announce(at, left=0 if at % 3 == 0 else 1000) for at, m in enumerate(members)]
    file.write_text("\n".join(lines) + "\n")
    return file


def _wrk(pid: int, port: int, paths: Path, *, seconds: int, connection: str = "") -> Load:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(SCRIPT)]
    environment = {**os.environ, "PATHS": str(paths)}
    if connection:
        environment["CONNECTION"] = connection

    def load() -> tuple[int, float]:
        told = _told([*command, f"http://127.0.0.1:{port}"], environment)
        found = json.loads(told.splitlines()[-1])
        if found["errors"]:
            raise RuntimeError(f"the tracker failed {found['errors']} times")
        return int(found["requests"]), float(found["p99"])

    return _measure(pid, load)


def _ab(pid: int, port: int, path: str) -> Load:
    """Many times the same announce, each on a connection of its own."""
    command = ["ab", "-q", "-l", "-c", str(CONNECTIONS), "-n", "40000"]

    def load() -> tuple[int, float]:
        told = _told([*command, f"http://127.0.0.1:{port}{path}"], dict(os.environ))
        done, p99 = re.search(r"Complete requests:\s+(\d+)", told), re.search(r"99%\s+(\d+)", told)
        if done is None or p99 is None or re.search(r"Failed requests:\s+[1-9]", told):
            raise RuntimeError(told)
        return int(done[1]), float(p99[1])

    return _measure(pid, load)


def _told(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(
        held_to(1, command), env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def _measure(pid: int, load: Callable[[], tuple[int, float]]) -> Load:
    clock, core = time.monotonic(), processor(pid)
    answers, p99 = load()
    return Load(answers / (time.monotonic() - clock), answers / (processor(pid) - core), p99)


def _check(shop: SwarmShop) -> None:
    """Status 200 is also that of a refusal: see that every member was let in."""
    swarms: dict[str, list[Member]] = {}
    for member in shop.members[:KNOWN]:
        swarms.setdefault(member.info_hash, []).append(member)
    for members in swarms.values():
        address = f"http://127.0.0.1:{shop.port}/scrape/{members[0].token}"
        with urlopen(address) as answer:
            told = answer.read()
        sizes = re.findall(rb"complete(?:i|10:downloadedi0e10:incompletei)(\d+)e", told)
        if sum(map(int, sizes)) != len(members):
            raise RuntimeError(f"a swarm of {len(members)} has {sizes} members")


def _alone() -> Load:
    """uvicorn with an application that does nothing."""
    folder, port = Path(tempfile.mkdtemp(prefix="geobuk-uvicorn-")), free_port()
    (folder / "constant.py").write_text(_CONSTANT)
    (folder / "paths").write_text("/announce/" + "x" * 300 + "\n")
    command = [sys.executable, "-m", "uvicorn", "constant:application", "--port", str(port)]
    command += ["--log-level", "warning", "--lifespan", "off"]
    try:
        with _running(command, port, folder) as pid:
            return _wrk(pid, port, folder / "paths", seconds=5)
    finally:
        shutil.rmtree(folder)


def _opentracker() -> Load:
    folder, port = Path(tempfile.mkdtemp(prefix="geobuk-opentracker-")), free_port()
    folder.chmod(0o755)  # it gives up root for `nobody`
    member = Member("", "ab" * 20)
    (folder / "white").write_text(member.info_hash + "\n")
    command = ["opentracker", "-i", "127.0.0.1", "-p", str(port), "-d", str(folder), "-w", "white"]
    try:
        with _running(command, port, folder) as pid:
            return _ab(pid, port, "/announce?" + member.announce(0, left=0).partition("?")[2])
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[int]:
    process = subprocess.Popen(
        held_to(0, command), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield process.pid
    finally:
        process.kill()
        process.wait()
