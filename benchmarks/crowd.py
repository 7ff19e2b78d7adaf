"""A crowd that announces at its interval while thousands of seeders hold a WebSocket open.

50,000 devices that announce every ten minutes are 83 announces a second, each on a
connection of its own, each with a token that the database is asked for. With FULL=1 they
are 50,000 with 5,000 sockets for one whole interval; else a part of them, at the same pace.
An announce's time counts from the moment it was due, so a server that stalls cannot hide it.
The reference is how late the asker itself woke up for it: on a machine that others use, that
says how much of the time was theirs.
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from pathlib import Path

from benchmarks.idle_sockets import IdleSockets
from benchmarks.results import Result
from benchmarks.swarm_shop import Member, SwarmShop, processor

__all__ = ["run"]

INTERVAL = 600
PACE = 50_000 / INTERVAL  # announces a second
FULL = (50_000, 5_000, INTERVAL)
SHORT = (10_000, 1_000, 45)
BAR_MILLISECONDS = 50.0
_FIRST_AT_ONCE = 64
_SPARE_FILES = 256


def run() -> list[Result]:
    """Fill the swarms, then announce at the pace; memory, processor time and the times taken."""
    count, sockets, seconds = FULL if os.environ.get("FULL") else SHORT
    # Both sides of each socket are files; processes that are started inherit the limit.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = 2 * sockets + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < files:
        raise RuntimeError(f"this needs {files} open files; `ulimit -Hn` allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    with SwarmShop(count, sockets=sockets) as shop, shop.serving() as pid:
        bare = _resident(pid)
        with IdleSockets(shop.port, shop.members[:sockets]) as idle:
            listening = _resident(pid)
            asyncio.run(_first(shop.port, shop.members))
            filled = _resident(pid)
            began, used = time.monotonic(), processor(pid)
            late, taken = asyncio.run(_announce(shop.port, shop.members, seconds))
            busy = (processor(pid) - used) / (time.monotonic() - began)
            if idle.closed:
                raise RuntimeError(f"{idle.closed} WebSockets were closed")
    told = f"{count:,} peers and {sockets:,} WebSockets"
    return [
        Result(f"memory a peer, of {told}", (filled - listening) / count, "bytes"),
        Result(f"memory a WebSocket, of {told}", (listening - bare) / sockets, "bytes"),
        Result(f"processor time for {told}", 100 * busy, "% of a core"),
        Result(
            f"announce among {told}, p50",
            _percentile(taken, 0.5),
            "ms",
            reference=_percentile(late, 0.5),
        ),
        Result(
            f"announce among {told}, p99",
            _percentile(taken, 0.99),
            "ms",
            reference=_percentile(late, 0.99),
            bar=BAR_MILLISECONDS,
            bar_is_most=True,
        ),
    ]


async def _first(port: int, members: list[Member]) -> None:
    """Let everybody in, as fast as the server takes them."""
    waiting = iter(enumerate(members))

    async def some() -> None:
        for number, member in waiting:
            await _ask(port, member.announce(number, left=number % 3, event="started"))

    await asyncio.gather(*(some() for _ in range(_FIRST_AT_ONCE)))


async def _announce(
    port: int, members: list[Member], seconds: int
) -> tuple[list[float], list[float]]:
    """Announce at the pace for `seconds`: how late each began, and took from when it was due (ms)."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def one(number: int) -> tuple[float, float]:
        due, at = began + number / PACE, number % len(members)
        await asyncio.sleep(due - loop.time())
        late = loop.time() - due
        await _ask(port, members[at].announce(at, left=at % 3))
        return late * 1000, (loop.time() - due) * 1000

    times = await asyncio.gather(*(one(number) for number in range(int(PACE * seconds))))
    return [late for late, _ in times], [taken for _, taken in times]


async def _ask(port: int, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: tracker\r\nConnection: close\r\n\r\n"
    writer.write(request.encode())
    answer = await reader.read()
    writer.close()
    if b"8:complete" not in answer:
        raise RuntimeError(f"the tracker refused an announce: {answer[-200:]!r}")


def _percentile(taken: list[float], part: float) -> float:
    return sorted(taken)[int(len(taken) * part)]


def _resident(pid: int) -> int:
    """Bytes of memory that the process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the process is gone")
