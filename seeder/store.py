"""The folder of ciphertext of one shop's account on this computer.

    packages/<package id>/00000 …   what the swarm brings; ciphertext only
    torrents/<package id>.torrent   as the shop gave it, with this device's announce address
    torrents/<package id>.open.torrent  its open variant, where it came in a recovery kit
    session/                        what the torrent session remembers (seeder.resume)
    store-id                        once it was moved: that this is the store (seeder.placement)

Manifests, licences and the library lie beside this folder (seeder.papers,
seeder.library). Everything here can be fetched again, so a file that is cut or
changed counts as missing and is never an error.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from seeder.errors import (
    NotEnoughSpaceError,
    StoreError,
    StoreMissingError,
    TorrentError,
    UnsafeNameError,
)
from seeder.files import bytes_taken, sync_folder, write_atomically
from seeder.torrents import file_name, open_metainfo, read_metainfo

__all__ = ["RESERVE", "Store"]

# Left free on the disk: a full one hurts more than this program. On a small disk, its part.
RESERVE = 256 * 1024 * 1024
SMALL = 20  # a twentieth of the disk, where that is less

_COUNT_SECONDS = 10.0

_PACKAGE_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SUFFIX = ".torrent"


class Store:
    """Where packages and their torrents lie; makes its folders when it is opened.

    `most` says how many bytes of the disk it may fill at most, None for as many as there
    are; it is asked again and again, since the owner may change it.
    With `missing` the folder is on a disk that is not attached: nothing is made there, and
    everything counts as not here until `require_there` says so. `there` tells afterwards
    whether the disk still is; without it the store's folders do.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most: Callable[[], int | None] | None = None,
        missing: bool = False,
        there: Callable[[], bool] | None = None,
    ) -> None:
        self.folder = folder
        self._most = most or (lambda: None)
        self.missing = missing
        self._there = there or (lambda: True)
        self.save_path = folder / "packages"  # `Session.add`'s second argument
        self.session_folder = folder / "session"
        self.scrub_file = self.session_folder / "scrub.json"  # seeder.scrubbing
        self._torrents = folder / "torrents"
        self._used = (0.0, 0)  # when it was counted, and the bytes
        if not missing:
            self._make_folders()

    def _make_folders(self) -> None:
        folder = self.folder
        try:
            for path in (self.save_path, self.session_folder, self._torrents):
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder {folder} cannot be used ({error.strerror}). "
                "Give this user the right to write there, or choose another folder."
            ) from error

    @property
    def most(self) -> int | None:
        """How many bytes it may fill at most; None for as many as the disk has."""
        return self._most()

    def require_there(self) -> None:
        """Raise StoreMissingError where the disk of the store is not attached."""
        if self.missing:
            raise StoreMissingError(
                f"What you bought lies in {self.folder}, which is not there just now. Attach its "
                "disk and try again. If it is lost: geobuk store move FOLDER --start-empty"
            )

    def is_there(self) -> bool:
        """Whether the disk of the store is attached now: it may be pulled out at any moment."""
        return not self.missing and self.save_path.is_dir() and self._there()

    def why_missing(self) -> str:
        """Give the sentence for what waits for the disk to come back."""
        return (
            f"What you bought lies in {self.folder}, which is not there just now. Attach its "
            "disk, and it goes on by itself."
        )

    def package_folder(self, package: str) -> Path:
        """Give the folder of a package; UnsafeNameError where the id is none."""
        return self.save_path / _checked(package)

    def file(self, package: str, index: int) -> Path:
        """Give where the ciphertext of a file lies, or will lie."""
        return self.package_folder(package) / file_name(index)

    def keep_torrent(self, package: str, metainfo: bytes) -> None:
        """Keep a package's torrent; TorrentError where it is that of something else."""
        if read_metainfo(metainfo).name != _checked(package):
            raise TorrentError(
                "The shop sent the torrent of another package. Nothing was changed; try later."
            )
        write_atomically(self._torrent_file(package), metainfo)

    def torrent(self, package: str) -> bytes | None:
        """Give a package's torrent, or None where there is none that can be read."""
        try:
            metainfo = self._torrent_file(package).read_bytes()
            return metainfo if read_metainfo(metainfo).name == package else None
        except (OSError, TorrentError):
            return None

    def keep_open_torrent(self, package: str, metainfo: bytes) -> None:
        """Keep the open variant of a package's torrent; TorrentError where it is none."""
        if read_metainfo(metainfo, private=False).name != _checked(package):
            raise TorrentError("This is the torrent of another package. Nothing was changed.")
        write_atomically(self._torrents / f"{package}.open{_SUFFIX}", metainfo)

    def open_torrent(self, package: str) -> bytes | None:
        """Give the open variant of a package's torrent, kept or made from the private one."""
        held = self.torrent(package)
        if held is not None:
            return open_metainfo(held)
        try:
            metainfo = (self._torrents / f"{_checked(package)}.open{_SUFFIX}").read_bytes()
            named = read_metainfo(metainfo, private=False).name
        except (OSError, TorrentError):
            return None
        return metainfo if named == package else None

    def torrents(self) -> dict[str, bytes]:
        """Give every torrent that can be read, by package."""
        found: dict[str, bytes] = {}
        for path in sorted(self._torrents.glob(f"*{_SUFFIX}")):
            package = path.name.removesuffix(_SUFFIX)
            metainfo = self.torrent(package) if _PACKAGE_ID.fullmatch(package) else None
            if metainfo is not None:
                found[package] = metainfo
        return found

    def packages(self) -> list[str]:
        """Give the ids of all packages of which anything lies here."""
        try:
            names = [entry.name for entry in os.scandir(self.save_path)]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if _PACKAGE_ID.fullmatch(name))

    def on_disk(self, package: str) -> int:
        """Count the bytes that a package takes up on the disk now."""
        return sum(map(bytes_taken, self.package_folder(package).glob("*")))

    def used(self, *, fresh: bool = True) -> int:
        """Count the bytes of all packages; without `fresh` at most some seconds old."""
        counted_at, used = self._used
        now = time.monotonic()
        if fresh or now - counted_at > _COUNT_SECONDS or not counted_at:
            used = sum(self.on_disk(package) for package in self.packages())
            self._used = (now, used)
        return used

    def free(self, *, fresh: bool = True) -> int:
        """Count the bytes that may still be filled, by the disk and by `most`.

        The reserve is not among them; 0 where the disk is missing.
        """
        if self.missing:
            return 0
        disk = shutil.disk_usage(self.save_path)
        free = disk.free - min(RESERVE, disk.total // SMALL)
        if (most := self.most) is not None:
            free = min(free, most - self.used(fresh=fresh))
        return max(0, free)

    def why_full(self) -> str:
        """Give the sentence for what has no room any more: what is full, and what to do."""
        if (most := self.most) is not None and self.used(fresh=False) >= most:
            return (
                f"This shop has filled the {_shown(most)} that it may take. "
                "Allow it more with: geobuk store limit SIZE"
            )
        return (
            f"The disk of {self.save_path} is full. Free some space, and it goes on by itself; "
            "or move what you bought: geobuk store move FOLDER"
        )

    def require_space(self, size: int, *, free: int | None = None) -> None:
        """Raise NotEnoughSpaceError unless `size` more bytes fit into `free`, or what is free."""
        free = self.free() if free is None else free
        if size > free:
            todo = "Free some space and try again."
            most = self.most
            if most is not None and size <= shutil.disk_usage(self.save_path).free - RESERVE:
                todo = (
                    f"This shop may take {_shown(most)} in all; allow it more with: "
                    "geobuk store limit SIZE"
                )
            raise NotEnoughSpaceError(
                f"{_shown(size)} are needed on the disk of {self.save_path}, and "
                f"{_shown(free)} may be used. {todo}"
            )

    def forget(self, package: str) -> None:
        """Delete a package's ciphertext and torrent; take it out of the session before."""
        self._torrent_file(package).unlink(missing_ok=True)
        folder = self.package_folder(package)
        if not folder.exists():
            return
        # Under another name first: half of it is never taken for the package.
        doomed = folder.with_name(f"{folder.name}.forgotten-{os.getpid()}")
        folder.replace(doomed)
        sync_folder(self.save_path)
        shutil.rmtree(doomed)

    def _torrent_file(self, package: str) -> Path:
        return self._torrents / f"{_checked(package)}{_SUFFIX}"


def _checked(package: str) -> str:
    if not _PACKAGE_ID.fullmatch(package):
        raise UnsafeNameError("A package id is 64 hexadecimal digits; sync with the shop again.")
    return package


def _shown(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
