"""Kill -9 in a loop, at random moments of a download, of saving and of a move; look at what is left.

    python -m tests.swarm.kill_loop download|rename|copy SPEC

is the process that is killed. SPEC is JSON: shop and target (folders), metainfo (a file), peer
(a port). It says when it begins, and the bytes it has, twenty times a second.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seeder.config import ShopFolder
from seeder.moving import claim_store, move_store
from seeder.pieces import is_genuine, pieces_of
from seeder.session import Session, SessionSettings, TorrentState
from tests.swarm.content import make_content, same_files

RATE = 8_000_000  # bytes a second
SAVE_SECONDS = 2.0
SIZES = [100_000, 48_000_000]
LONGEST = 4.0  # seconds until a download is killed: two savings and more
LOCAL = SessionSettings(tcp_only=True, status_seconds=0.05, save_seconds=SAVE_SECONDS)


@dataclass(slots=True)
class Outcome:
    """What the kills have done. Bytes of pieces that were on the disk, and were not found."""

    kills: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    fetched_again: list[int] = field(default_factory=list)  # bytes, for each killed download
    completed: int = 0


class KillLoop:
    """One buyer's store, an origin, and what `kill` does to them."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self._random = random.Random(seed)
        self._folder = folder
        self._content = make_content(folder / "origin", SIZES, seed=seed)
        self._shop = ShopFolder(folder / "home" / "shop")
        self._places = [folder / "disk-1", folder / "disk-2"]
        (folder / "content.torrent").write_bytes(self._content.metainfo)
        self.outcome = Outcome()

    def run(self, kinds: Sequence[str]) -> Outcome:
        """Kill as often as there are kinds, and look each time."""
        with Session("127.0.0.1:0", self._folder / "origin-state", settings=LOCAL) as origin:
            origin.add(self._content.metainfo, self._content.save_path, seed_mode=True)
            for kind in kinds:
                (self._download if kind == "download" else self._move)(kind, origin.port)
                self.outcome.kills[kind] = self.outcome.kills.get(kind, 0) + 1
            self._finish(origin.port)
        return self.outcome

    def _download(self, kind: str, port: int) -> None:
        had = self._kill(kind, port, after=self._random.uniform(0.05, LONGEST))
        there = self._genuine()
        self.outcome.fetched_again.append(max(0, had - there))
        self._look(there)

    def _move(self, kind: str, port: int) -> None:
        before = _files(claim_store(self._shop).folder)
        # A rename is over in no time; a copy of this much takes some tenths of a second.
        self._kill(kind, port, after=self._random.uniform(0, 0.02 if kind == "rename" else 0.5))
        after = _files(claim_store(self._shop).folder)
        changed = {name for name in before.keys() | after.keys() if before[name] != after.get(name)}
        self.outcome.lost += sum(
            size for name, (size, _digest) in before.items() if name in changed
        )
        self._look(self._genuine())

    def _kill(self, kind: str, port: int, *, after: float) -> int:
        """Start the process, kill it so many seconds after it began; the bytes that it had."""
        store = claim_store(self._shop)
        target = next(place for place in self._places if place != store.folder)
        spec = {
            "shop": str(self._shop.path),
            "target": str(target),
            "metainfo": str(self._folder / "content.torrent"),
            "peer": port,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "tests.swarm.kill_loop", kind, json.dumps(spec)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            had = [int(process.stdout.readline())]
            timer = threading.Timer(after, process.kill)
            timer.start()
            had += [int(line) for line in process.stdout if line.endswith("\n")]
            timer.join()
        return had[-1]

    def _genuine(self) -> int:
        """The bytes of the pieces that lie on the disk as the torrent says."""
        folder = claim_store(self._shop).package_folder(self._content.name)
        pieces = list(pieces_of(self._content.metainfo))
        return sum(piece.size for piece in pieces if is_genuine(piece, folder))

    def _look(self, there: int) -> None:
        """Open it as the next start does: every piece on the disk has to be found."""
        store = claim_store(self._shop)
        with Session("127.0.0.1:0", store.session_folder, settings=LOCAL) as session:
            session.add(self._content.metainfo, store.save_path)
            (found,) = session.wait_for(
                lambda torrents: torrents[0].state is not TorrentState.CHECKING, timeout=30
            )
        self.outcome.lost += max(0, there - found.done)
        if found.state is TorrentState.SEEDING:
            assert same_files(self._content, store.save_path)
            self.outcome.completed += 1
            store.forget(self._content.name)
            shutil.rmtree(store.session_folder)
            store.session_folder.mkdir()

    def _finish(self, port: int) -> None:
        """What was killed so often becomes whole."""
        store = claim_store(self._shop)
        with Session("127.0.0.1:0", store.session_folder, settings=LOCAL) as session:
            info = session.add(self._content.metainfo, store.save_path)
            session.connect_peer(info.info_hash, ("127.0.0.1", port))
            session.wait_for_state(info.info_hash, TorrentState.SEEDING, timeout=60)
        assert same_files(self._content, store.save_path)
        self.outcome.completed += 1


def _files(folder: Path) -> dict[str, tuple[int, str]]:
    """Size and digest of every file of a store but its id."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_size,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for name in ("packages", "torrents", "session")
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


def _download_until_killed(spec: dict[str, Any]) -> None:
    store = claim_store(ShopFolder(Path(spec["shop"])))
    limited = replace(LOCAL, download_rate=RATE)
    session = Session("127.0.0.1:0", store.session_folder, settings=limited)
    info = session.add(Path(spec["metainfo"]).read_bytes(), store.save_path)
    session.connect_peer(info.info_hash, ("127.0.0.1", spec["peer"]))
    while True:
        sys.stdout.write(f"{session.snapshot()[0].done}\n")
        sys.stdout.flush()
        time.sleep(0.05)


def _move_until_killed(spec: dict[str, Any], *, copy: bool) -> None:
    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "os.rename" or os.fsdecode(arguments[0]).endswith(".incoming"):
            return
        if os.fsdecode(arguments[1]) == spec["target"]:
            # As the kernel does between two disks.
            raise OSError(errno.EXDEV, "Invalid cross-device link")

    if copy:
        sys.addaudithook(refuse)
    sys.stdout.write("0\n")
    sys.stdout.flush()
    shop = ShopFolder(Path(spec["shop"]))
    move_store(shop, Path(spec["target"]), progress=lambda _done, _total: None)


if __name__ == "__main__":
    chosen, given = sys.argv[1], json.loads(sys.argv[2])
    if chosen == "download":
        _download_until_killed(given)
    else:
        _move_until_killed(given, copy=chosen == "copy")
