"""A package of 1 GiB over loopback: our session against bare libtorrent with the same settings.

Both download from the same origin, by turns, and both have ended when the last
byte is readable on the disk: once in an open swarm, and once in a closed one, where both
encrypt. The figures are the medians of the rounds.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import libtorrent as lt

from benchmarks.results import Result
from drm.keys import IdentityKey
from drm.merkle import FileHasher
from drm.swarm_authority import MemberKey, create_authority, issue_certificate
from seeder.session import Session, SessionSettings, TorrentState
from seeder.tls import FFDHE2048
from seeder.torrents import build_metainfo, file_name, info_hash, with_authority

__all__ = ["run"]

SIZE = 1024 * 1024 * 1024
PIECE_LENGTH = 1024 * 1024
ROUNDS = 5
OPEN_BAR, CLOSED_BAR = 0.95, 0.9
NAME = "ab" * 32
LISTEN = "127.0.0.1:0,127.0.0.1:0s"
SETTINGS = SessionSettings(tcp_only=True)
BLOCK = 16 * 1024 * 1024


@dataclass(frozen=True)
class _Pass:
    """A certificate of the closed swarm and its key, PEM."""

    certificate: str
    key: str


@dataclass(frozen=True)
class _Swarm:
    """A torrent, where its origin is dialled, and what opens it, where it is closed."""

    metainfo: bytes
    port: int
    shown: _Pass | None


def run() -> list[Result]:
    """Download by turns; give the speeds in MB/s."""
    # In memory where there is room: a disk that is busy with the last round's bytes would
    # decide more than either program does.
    memory = Path("/dev/shm")  # noqa: S108
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 3 * SIZE
    folder = Path(tempfile.mkdtemp(prefix="geobuk-download-", dir=memory if roomy else None))
    try:
        open_metainfo = _make_package(folder / "origin")
        closed_metainfo, shown = _close(open_metainfo)
        with Session(LISTEN, folder / "state", settings=SETTINGS) as origin:
            for metainfo in (open_metainfo, closed_metainfo):
                origin.add(metainfo, folder / "origin", seed_mode=True)
            closed_hash = info_hash(closed_metainfo)
            origin.set_certificate(closed_hash, shown.certificate, shown.key)
            origin.wait_for_state(closed_hash, TorrentState.SEEDING, timeout=10)
            return [
                _compare("open", _Swarm(open_metainfo, origin.port, None), folder, OPEN_BAR),
                _compare(
                    "closed", _Swarm(closed_metainfo, origin.tls_port, shown), folder, CLOSED_BAR
                ),
            ]
    finally:
        shutil.rmtree(folder)


def _compare(kind: str, swarm: _Swarm, folder: Path, bar: float) -> Result:
    ours: list[float] = []
    bare: list[float] = []
    for number in range(ROUNDS):
        # Who goes first changes, so that neither always meets the warmer memory.
        both = [(bare, _with_bare_libtorrent), (ours, _with_our_session)]
        for speeds, download in both if number % 2 else reversed(both):
            place = folder / "buyer"
            speeds.append(download(swarm, place))
            shutil.rmtree(place)
    value, reference = statistics.median(ours), statistics.median(bare)
    article = "an" if kind == "open" else "a"
    return Result(
        name=f"download of 1 GiB by one seeder in {article} {kind} swarm, against bare libtorrent",
        value=value,
        unit="MB/s",
        reference=reference,
        ratio=value / reference,
        bar=bar,
    )


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


def _close(metainfo: bytes) -> tuple[bytes, _Pass]:
    now, authority, key = datetime.now(UTC), IdentityKey.generate(), MemberKey()
    closed = with_authority(metainfo, create_authority(authority, package_id=NAME, now=now))
    issued = issue_certificate(
        key.request(), key=authority, package_id=NAME, now=now, lifetime=timedelta(hours=1)
    )
    return closed, _Pass(issued.pem, key.private_pem())


def _with_our_session(swarm: _Swarm, place: Path) -> float:
    with Session(LISTEN, place / "state", settings=SETTINGS) as session:
        began = time.monotonic()
        info = session.add(swarm.metainfo, place)
        if swarm.shown is not None:
            session.set_certificate(info.info_hash, swarm.shown.certificate, swarm.shown.key)
        session.connect_peer(info.info_hash, ("127.0.0.1", swarm.port))
        session.wait_for_state(info.info_hash, TorrentState.SEEDING, timeout=300)
        return SIZE / 1e6 / (time.monotonic() - began)


def _with_bare_libtorrent(swarm: _Swarm, place: Path) -> float:
    pack: Any = SETTINGS.for_libtorrent(LISTEN)
    session: Any = lt.session(pack)
    parameters: Any = lt.load_torrent_buffer(swarm.metainfo)
    parameters.save_path = str(place)
    parameters.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    began = time.monotonic()
    handle = session.add_torrent(parameters)
    if swarm.shown is not None:
        handle.set_ssl_certificate_buffer(swarm.shown.certificate, swarm.shown.key, FFDHE2048)
    handle.connect_peer(("127.0.0.1", swarm.port))
    finished = flushed = False
    while not flushed:
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.torrent_finished_alert):
                finished = True
                handle.flush_cache()
            flushed = flushed or (finished and isinstance(alert, lt.cache_flushed_alert))
    return SIZE / 1e6 / (time.monotonic() - began)
