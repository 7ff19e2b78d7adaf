"""A shop whose open swarms have many members: for the benchmarks of the tracker.

Listings are sealed and on sale as ever; the buyers, their devices, purchases and announce
addresses are written straight into the tables, since thousands are needed. The server is
the shop's whole ASGI application under uvicorn, held to one core.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_from_bytes

__all__ = ["Member", "SwarmShop", "cores", "free_port", "held_to", "processor", "wait_for"]

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Member:
    """One device in one swarm. `access` and `key` where it can also open a WebSocket."""

    token: str
    info_hash: str
    access: str = ""
    key: str = ""

    def announce(self, number: int, *, left: int, event: str = "") -> str:
        """The path and query of its announce, as libtorrent writes them."""
        return (
            f"/announce/{self.token}?info_hash={quote_from_bytes(bytes.fromhex(self.info_hash), safe='')}"
            f"&peer_id=-LT2110-{number:012d}&port={1024 + number % 60000}&uploaded=0&downloaded=0"
            f"&left={left}&corrupt=0&key=5A1E0C77&event={event}&numwant=50&compact=1"
            "&no_peer_id=1&supportcrypto=1&redundant=0"
        )


@dataclass
class SwarmShop:
    """A shop in a temporary folder for a block, with `count` members."""

    count: int
    sockets: int = 0
    port: int = field(default_factory=lambda: free_port())
    members: list[Member] = field(default_factory=list)

    def __enter__(self) -> SwarmShop:
        self.folder = Path(tempfile.mkdtemp(prefix="geobuk-swarm-"))
        self.environment = {
            **os.environ,
            "GEOBUK_DATA": str(self.folder),
            "GEOBUK_URL": f"http://127.0.0.1:{self.port}",
            "GEOBUK_SWARMS": "open",
            "DJANGO_SETTINGS_MODULE": "marketplace.config.settings.sandbox",
        }
        for arguments in (["migrate", "-v0"], ["createcachetable", "-v0"]):
            self._run("manage.py", *arguments)
        file = self.folder / "members.json"
        self._run("-m", "benchmarks.swarm_members", str(self.count), str(self.sockets), str(file))
        self.members = [Member(**fields) for fields in json.loads(file.read_text())]
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def serving(self) -> Iterator[int]:
        """The server on the first core for a block, started anew; yields its process id."""
        command = [sys.executable, "-m", "uvicorn", "marketplace.config.asgi:application"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "warning"]
        command += ["--backlog", "8192"]
        with (self.folder / "log").open("wb") as log:
            server = subprocess.Popen(
                held_to(0, command), cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
            try:
                wait_for(self.port)
                yield server.pid
            finally:
                server.send_signal(signal.SIGKILL)
                server.wait()

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def held_to(place: int, command: list[str]) -> list[str]:
    """`command` on one core; servers take place 0 and what loads them place 1, if there is one."""
    found = cores()
    return ["taskset", "-c", str(found[place % len(found)]), *command]


def processor(pid: int) -> float:
    """Seconds of processor time that the process has used so far, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Wait until somebody listens on `port`."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > deadline:
            raise RuntimeError("the server does not listen")
        time.sleep(0.05)
