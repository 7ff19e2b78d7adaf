"""A new device makes its sealing key in the suite that the shop or the person chooses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drm.errors import UnsupportedError
from drm.keys import SUITES
from seeder.config import Home, ShopFolder
from seeder.device import load_device, make_device
from seeder.login import log_in
from tests.seeder.shop import FakeShop, Running


def _log_in(home: Home, shop: FakeShop, suite: str = "") -> str:
    _shop, folder, device = log_in(
        home, shop.site, name="desk", show=lambda _: None, suite=suite, sleep=lambda _: None
    )
    assert load_device(folder) == device
    assert shop.devices[device.thumbprint].sealing_public == device.sealing.public
    return device.sealing.suite


def test_a_new_device_follows_the_shop_and_an_old_one_stays(
    home: Home, running: Running, shop: FakeShop
) -> None:
    assert _log_in(home, shop) == "X25519"

    shop.document = {"sealing_suite": "X-Wing"}
    assert _log_in(home, shop) == "X25519"

    assert _log_in(Home(home.root / "another machine"), shop) == "X-Wing"


def test_the_person_overrides_the_shop(home: Home, running: Running, shop: FakeShop) -> None:
    assert _log_in(home, shop, "X-Wing") == "X-Wing"


@pytest.mark.parametrize("suite", SUITES)
def test_the_file_names_the_suite(suite: str, tmp_path: Path) -> None:
    folder = ShopFolder(tmp_path)

    device = make_device(folder, name="desk", suite=suite)

    assert json.loads(folder.device_file.read_bytes())["suite"] == suite
    assert load_device(folder) == device


def test_a_file_without_a_suite_is_x25519_and_an_unknown_one_is_not_damage(tmp_path: Path) -> None:
    folder = ShopFolder(tmp_path)
    device = make_device(folder, name="desk")
    record = json.loads(folder.device_file.read_bytes())

    del record["suite"]
    folder.device_file.write_text(json.dumps(record))
    assert load_device(folder) == device

    folder.device_file.write_text(json.dumps(record | {"suite": "newer"}))
    before = folder.device_file.read_bytes()
    with pytest.raises(UnsupportedError, match="newer"):
        make_device(folder, name="desk")
    assert folder.device_file.read_bytes() == before


def test_an_unknown_suite_makes_no_keys(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="Update"):
        make_device(ShopFolder(tmp_path), name="desk", suite="newer")
    assert not ShopFolder(tmp_path).device_file.exists()
