"""A package of 1 GiB over loopback: our session against bare libtorrent with the same settings.

Both download from the same origin, by turns, and both have ended when the last
byte is readable on the disk. The figure is the median of the rounds.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import libtorrent as lt

from benchmarks.results import Result
from drm.merkle import FileHasher
from seeder.session import Session, SessionSettings, TorrentState
from seeder.torrents import build_metainfo, file_name, info_hash

__all__ = ["run"]

SIZE = 1024 * 1024 * 1024
PIECE_LENGTH = 1024 * 1024
ROUNDS = 5
BAR = 0.9
NAME = "ab" * 32
SETTINGS = SessionSettings(tcp_only=True)
BLOCK = 16 * 1024 * 1024


def run() -> list[Result]:
    """Download by turns; give the speed in MB/s."""
    # In memory where there is room: a disk that is busy with the last round's bytes would
    # decide more than either program does.
    memory = Path("/dev/shm")  # noqa: S108
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 3 * SIZE
    folder = Path(tempfile.mkdtemp(prefix="geobuk-download-", dir=memory if roomy else None))
    try:
        metainfo = _make_package(folder / "origin")
        ours: list[float] = []
        bare: list[float] = []
        with Session("127.0.0.1:0", folder / "state", settings=SETTINGS) as origin:
            origin.add(metainfo, folder / "origin", seed_mode=True)
            origin.wait_for_state(info_hash(metainfo), TorrentState.SEEDING, timeout=10)
            for number in range(ROUNDS):
                place = folder / f"bare-{number}"
                bare.append(_with_bare_libtorrent(metainfo, place, origin.port))
                shutil.rmtree(place)
                place = folder / f"ours-{number}"
                ours.append(_with_our_session(metainfo, place, origin.port))
                shutil.rmtree(place)
    finally:
        shutil.rmtree(folder)
    value, reference = statistics.median(ours), statistics.median(bare)
    return [
        Result(
            name="download of 1 GiB by one seeder, against bare libtorrent",
            value=value,
            unit="MB/s",
            reference=reference,
            ratio=value / reference,
            bar=BAR,
        )
    ]


def _make_package(save_path: Path) -> bytes:
    path = save_path / NAME / file_name(0)
    path.parent.mkdir(parents=True)
    hasher = FileHasher(PIECE_LENGTH)
    with path.open("wb") as file:
        for _ in range(SIZE // BLOCK):
            data = os.urandom(BLOCK)
            file.write(data)
            hasher.update(data)
    digest = hasher.finish()
    return build_metainfo(
        name=NAME,
        files=[(SIZE, digest.root)],
        piece_layers=[digest.piece_layer],
        piece_length=PIECE_LENGTH,
    )


def _with_our_session(metainfo: bytes, place: Path, port: int) -> float:
    with Session("127.0.0.1:0", place / "state", settings=SETTINGS) as session:
        began = time.monotonic()
        info = session.add(metainfo, place)
        session.connect_peer(info.info_hash, ("127.0.0.1", port))
        session.wait_for_state(info.info_hash, TorrentState.SEEDING, timeout=300)
        return SIZE / 1e6 / (time.monotonic() - began)


def _with_bare_libtorrent(metainfo: bytes, place: Path, port: int) -> float:
    pack: Any = SETTINGS.for_libtorrent("127.0.0.1:0")
    session: Any = lt.session(pack)
    parameters: Any = lt.load_torrent_buffer(metainfo)
    parameters.save_path = str(place)
    parameters.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    began = time.monotonic()
    handle = session.add_torrent(parameters)
    handle.connect_peer(("127.0.0.1", port))
    finished = flushed = False
    while not flushed:
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.torrent_finished_alert):
                finished = True
                handle.flush_cache()
            flushed = flushed or (finished and isinstance(alert, lt.cache_flushed_alert))
    return SIZE / 1e6 / (time.monotonic() - began)
