"""Where the seeder keeps its files, and how it writes them.

The home folder is GEOBUK_HOME, or the user's data folder of the system:

    config.json            which shop the commands mean when none is named
    run.lock, state.json   the daemon: who holds it, what it last did
    preferences.json       the owner's limits, for every shop (seeder.preferences)
    usage.json, .last      what each month has sent and fetched (seeder.usage)
    shops/<name>/          one folder for each shop, 0700
        shop.json          address, endpoints and the pinned root key
        device.json        this device's private keys, or where they lie, 0600
        tokens.json        access and refresh token, 0600
        library.json       the last copy of the library, for use offline
        receipts.json      what was got from and sent to whom (seeder.receipt_book)
        record.json, .head leases, plays and the latest time seen, authenticated
        device-status.jws  the shop's last signed word on this device
        packages/<id>/     manifest, licences and statuses by device, and marks of one package
        surrenders/        words that a licence was given back, until the shop has them
        content/           ciphertext and torrent state (seeder.store), unless it was moved
        store.json         where it was moved to, and how much it may fill (seeder.placement)
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import ipaddress
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from seeder.errors import InsecureAddressError, NotLoggedInError
from seeder.files import sync_folder

__all__ = [
    "Home",
    "ShopFolder",
    "check_shop_url",
    "exclusive",
    "is_held",
    "is_loopback",
    "is_package_id",
    "read_json",
    "shared",
    "utc_now",
    "write_json",
    "write_private",
]

HOME_VARIABLE = "GEOBUK_HOME"
LOCK_TRIES, LOCK_PAUSE = 20, 0.05


def utc_now() -> datetime:
    """The clock of the edge; everything below takes `now` as an argument."""
    return datetime.now(UTC)  # noqa: TID251 - this is the edge


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_shop_url(url: str) -> str:
    """Return scheme://host[:port] of a shop's address; InsecureAddressError says what is wrong.

    Only loopback may be plain http: anywhere else tokens would travel in the clear.
    """
    text = url.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in {"http", "https"} or parts.username is not None:
        raise InsecureAddressError(
            f"{url!r} is not the address of a shop. Give it as in https://shop.example."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise InsecureAddressError(
            f"{host} must be reached by https, or others on the way could read your login. "
            f"Try: geobuk login https://{parts.netloc}"
        )
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port and port != default else "")


def is_package_id(text: str) -> bool:
    """Whether this can be the name of a package, and so of a folder of this program."""
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def write_private(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file that only this user can read: whole or not at all.

    It is on disk on return unless `durable` is off, as for what is written each second.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    data = json.dumps(value, ensure_ascii=False, indent=1).encode()
    write_private(path, data, durable=durable)


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where it is missing, torn or something else."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


@contextlib.contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock between processes; yields False where another keeps it and `wait` is off.

    The kernel drops the lock when the process dies, so a killed seeder leaves none behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if wait:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield wait or _try_lock(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def shared(path: Path) -> Iterator[bool]:
    """Hold a lock together with others who share it; yields False where one has it alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    # Tried for a moment: another command may be looking whether the lock is free.
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE)
        else:
            return True
    return False


def is_held(path: Path) -> bool:
    """Whether a process holds the lock; asks without taking it for longer than that."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@dataclass(frozen=True, slots=True)
class ShopFolder:
    """The files of one shop."""

    path: Path

    @property
    def shop_file(self) -> Path:
        return self.path / "shop.json"

    @property
    def device_file(self) -> Path:
        return self.path / "device.json"

    @property
    def tokens_file(self) -> Path:
        return self.path / "tokens.json"

    @property
    def library_file(self) -> Path:
        return self.path / "library.json"

    @property
    def receipts_file(self) -> Path:
        return self.path / "receipts.json"

    @property
    def device_status_file(self) -> Path:
        return self.path / "device-status.jws"

    @property
    def content(self) -> Path:
        return self.path / "content"

    @property
    def store_lock(self) -> Path:
        """Shared by whoever reads ciphertext, held alone by whoever moves it."""
        return self.path / "store.lock"

    @property
    def tokens_lock(self) -> Path:
        return self.path / "tokens.lock"

    def package(self, package: str) -> Path:
        """The folder of a package's papers; the name is checked, since it may come from a shop."""
        if not is_package_id(package):
            raise ValueError("a package id is 64 hexadecimal digits")
        return self.path / "packages" / package


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of everything that the seeder keeps."""

    root: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Home:
        if environ.get(HOME_VARIABLE):
            return cls(Path(environ[HOME_VARIABLE]).expanduser().absolute())
        from platformdirs import user_data_path

        return cls(user_data_path("geobuk", appauthor=False))

    @property
    def lock_file(self) -> Path:
        return self.root / "run.lock"

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    def shop(self, url: str) -> ShopFolder:
        """The folder of the shop at a checked address; two addresses never share one."""
        parts = urlsplit(url)
        readable = "".join(c if c.isalnum() or c in ".-" else "_" for c in parts.netloc)[:40]
        digest = hashlib.sha256(url.encode()).hexdigest()[:8]
        return ShopFolder(self.root / "shops" / f"{readable}-{digest}")

    def choose(self, url: str) -> None:
        """Make a shop the one that commands mean when none is named."""
        write_json(self.root / "config.json", {"shop": url})

    def chosen(self) -> str:
        url = (read_json(self.root / "config.json") or {}).get("shop")
        if not isinstance(url, str):
            raise NotLoggedInError("You are not logged in to a shop yet. Run: geobuk login URL")
        return url
