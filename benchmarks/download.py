"""A package of 1 GiB over loopback: our session against bare libtorrent with the same settings.

Both download from the same origin, by turns, and both have ended when the last
byte is readable on the disk: once in an open swarm, and once in a closed one, where both
encrypt. The figures are the medians of the rounds.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libtorrent as lt

from benchmarks import package
from benchmarks.results import Result
from seeder.session import Session, SessionSettings, TorrentState
from seeder.tls import FFDHE2048
from seeder.torrents import info_hash

__all__ = ["run"]

SIZE = 1024 * 1024 * 1024
PIECE_LENGTH = 1024 * 1024
ROUNDS = 5
OPEN_BAR, CLOSED_BAR = 0.95, 0.9
LISTEN = "127.0.0.1:0,127.0.0.1:0s"
SETTINGS = SessionSettings(tcp_only=True)


@dataclass(frozen=True)
class _Swarm:
    """A torrent, where its origin is dialled, and what opens it, where it is closed."""

    metainfo: bytes
    port: int
    shown: package.Closed | None


def run() -> list[Result]:
    """Download by turns; give the speeds in MB/s."""
    folder = Path(tempfile.mkdtemp(prefix="geobuk-download-", dir=package.roomy_folder(3 * SIZE)))
    try:
        sealed = package.make(folder / "origin", size=SIZE, piece_length=PIECE_LENGTH)
        with Session(LISTEN, folder / "state", settings=SETTINGS) as origin:
            for metainfo in (sealed.open_metainfo, sealed.metainfo):
                origin.add(metainfo, folder / "origin", seed_mode=True)
            closed_hash = info_hash(sealed.metainfo)
            origin.set_certificate(closed_hash, sealed.certificate, sealed.key)
            origin.wait_for_state(closed_hash, TorrentState.SEEDING, timeout=10)
            return [
                _compare("open", _Swarm(sealed.open_metainfo, origin.port, None), folder, OPEN_BAR),
                _compare(
                    "closed", _Swarm(sealed.metainfo, origin.tls_port, sealed), folder, CLOSED_BAR
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
