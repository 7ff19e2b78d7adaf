"""A key store for tests: a backend of the keyring library that keeps its words in a file.

It is a fake at the edge to the system; what a test wants to go wrong is a switch on it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class Vault(KeyringBackend):
    """Passwords by service and name, as the keyring library hands them in."""

    priority = 0.1

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.locked = False
        self.forgetful = False
        self.garbling = False
        self.pause = 0.0
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self._wait()
        text = None if self.forgetful else self.entries.get(f"{service}/{username}")
        return text.upper() if text is not None and self.garbling else text

    def set_password(self, service: str, username: str, password: str) -> None:
        self._wait()
        self._write(self.entries | {f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        self._wait()
        entries = self.entries
        if entries.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError(username)
        self._write(entries)

    @property
    def entries(self) -> dict[str, str]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def _wait(self) -> None:
        self.asked += 1
        time.sleep(self.pause)
        if self.locked:
            raise KeyringLocked("the words of a stranger, with a secret in them")

    def _write(self, entries: dict[str, Any]) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(entries))
        new.replace(self.path)
