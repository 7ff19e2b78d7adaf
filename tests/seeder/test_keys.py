"""Where a device's keys lie, and that moving them loses none."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends import fail, null
from keyring.backends.chainer import ChainerBackend
from typer.testing import Result

from drm import passphrase
from seeder import key_store
from seeder.cli.keys import _terminal
from seeder.cli.seat import open_seat
from seeder.config import Home, ShopFolder
from seeder.device import DeviceKeys, KeyChoice, key_place, load_device, make_device, move_keys
from seeder.errors import (
    DamagedFileError,
    KeysLostError,
    KeyStoreError,
    PassphraseNeededError,
    WrongPassphraseError,
)
from seeder.key_store import PLACES, EnvironmentPassphrases, KeyStores, SystemStore, find_backend
from tests.seeder.conftest import last_json
from tests.seeder.killed_moves import Fixed
from tests.seeder.shop import FakeShop, Running
from tests.seeder.vault import Vault

ROOT = Path(__file__).parents[2]
WORDS = "correct horse battery"


@pytest.fixture(autouse=True)
def _cheap_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "LOG2_N", passphrase.LOWEST_LOG2_N)


@pytest.fixture
def folder(tmp_path: Path) -> ShopFolder:
    return ShopFolder(tmp_path / "shop")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault")


@pytest.fixture
def stores(vault: Vault) -> KeyStores:
    return KeyStores(passphrases=Fixed(), find=lambda: vault)


@pytest.fixture
def system_vault(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """The vault as the store that Python's keyring finds on this system."""
    monkeypatch.setattr(key_store, "TRUSTED", key_store.TRUSTED | {Vault.__module__})
    before = keyring.get_keyring()
    keyring.set_keyring(vault)
    yield vault
    keyring.set_keyring(before)


@pytest.fixture
def passphrase_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "words"
    file.touch(mode=0o600)
    file.write_text(WORDS + "\n")
    monkeypatch.setenv("GEOBUK_PASSPHRASE_FILE", str(file))
    _terminal.cache_clear()
    yield file
    _terminal.cache_clear()


def _make(folder: ShopFolder, place: str, stores: KeyStores) -> DeviceKeys:
    return make_device(folder, name="desk", choice=KeyChoice(place=place, stores=stores))


def _secrets(device: DeviceKeys) -> list[str]:
    from drm.encoding import b64u

    values = (device.identity.to_bytes(), device.sealing.to_bytes())
    return [form for value in values for form in (b64u(value), value.hex())]


@pytest.mark.parametrize("place", PLACES)
def test_keys_come_back_from_every_place_and_lie_in_no_other(
    folder: ShopFolder, stores: KeyStores, vault: Vault, place: str
) -> None:
    device = _make(folder, place, stores)

    assert load_device(folder, stores=stores) == device
    assert key_place(folder).place == place
    assert stat.S_IMODE(folder.device_file.stat().st_mode) == 0o600
    in_file = [s for s in _secrets(device) if s in folder.device_file.read_text()]
    assert bool(in_file) == (place == "file")
    assert list(vault.entries) == ([f"geobuk/{device.thumbprint}"] if place == "system" else [])


@pytest.mark.parametrize("to", PLACES)
@pytest.mark.parametrize("start", PLACES)
def test_keys_move_from_every_place_to_every_place(
    folder: ShopFolder, stores: KeyStores, vault: Vault, start: str, to: str
) -> None:
    device = _make(folder, start, stores)

    assert move_keys(folder, to=to, stores=stores) is True

    assert load_device(folder, stores=stores) == device
    assert key_place(folder).place == to
    assert len(vault.entries) == (1 if to == "system" else 0)
    assert {path.name for path in folder.path.iterdir()} == {"device.json", "keys.lock"}


@pytest.mark.parametrize(
    ("start", "to"), [(a, b) for a in PLACES for b in PLACES if a != b or a == "passphrase"]
)
def test_a_move_killed_at_any_step_leaves_the_keys_and_can_be_done_again(
    tmp_path: Path, start: str, to: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.seeder.killed_moves", tmp_path / "shop", start, to],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 6


def test_a_file_of_an_earlier_version_goes_on(folder: ShopFolder, stores: KeyStores) -> None:
    device = _make(folder, "file", stores)
    record = json.loads(folder.device_file.read_text())
    del record["keys"], record["thumbprint"]
    folder.device_file.write_text(json.dumps(record))

    assert load_device(folder) == device
    assert key_place(folder).place == "file"
    assert move_keys(folder, to="system", stores=stores)
    assert load_device(folder, stores=stores) == device


def test_a_store_that_garbles_gets_no_keys(
    folder: ShopFolder, stores: KeyStores, vault: Vault
) -> None:
    device = _make(folder, "file", stores)
    before = folder.device_file.read_bytes()
    vault.garbling = True

    with pytest.raises(KeyStoreError, match="Nothing was changed"):
        move_keys(folder, to="system", stores=stores)

    assert folder.device_file.read_bytes() == before
    assert load_device(folder) == device


def test_a_store_that_is_locked_loses_nothing_and_its_words_are_not_told(
    folder: ShopFolder, stores: KeyStores, vault: Vault
) -> None:
    device = _make(folder, "system", stores)
    before = folder.device_file.read_bytes()
    vault.locked = True

    for use in (
        lambda: load_device(folder, stores=stores),
        lambda: _make(folder, "auto", stores),
        lambda: move_keys(folder, to="file", stores=stores),
    ):
        with pytest.raises(KeyStoreError, match="Nothing is lost") as caught:
            use()
        assert "secret in them" not in str(caught.value)
    assert folder.device_file.read_bytes() == before

    vault.locked = False
    assert load_device(folder, stores=stores) == device


def test_a_store_that_hangs_is_given_up(folder: ShopFolder, vault: Vault) -> None:
    vault.pause = 5
    store = SystemStore(vault, timeout=0.1)
    began = time.monotonic()

    with pytest.raises(KeyStoreError, match="no answer"):
        store.put({"identity": "a", "sealing": "b", "suite": "c"}, thumbprint="t")

    assert time.monotonic() - began < 4


def test_a_hanging_search_for_a_store_finds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a D-Bus without an answer does to the library: its search never ends."""
    monkeypatch.setattr(keyring, "get_keyring", lambda: time.sleep(5))

    assert find_backend(timeout=0.1) is None


def test_a_store_that_lost_the_keys_says_so_and_a_login_makes_new_ones(
    folder: ShopFolder, stores: KeyStores, vault: Vault
) -> None:
    device = _make(folder, "system", stores)
    vault.path.unlink()

    with pytest.raises(KeysLostError, match=r"geobuk login.*stays yours"):
        load_device(folder, stores=stores)
    again = _make(folder, "auto", stores)

    assert again.identity != device.identity
    assert load_device(folder, stores=stores) == again
    [aside] = folder.path.glob("device.retired-*.json")
    assert json.loads(aside.read_text())["thumbprint"] == device.thumbprint


def test_only_the_systems_own_stores_count(
    vault: Vault, system_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_backend() is vault

    for other in (null.Keyring(), fail.Keyring(), ChainerBackend()):
        keyring.set_keyring(other)
        assert find_backend() is None
    keyring.set_keyring(vault)
    monkeypatch.setattr(key_store, "TRUSTED", frozenset({"keyring.backends.SecretService"}))
    assert find_backend() is None  # a stranger's, which may keep keys readable


def test_without_the_keyring_library_there_is_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert find_backend() is None


def test_auto_takes_the_system_and_else_asks(folder: ShopFolder, vault: Vault) -> None:
    asked: list[str] = []

    def protect() -> bool:
        asked.append("?")
        return True

    found = KeyStores(passphrases=Fixed(), find=lambda: vault)
    make_device(folder, name="x", choice=KeyChoice("auto", stores=found, protect=protect))
    assert (key_place(folder).place, asked) == ("system", [])

    other = ShopFolder(folder.path / "other")
    none = KeyStores(passphrases=Fixed(), find=lambda: None)
    make_device(other, name="x", choice=KeyChoice("auto", stores=none, protect=protect))
    assert (key_place(other).place, asked) == ("passphrase", ["?"])
    make_device(other, name="y", choice=KeyChoice("auto", stores=none, protect=protect))
    assert asked == ["?"]

    with pytest.raises(KeyStoreError, match="cannot be reached"):
        make_device(ShopFolder(folder.path / "third"), name="x", choice=KeyChoice("system", stores=none))  # fmt: skip


def test_a_wrong_passphrase_loses_nothing(folder: ShopFolder, stores: KeyStores) -> None:
    class Wrong(Fixed):
        def current(self) -> str:
            return "another passphrase"

    device = _make(folder, "passphrase", stores)
    before = folder.device_file.read_bytes()
    wrong = KeyStores(passphrases=Wrong(), find=lambda: None)

    for use in (
        lambda: load_device(folder, stores=wrong),
        lambda: _make(folder, "auto", wrong),
        lambda: move_keys(folder, to="file", stores=wrong),
    ):
        with pytest.raises(WrongPassphraseError, match="Nothing is lost"):
            use()

    assert folder.device_file.read_bytes() == before
    assert load_device(folder, stores=stores) == device


def test_a_forgotten_passphrase_is_no_dead_end(folder: ShopFolder, stores: KeyStores) -> None:
    device = _make(folder, "passphrase", stores)

    fresh = make_device(folder, name="desk", choice=KeyChoice("file", fresh=True, stores=stores))

    assert fresh.identity != device.identity
    assert len(list(folder.path.glob("device.retired-*.json"))) == 1


def test_a_changed_record_is_damage(folder: ShopFolder, stores: KeyStores) -> None:
    for place in ("file", "passphrase"):
        _make(folder, place, stores)
        record = json.loads(folder.device_file.read_text())
        folder.device_file.write_text(json.dumps(record | {"thumbprint": "A" * 43}))
        with pytest.raises(DamagedFileError, match="damaged"):
            load_device(folder, stores=stores)
    record = json.loads(folder.device_file.read_text())
    folder.device_file.write_text(json.dumps(record | {"box": "AAAA"}))
    with pytest.raises(DamagedFileError, match="damaged"):
        load_device(folder, stores=stores)
    folder.device_file.write_text(json.dumps(record | {"keys": "chip"}))
    with pytest.raises(KeyStoreError, match="newer geobuk"):
        load_device(folder, stores=stores)


def test_a_file_that_others_may_read_is_closed(folder: ShopFolder, stores: KeyStores) -> None:
    device = _make(folder, "file", stores)
    folder.device_file.chmod(0o644)

    assert load_device(folder) == device
    assert stat.S_IMODE(folder.device_file.stat().st_mode) == 0o600


def test_the_passphrase_file_has_to_be_closed_to_others(passphrase_file: Path) -> None:
    source = EnvironmentPassphrases(os.environ)
    assert source.current() == source.new() == WORDS

    passphrase_file.chmod(0o640)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        source.current()
    passphrase_file.unlink()
    with pytest.raises(KeyStoreError, match="cannot be read"):
        source.current()
    with pytest.raises(PassphraseNeededError, match="GEOBUK_PASSPHRASE_FILE"):
        EnvironmentPassphrases({}).current()


def test_nothing_shows_a_secret(
    folder: ShopFolder, stores: KeyStores, passphrase_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    device = _make(folder, "file", stores)
    shown = [repr(device), repr(stores), repr(key_place(folder)), repr(_terminal())]
    shown += [repr(stores.at(place)) for place in PLACES]
    shown.append(repr(EnvironmentPassphrases({"GEOBUK_PASSPHRASE_FILE": WORDS})))

    for secret in [*_secrets(device), WORDS]:
        assert all(secret not in text for text in shown)
    assert capfd.readouterr() == ("", "")


# The program ---------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_login_puts_keys_where_it_is_told(
    geobuk: Callable[..., Result],
    running: Running,
    shop: FakeShop,
    home: Home,
    system_vault: Vault,
    passphrase_file: Path,
    place: str,
) -> None:
    result = geobuk("login", shop.site, "--keys", place, "--json")
    assert result.exit_code == 0, result.output
    seat = open_seat(None)
    told = last_json(geobuk("keys", "--json"))

    assert told == {
        "place": place,
        "file": str(seat.folder.device_file),
        "thumbprint": seat.device.thumbprint,
    }
    assert geobuk("library", "--json").exit_code == 0
    shown = geobuk("keys").output + result.output + json.dumps(told)
    assert all(secret not in shown for secret in _secrets(seat.device))


def test_a_second_login_moves_keys_only_when_it_is_told(
    geobuk: Callable[..., Result], running: Running, shop: FakeShop, home: Home, system_vault: Vault
) -> None:
    assert geobuk("login", shop.site, "--keys", "file").exit_code == 0
    thumbprint = open_seat(None).device.thumbprint

    assert geobuk("login", shop.site, "--keys", "auto").exit_code == 0
    assert last_json(geobuk("keys", "--json"))["place"] == "file"
    assert geobuk("login", shop.site, "--keys", "system").exit_code == 0
    assert last_json(geobuk("keys", "--json"))["place"] == "system"
    assert open_seat(None).device.thumbprint == thumbprint

    assert geobuk("login", shop.site, "--new-keys").exit_code == 0
    assert open_seat(None).device.thumbprint != thumbprint


def test_keys_move_by_command(
    geobuk: Callable[..., Result],
    running: Running,
    shop: FakeShop,
    home: Home,
    system_vault: Vault,
    passphrase_file: Path,
) -> None:
    geobuk("login", shop.site, "--keys", "file")
    thumbprint = open_seat(None).device.thumbprint

    for place in ("passphrase", "system", "file"):
        assert last_json(geobuk("keys", "move", "--to", place, "--json"))["place"] == place
        assert open_seat(None).device.thumbprint == thumbprint
    assert "in a file that only you can read" in geobuk("keys", "move", "--to", "file").stderr

    keyring.set_keyring(null.Keyring())
    refused = geobuk("keys", "move", "--to", "system")
    assert refused.exit_code == 1
    assert "cannot be reached" in refused.stderr
    assert open_seat(None).device.thumbprint == thumbprint


def test_without_a_terminal_nothing_is_asked(
    geobuk: Callable[..., Result], running: Running, shop: FakeShop, home: Home, system_vault: Vault
) -> None:
    _terminal.cache_clear()
    keyring.set_keyring(null.Keyring())

    result = geobuk("login", shop.site, "--keys", "auto")
    assert result.exit_code == 0
    assert "passphrase" not in result.stderr.casefold()
    assert last_json(geobuk("keys", "--json"))["place"] == "file"

    refused = last_json(geobuk("keys", "move", "--to", "passphrase", "--json"))["error"]
    assert refused["code"] == "passphrase_needed"
    assert last_json(geobuk("keys", "--json"))["place"] == "file"
