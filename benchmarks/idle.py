"""A thousand torrents that nobody asks for: memory and processor time, and how long the end takes.

Twice: the BitTorrent session alone, against bare libtorrent with the same settings and
torrents in the same run; and the whole program `geobuk run`, logged in to a shop that sold
a thousand things, with its socket, library, limits and scrub.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libtorrent as lt

from benchmarks.results import Result
from seeder.cli.seat import open_seat
from seeder.config import Home, read_json
from seeder.login import log_in
from seeder.session import Session, SessionSettings, TorrentState
from tests.seeder.shop import FakeShop, run_shop
from tests.swarm.content import make_content

__all__ = ["run"]

COUNT = 1000
SETTLE = 60.0  # seconds: what a start costs is not what idleness costs
SECONDS = 30.0
MEGABYTES, PERCENT, EXIT = 150.0, 2.0, 5.0
SETTINGS = SessionSettings(tcp_only=True)


def run() -> list[Result]:
    """Measure each in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="geobuk-idle-"))
    try:
        for number in range(COUNT):
            content = make_content(folder / "packages", [1000, 20_000], seed=number)
            (folder / f"{content.name}.torrent").write_bytes(content.metainfo)
        bare = _measure([sys.executable, "-m", "benchmarks.idle", "bare", str(folder)], _says_ready)
        ours = _measure([sys.executable, "-m", "benchmarks.idle", "ours", str(folder)], _says_ready)
        whole = _measure_program(folder / "home")
    finally:
        shutil.rmtree(folder)
    return [
        *_results(f"{COUNT:,} torrents idle, our session against bare libtorrent", ours, bare),
        *_results(f"{COUNT:,} purchases idle, the whole of geobuk run", whole, None),
    ]


Figures = tuple[float, float, float]  # megabytes, % of a core, seconds until it has ended


def _results(name: str, figures: Figures, reference: Figures | None) -> list[Result]:
    units = (("memory", "MB", MEGABYTES), ("processor", "%", PERCENT), ("end", "s", EXIT))
    return [
        Result(
            name=f"{name}: {what}",
            value=figures[index],
            unit=unit,
            reference=None if reference is None else reference[index],
            bar=bar,
            bar_is_most=True,
        )
        for index, (what, unit, bar) in enumerate(units)
    ]


def _measure(
    command: list[str],
    ready: Callable[[subprocess.Popen[str]], object],
    env: dict[str, str] | None = None,
) -> Figures:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
    ) as process:
        try:
            ready(process)
            time.sleep(SETTLE)
            used, began = _processor(process.pid), time.monotonic()
            time.sleep(SECONDS)
            percent = 100 * (_processor(process.pid) - used) / (time.monotonic() - began)
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            ended = time.monotonic() - asked
        finally:
            if process.poll() is None:
                process.kill()
    return pages * resource.getpagesize() / 1e6, percent, ended


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _says_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("the session did not start")


def _measure_program(root: Path) -> Figures:
    shop, home = FakeShop(), Home(root)
    environment = {**os.environ, "GEOBUK_HOME": str(root), "GEOBUK_KEYS": "file"}
    with run_shop(shop), _environment(GEOBUK_HOME=str(root), GEOBUK_KEYS="file"):
        log_in(home, shop.site, name="bench", show=lambda _: None, sleep=lambda _: None)
        seat = open_seat(None)
        for number in range(COUNT):
            package = shop.add(f"Title {number}", [("file", "audio/flac", os.urandom(20_000))])
            package.write(seat.store.package_folder(package.id))

        def all_here(process: subprocess.Popen[str]) -> None:
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline and process.poll() is None:
                items = (read_json(home.state_file) or {}).get("items", [])
                if len(items) == COUNT and all(item["state"] == "seeding" for item in items):
                    return
                time.sleep(0.5)
            raise RuntimeError("the seeder did not come to have everything")

        command = [sys.executable, "-c", "from seeder.cli import main; main()", "run", "--json"]
        return _measure(_quiet(command), all_here, env=environment)


def _quiet(command: list[str]) -> list[str]:
    # Nobody reads the progress here, and a full pipe would stop the program.
    return ["sh", "-c", 'exec "$@" >/dev/null', "sh", *command]


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _ours(folder: Path) -> None:
    with Session("127.0.0.1:0", folder / "state", settings=SETTINGS) as session:
        for torrent in sorted(folder.glob("*.torrent")):
            session.add(torrent.read_bytes(), folder / "packages")
        session.wait_for(
            lambda torrents: all(one.state is TorrentState.SEEDING for one in torrents),
            timeout=120,
        )
        _idle()


def _bare(folder: Path) -> None:
    session: Any = lt.session(SETTINGS.for_libtorrent("127.0.0.1:0"))  # type: ignore[arg-type]  # the stubs are of 2.0
    handles = []
    for torrent in sorted(folder.glob("*.torrent")):
        parameters: Any = lt.load_torrent_buffer(torrent.read_bytes())
        parameters.save_path = str(folder / "packages")
        parameters.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        handles.append(session.add_torrent(parameters))
    while not all(handle.status().is_seeding for handle in handles):
        time.sleep(0.2)
    session.pop_alerts()
    _idle()


def _idle() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    {"ours": _ours, "bare": _bare}[sys.argv[1]](Path(sys.argv[2]))
