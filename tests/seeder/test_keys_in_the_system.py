"""Keys in the real key store of a Linux desktop, and a person at a real terminal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from drm.encoding import b64u
from seeder.cli.keys import _terminal
from seeder.cli.seat import open_seat
from seeder.config import Home
from seeder.device import key_place
from tests.seeder.conftest import last_json
from tests.seeder.shop import FakeShop, Running

ROOT = Path(__file__).parents[2]
WORDS = "correct horse battery"
GEOBUK = [sys.executable, "-c", "from seeder.cli import main; main()"]
# A bus and a key store of this test alone, the store's own passphrase read from stdin.
SESSION = (
    "read -r line; printf %s \"$line\" | gnome-keyring-daemon --unlock --components=secrets "
    '>/dev/null && exec "$@"'
)  # fmt: skip

needs_key_store = pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="needs the packages gnome-keyring and dbus",
)
MOVES = """
import sys
from pathlib import Path
from seeder.config import ShopFolder
from seeder.device import KeyChoice, key_place, load_device, make_device, move_keys
from seeder.key_store import find_backend

folder = ShopFolder(Path(sys.argv[1]))
assert type(find_backend()).__module__ == "keyring.backends.SecretService", find_backend()
device = make_device(folder, name="desk", choice=KeyChoice("auto"))
assert key_place(folder).place == "system"
assert "identity" not in folder.device_file.read_text()
assert load_device(folder) == device
for place in ("file", "system", "file"):
    assert move_keys(folder, to=place)
    assert key_place(folder).place == place
    assert load_device(folder) == device
assert find_backend().get_password("geobuk", device.thumbprint) is None
print("all good")
"""


@needs_key_store
def test_a_secret_service_keeps_keys_and_gives_them_up(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "person"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "PYTHONPATH": str(ROOT),
    }
    for folder in ("person", "run"):
        (tmp_path / folder).mkdir(mode=0o700)

    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", SESSION, "sh",
         sys.executable, "-c", MOVES, tmp_path / "shop"],
        input="the desktop's own passphrase\n",
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip

    assert done.stdout == "all good\n", done.stderr


class Person:
    """Types at a terminal what is asked for."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._screen, inner = pty.openpty()
        self._process = subprocess.Popen(
            [*GEOBUK, *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={**os.environ, **environment},
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(inner)
        self.seen = ""

    def answer(self, question: str, line: str) -> None:
        """Wait for the question, counted from the last answer, and type the line.

        The space after a colon comes when the terminal no longer shows what is typed.
        """
        begun = len(self.seen)
        deadline = time.monotonic() + 30
        while question not in self.seen[begun:]:
            assert time.monotonic() < deadline, self.seen
            if not self._read():
                pytest.fail(f"ended before it asked “{question}”: {self.seen}")
        os.write(self._screen, line.encode() + b"\n")

    def leave(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        os.close(self._screen)
        return self._process.wait(timeout=30)

    def _read(self) -> bool:
        if not select.select([self._screen], [], [], 1)[0]:
            return self._process.poll() is None
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # Linux's way to say that nobody writes any more
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def at_terminal(home: Home) -> Callable[..., Person]:
    _terminal.cache_clear()
    environment = {
        "GEOBUK_HOME": str(home.root),
        "GEOBUK_KEYS": "auto",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",  # a machine without a store
    }
    return lambda *arguments: Person(list(arguments), environment)


def test_a_person_is_asked_once_and_types_the_passphrase(
    at_terminal: Callable[..., Person],
    geobuk: Callable[..., Result],
    running: Running,
    shop: FakeShop,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login = at_terminal("login", shop.site, "--name", "desk")
    login.answer("Protect the keys by a passphrase?", "y")
    login.answer("New passphrase, of 12 characters or more: ", WORDS)
    login.answer("once more: ", WORDS)
    assert login.leave() == 0, login.seen
    assert login.seen.count("no key store that geobuk can use") == 1
    assert WORDS not in login.seen  # typed blind
    assert key_place(home.shop(shop.site)).place == "passphrase"

    library = at_terminal("library")
    library.answer("Passphrase of this device's keys: ", WORDS)
    assert library.leave() == 0
    wrong = at_terminal("library")
    wrong.answer("Passphrase of this device's keys: ", "something else here")
    assert wrong.leave() == 1
    assert "Nothing is lost" in wrong.seen

    again = at_terminal("login", shop.site)
    again.answer("Passphrase of this device's keys: ", WORDS)
    assert again.leave() == 0
    assert "Protect the keys" not in again.seen

    words = tmp_path / "words"
    words.touch(mode=0o600)
    words.write_text(WORDS)
    monkeypatch.setenv("GEOBUK_PASSPHRASE_FILE", str(words))
    assert geobuk("library").exit_code == 0
    identity = b64u(open_seat(None).device.identity.to_bytes())
    assert identity not in home.shop(shop.site).device_file.read_text()
    assert last_json(geobuk("keys", "--json"))["place"] == "passphrase"


def test_a_person_who_types_two_passphrases_or_wants_none_loses_nothing(
    at_terminal: Callable[..., Person], running: Running, shop: FakeShop, home: Home
) -> None:
    login = at_terminal("login", shop.site)
    login.answer("Protect the keys by a passphrase?", "y")
    login.answer("New passphrase, of 12 characters or more: ", WORDS)
    login.answer("once more: ", WORDS + "!")
    assert login.leave() == 1
    assert "The two passphrases differ" in login.seen

    login = at_terminal("login", shop.site)
    login.answer("Protect the keys by a passphrase?", "n")
    assert login.leave() == 0
    assert key_place(home.shop(shop.site)).place == "file"

    move = at_terminal("keys", "move", "--to", "passphrase")
    move.answer("New passphrase, of 12 characters or more: ", "too short")
    move.answer("once more: ", "too short")
    assert move.leave() == 1
    assert "at least 12 characters" in move.seen
    assert key_place(home.shop(shop.site)).place == "file"
