"""What the seeder should do next. No clock, disk or network: a view in, commands out.

The daemon gathers a `View`, asks `plan`, carries the commands out, and asks
again at the next change. A command that fails changes nothing in the view, so it
is planned again; the daemon keeps a package in `waiting` while it backs off.

States of one package, and the command that leaves each:

    bought ──FetchLicence──► licensed            (at once: it opens offline later)
    bought ──FetchTorrent──► located ──AddTorrent──► downloading ──► seeding
                                │                       │    ▲          │
                             LackSpace     HoldDownload ▼    │
                       (until space is free)         error ──┘ ResumeTorrent (once it fits)

    revoked, or no longer in the library:  any running state ──RemoveTorrent──► located

A revoked package keeps its ciphertext: nothing opens it without a licence, and
a dispute that is won brings it back without a download.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seeder.alerts import TorrentState
from seeder.tracked import TorrentSnapshot

__all__ = [
    "AddTorrent",
    "Command",
    "FetchLicence",
    "FetchTorrent",
    "HoldDownload",
    "LackSpace",
    "Purchase",
    "RemoveTorrent",
    "ResumeTorrent",
    "View",
    "keep_within_space",
    "plan",
    "progress_report",
]


@dataclass(frozen=True, slots=True)
class Purchase:
    """One package in the library; `size` is that of its ciphertext in bytes, or an estimate."""

    package: str
    active: bool
    size: int


@dataclass(frozen=True, slots=True)
class View:
    """All that is known now. Packages are named by their ids."""

    purchases: tuple[Purchase, ...]
    licensed: frozenset[str]  # whose manifest and licence are here
    located: frozenset[str]  # whose torrent is here
    on_disk: Mapping[str, int]  # bytes that are here already
    running: tuple[TorrentSnapshot, ...]  # `name` is the package
    free: int  # bytes that may still be filled
    waiting: frozenset[str] = frozenset()  # about which the shop is not asked just now
    retry_errors: bool = False


@dataclass(frozen=True, slots=True)
class FetchLicence:
    """Ask the shop for the manifest and this device's licence."""

    package: str


@dataclass(frozen=True, slots=True)
class FetchTorrent:
    """Ask the shop for the torrent."""

    package: str


@dataclass(frozen=True, slots=True)
class AddTorrent:
    """Hand the torrent to the session."""

    package: str


@dataclass(frozen=True, slots=True)
class LackSpace:
    """Tell the person: `needed` bytes do not fit into `free`."""

    package: str
    needed: int
    free: int


@dataclass(frozen=True, slots=True)
class RemoveTorrent:
    """Take it out of the session, not off the disk: the right to it has ended."""

    package: str
    info_hash: str


@dataclass(frozen=True, slots=True)
class ResumeTorrent:
    """Let it go on after an error."""

    package: str
    info_hash: str


@dataclass(frozen=True, slots=True)
class HoldDownload:
    """Fetch no more of it while nothing may be filled; what is here is still shared."""

    package: str
    info_hash: str


Command = (
    FetchLicence
    | FetchTorrent
    | AddTorrent
    | LackSpace
    | RemoveTorrent
    | ResumeTorrent
    | HoldDownload
)


def plan(view: View) -> tuple[Command, ...]:
    """Give what to do now: small fetches before downloads, each in the order of the library."""
    # One package bought twice counts as active if one of the purchases is.
    sizes = {purchase.package: purchase.size for purchase in view.purchases if purchase.active}
    running = {torrent.name for torrent in view.running}
    commands: list[Command] = []
    commands += [FetchLicence(p) for p in sizes if p not in view.licensed | view.waiting]
    commands += [FetchTorrent(p) for p in sizes if p not in running | view.located | view.waiting]
    commands += _steer(view, frozenset(sizes))
    commands += _add(view, {p: size for p, size in sizes.items() if p not in running})
    return tuple(commands)


def keep_within_space(
    running: Sequence[TorrentSnapshot], *, free: int, retry_errors: bool
) -> list[ResumeTorrent | HoldDownload]:
    """Give what stops before the disk or the limit is full, and goes on when there is room.

    `free` bytes may still be filled. What failed goes on only where the rest of it fits.
    """
    commands: list[ResumeTorrent | HoldDownload] = []
    left = free
    for torrent in running:
        missing = torrent.total - torrent.done
        if torrent.state is TorrentState.DOWNLOADING and missing > 0 and free <= 0:
            commands.append(HoldDownload(torrent.name, torrent.info_hash))
        elif torrent.state is TorrentState.ERROR and retry_errors and missing <= max(0, left):
            commands.append(ResumeTorrent(torrent.name, torrent.info_hash))
            left -= missing
    return commands


def progress_report(
    before: Sequence[TorrentSnapshot], now: Sequence[TorrentSnapshot]
) -> list[dict[str, str | int]]:
    """Give the items of PUT /progress (docs/protocol-v1.md) that differ from the last ones sent."""
    sent = {torrent.name: _progress(torrent) for torrent in before}
    items = {torrent.name: _progress(torrent) for torrent in now}
    return [item for name, item in items.items() if sent.get(name) != item]


def _steer(view: View, active: frozenset[str]) -> list[Command]:
    commands: list[Command] = [
        RemoveTorrent(torrent.name, torrent.info_hash)
        for torrent in view.running
        if torrent.name not in active
    ]
    kept = [torrent for torrent in view.running if torrent.name in active]
    commands += keep_within_space(kept, free=view.free, retry_errors=view.retry_errors)
    return commands


def _add(view: View, sizes: Mapping[str, int]) -> list[Command]:
    # What the running downloads still need is spoken for, also by those that are held.
    free = view.free - sum(
        torrent.total - torrent.done
        for torrent in view.running
        if torrent.state in {TorrentState.DOWNLOADING, TorrentState.ERROR}
    )
    commands: list[Command] = []
    for package, size in sizes.items():
        if package not in view.located:
            continue
        needed = max(0, size - view.on_disk.get(package, 0))
        if needed > max(0, free):
            commands.append(LackSpace(package, needed, max(0, free)))
        else:
            free -= needed
            commands.append(AddTorrent(package))
    return commands


def _progress(torrent: TorrentSnapshot) -> dict[str, str | int]:
    return {
        "package": torrent.name,
        "state": torrent.state.value,
        "done": torrent.done,
        "total": torrent.total,
        "down_rate": torrent.down_rate,
        "up_rate": torrent.up_rate,
        "uploaded": torrent.uploaded,
        "peers": torrent.peers,
    }
