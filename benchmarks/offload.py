"""One origin and 4, 8, 16 buyers in a closed swarm, each with an uplink of 8 MiB/s.

All want the same 256 MiB in the same moment. Offload is the part that did not come from the
origin. The reference of the time is what a server behind the origin's uplink could not beat:
every byte to each buyer, at the full rate, without a pause.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import package
from benchmarks.results import Result
from seeder.session import Session, SessionSettings, TorrentState
from seeder.torrents import info_hash

__all__ = ["run"]

SIZE = 256 * 1024 * 1024
UPLINK = 8 * 1024 * 1024  # bytes a second, the origin's and each buyer's
CROWDS = (4, 8, 16)
OFFLOAD_BAR, TIME_BAR = 0.93, 10.0  # at 16
LISTEN = "127.0.0.1:0,127.0.0.1:0s"


def run() -> list[Result]:
    """Let each crowd download; give offload and time."""
    folder = Path(tempfile.mkdtemp(prefix="geobuk-offload-", dir=package.roomy_folder(20 * SIZE)))
    try:
        sealed = package.make(folder / "origin", size=SIZE, piece_length=256 * 1024)
        return [result for count in CROWDS for result in _measure(sealed, folder, count)]
    finally:
        shutil.rmtree(folder)


def _measure(sealed: package.Closed, folder: Path, count: int) -> list[Result]:
    seconds, sent = _download(sealed, folder, count)
    floor = count * SIZE / UPLINK
    judged = count == max(CROWDS)
    return [
        Result(
            f"offload with {count} buyers of 8 MiB/s each",
            1 - sent / (count * SIZE),
            "",
            bar=OFFLOAD_BAR if judged else None,
        ),
        Result(
            f"time until all {count} have it, against the same uplink without them",
            seconds,
            "s",
            reference=floor,
            ratio=floor / seconds,
            bar=TIME_BAR if judged else None,
        ),
    ]


def _download(sealed: package.Closed, folder: Path, count: int) -> tuple[float, int]:
    """Seconds until the last buyer has all of it, and the bytes that the origin sent."""
    settings = SessionSettings(tcp_only=True, upload_rate=UPLINK)
    with ExitStack() as stack:

        def opened(name: str, save_path: Path, *, seed: bool) -> Session:
            session = stack.enter_context(
                Session(LISTEN, folder / f"{name}-state", settings=settings)
            )
            session.add(sealed.metainfo, save_path, seed_mode=seed)
            session.set_certificate(wanted, sealed.certificate, sealed.key)
            return session

        wanted = info_hash(sealed.metainfo)
        origin = opened(f"origin-{count}", folder / "origin", seed=True)
        origin.wait_for_state(wanted, TorrentState.SEEDING, timeout=10)
        # As marketplace/distribution/origin_manner.py has it where several fetch what is fresh.
        origin.steer(wanted, super_seeding=True, upload=0)
        buyers = [
            opened(f"buyer-{count}-{n}", folder / f"{count}-{n}", seed=False) for n in range(count)
        ]
        began = time.monotonic()
        for number, buyer in enumerate(buyers):
            # The newcomer dials those who were there before.
            for earlier in [origin, *buyers[:number]]:
                buyer.connect_peer(wanted, ("127.0.0.1", earlier.tls_port))
        for buyer in buyers:
            buyer.wait_for_state(wanted, TorrentState.SEEDING, timeout=600)
        seconds = time.monotonic() - began
        time.sleep(1.5)  # the origin's last report
        sent = origin.snapshot()[0].uploaded
    for number in range(count):
        shutil.rmtree(folder / f"{count}-{number}")
    return seconds, sent
