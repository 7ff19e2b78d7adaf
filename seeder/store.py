"""The folder of ciphertext of one shop's account on this computer.

    packages/<package id>/00000 …   what the swarm brings; ciphertext only
    torrents/<package id>.torrent   as the shop gave it, with this device's announce address
    torrents/<package id>.open.torrent  its open variant, where it came in a recovery kit
    session/                        what the torrent session remembers (seeder.resume)

Manifests, licences and the library lie beside this folder (seeder.papers,
seeder.library). Everything here can be fetched again, so a file that is cut or
changed counts as missing and is never an error.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from seeder.errors import NotEnoughSpaceError, StoreError, TorrentError, UnsafeNameError
from seeder.files import sync_folder, write_atomically
from seeder.torrents import file_name, open_metainfo, read_metainfo

__all__ = ["RESERVE", "Store"]

# Left free on the disk: a full one hurts more than this program.
RESERVE = 256 * 1024 * 1024

_PACKAGE_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SUFFIX = ".torrent"


class Store:
    """Where packages and their torrents lie; makes its folders when it is opened."""

    def __init__(self, folder: Path) -> None:
        self.save_path = folder / "packages"  # `Session.add`'s second argument
        self.session_folder = folder / "session"
        self._torrents = folder / "torrents"
        try:
            for path in (self.save_path, self.session_folder, self._torrents):
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder {folder} cannot be used ({error.strerror}). "
                "Give this user the right to write there, or choose another folder."
            ) from error

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

    def on_disk(self, package: str) -> int:
        """Count the bytes that a package takes up on the disk now."""
        total = 0
        for path in self.package_folder(package).glob("*"):
            try:
                status = path.stat()
            except OSError:
                continue
            # Files are sparse while they come: blocks count, not length.
            blocks = getattr(status, "st_blocks", None)
            total += status.st_size if blocks is None else min(status.st_size, blocks * 512)
        return total

    def free(self) -> int:
        """Count the bytes that may still be filled: the reserve is not among them."""
        return max(0, shutil.disk_usage(self.save_path).free - RESERVE)

    def require_space(self, size: int) -> None:
        """Raise NotEnoughSpaceError unless `size` more bytes fit."""
        free = self.free()
        if size > free:
            raise NotEnoughSpaceError(
                f"{_gigabytes(size)} are needed on the disk of {self.save_path}, and "
                f"{_gigabytes(free)} may be used. Free some space and try again."
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


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
