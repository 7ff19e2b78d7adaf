"""Where a device's keys lie: in the system's key store, in a file, or under a passphrase.

    system      Secret Service, KWallet, macOS Keychain or Windows Credential Manager; the
                record in device.json only says so
    file        in device.json itself, which no other user can read
    passphrase  in device.json, in a box that a passphrase opens

Nothing is derived from the hardware: a replaced disk or board locks nobody out.
"""

from __future__ import annotations

import json
import os
import queue
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from drm.encoding import b64u, from_b64u
from drm.errors import AuthenticationError
from drm.passphrase import open_box, seal_box
from seeder.errors import (
    KeysLostError,
    KeyStoreError,
    PassphraseNeededError,
    WrongPassphraseError,
)

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = [
    "PASSPHRASE_FILE",
    "PLACES",
    "EnvironmentPassphrases",
    "FileStore",
    "KeyStore",
    "KeyStores",
    "PassphraseStore",
    "Passphrases",
    "Secret",
    "SystemStore",
    "find_backend",
    "read_passphrase_file",
]

PLACES: Final = ("system", "file", "passphrase")
PASSPHRASE_FILE: Final = "GEOBUK_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
SERVICE: Final = "geobuk"
BOX_CONTEXT: Final = b"geobuk-device-keys-v1"
MEMBERS: Final = ("identity", "sealing", "suite")
# The stores of the systems themselves. What else `keyring` may find keeps keys readable in a
# file (keyrings.alt), or nowhere (its null and fail backends).
TRUSTED: frozenset[str] = frozenset(
    f"keyring.backends.{name}" for name in ("SecretService", "libsecret", "kwallet", "macOS", "Windows")
)  # fmt: skip
LOOKING = 5.0  # seconds to find a store
ASKING = 90.0  # seconds for an answer; a person may have to unlock it first

T = TypeVar("T")
Secret = Mapping[str, str]  # identity and sealing key in base64url, and the suite


class KeyStore(Protocol):
    """One place for keys."""

    place: str

    def put(self, secret: Secret, *, thumbprint: str) -> dict[str, Any]:
        """Keep the keys; return what device.json has to say for `get`. Raises KeyStoreError."""

    def get(self, record: Mapping[str, Any]) -> Secret:
        """Give the keys of a record. KeysLostError where the place answers and has none."""

    def remove(self, thumbprint: str) -> None:
        """Remove what lies outside device.json, if anything does."""


class Passphrases(Protocol):
    """Whoever knows the passphrase: a person at a terminal, or a file."""

    def current(self) -> str:
        """The passphrase of keys that are here. Raises PassphraseNeededError."""

    def new(self) -> str:
        """The passphrase for keys that are to be put under one. Raises PassphraseNeededError."""


class FileStore:
    """In device.json itself."""

    place = "file"

    def put(self, secret: Secret, *, thumbprint: str) -> dict[str, Any]:
        return dict(secret)

    def get(self, record: Mapping[str, Any]) -> Secret:
        return {name: str(record[name]) for name in MEMBERS if name in record}

    def remove(self, thumbprint: str) -> None:
        pass


class PassphraseStore:
    """In device.json, in a box (docs/format-v1.md, section 10.1)."""

    place = "passphrase"

    def __init__(self, passphrases: Passphrases) -> None:
        self._passphrases = passphrases
        self._chosen: str | None = None

    def put(self, secret: Secret, *, thumbprint: str) -> dict[str, Any]:
        self._chosen = self._passphrases.new()
        data = json.dumps(dict(secret)).encode()
        return {"box": b64u(seal_box(self._chosen, data, context=BOX_CONTEXT))}

    def get(self, record: Mapping[str, Any]) -> Secret:
        box = from_b64u(record["box"])
        passphrase = self._passphrases.current() if self._chosen is None else self._chosen
        try:
            opened = json.loads(open_box(passphrase, box, context=BOX_CONTEXT))
        except AuthenticationError:
            raise WrongPassphraseError(
                "This passphrase does not open the keys of this device. Nothing is lost: try "
                "again. If it is forgotten, make new keys: geobuk login URL --new-keys"
            ) from None
        return {name: str(opened[name]) for name in MEMBERS}

    def remove(self, thumbprint: str) -> None:
        pass


class SystemStore:
    """In the key store of the system, under the device's thumbprint."""

    place = "system"

    def __init__(self, backend: KeyringBackend | None, *, timeout: float = ASKING) -> None:
        self._backend = backend
        self._timeout = timeout

    def put(self, secret: Secret, *, thumbprint: str) -> dict[str, Any]:
        backend, text = self._reach(), json.dumps(dict(secret))
        self._ask(lambda: backend.set_password(SERVICE, thumbprint, text))
        if self._ask(lambda: backend.get_password(SERVICE, thumbprint)) != text:
            raise KeyStoreError(
                "This system's key store does not give back what it was given. Nothing was "
                "changed. Choose another place: geobuk keys move --to file"
            )
        return {}

    def get(self, record: Mapping[str, Any]) -> Secret:
        backend, thumbprint = self._reach(), str(record["thumbprint"])
        text = self._ask(lambda: backend.get_password(SERVICE, thumbprint))
        if text is None:
            raise KeysLostError
        try:
            found = json.loads(text)
            return {name: str(found[name]) for name in MEMBERS}
        except (ValueError, KeyError, TypeError):
            raise KeysLostError from None

    def remove(self, thumbprint: str) -> None:
        backend = self._reach()
        if self._ask(lambda: backend.get_password(SERVICE, thumbprint)) is not None:
            self._ask(lambda: backend.delete_password(SERVICE, thumbprint))

    def _reach(self) -> KeyringBackend:
        if self._backend is None:
            raise KeyStoreError(
                "This system's key store cannot be reached. Nothing is lost: start it or unlock "
                "it, as by logging in to the desktop, and try again. Without one, keys can lie "
                "in a file: --keys file, or --keys passphrase"
            )
        return self._backend

    def _ask(self, work: Callable[[], T]) -> T:
        try:
            return _within(self._timeout, work)
        except TimeoutError:
            raise KeyStoreError(
                f"This system's key store gave no answer in {self._timeout:.0f} seconds. Nothing "
                "is lost: unlock it, and try again."
            ) from None
        except Exception as error:  # noqa: BLE001 - each system's store has errors of its own
            # Only the kind is told: the text of a stranger's error may hold what it was given.
            raise KeyStoreError(
                f"This system's key store refused ({type(error).__name__}). Nothing is lost: "
                "unlock it, and try again."
            ) from None


def find_backend(*, timeout: float = LOOKING) -> KeyringBackend | None:
    """The key store of this system; None where there is none that is known to keep secrets.

    A store that is configured for Python's keyring counts only if it is one of these.
    """
    try:
        import keyring
        from keyring.backends.chainer import ChainerBackend

        found = _within(timeout, keyring.get_keyring)
        every = list(found.backends) if isinstance(found, ChainerBackend) else [found]
    except Exception:  # noqa: BLE001 - absent, hanging or broken: all mean that there is none
        return None
    return next((each for each in every if type(each).__module__ in TRUSTED), None)


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Run `work` for at most so long: a call over D-Bus knows no limit and no way to stop it."""
    answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised again below, where it is waited for
            answers.put((None, error))

    threading.Thread(target=run, name="key store", daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value] # None only where T holds it


def read_passphrase_file(path: Path) -> str:
    """The passphrase in a file that only its owner reads; the line's end does not count.

    Raises KeyStoreError.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise KeyStoreError(
            f"The passphrase file {path} cannot be read. Check the path in {PASSPHRASE_FILE}."
        ) from None
    if os.name != "nt" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyStoreError(
            f"Other users may read the passphrase file {path}. Close it: chmod 600 {path}"
        )
    return text.removesuffix("\n").removesuffix("\r")


@dataclass(frozen=True, slots=True)
class EnvironmentPassphrases:
    """For services: the passphrase in the file that GEOBUK_PASSPHRASE_FILE names."""

    environ: Mapping[str, str] = field(repr=False)

    def current(self) -> str:
        path = self.environ.get(PASSPHRASE_FILE)
        if not path:
            raise PassphraseNeededError(
                "The keys of this device are under a passphrase, and nobody is here to type it. "
                f"Name a file that holds it and only you can read: {PASSPHRASE_FILE}=PATH"
            )
        return read_passphrase_file(Path(path))

    def new(self) -> str:
        return self.current()


@dataclass(frozen=True, slots=True)
class KeyStores:
    """The places of this machine."""

    passphrases: Passphrases = field(default_factory=lambda: EnvironmentPassphrases(os.environ))
    find: Callable[[], KeyringBackend | None] = find_backend

    def at(self, place: str) -> KeyStore:
        """The store at a place of PLACES. Raises KeyStoreError for another."""
        if place == "system":
            return SystemStore(self.find())
        if place == "passphrase":
            return PassphraseStore(self.passphrases)
        if place == "file":
            return FileStore()
        raise KeyStoreError(
            f"There is no place “{place}” for keys in this version. Choose one of: "
            f"{', '.join(PLACES)}. A newer geobuk may know it."
        )
