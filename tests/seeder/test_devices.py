"""geobuk devices: all of the account, and the removal of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse
from typer.testing import Result

from seeder.account_devices import AccountDevice, find_device, parse_devices
from seeder.cli.seat import Seat
from seeder.config import Home
from seeder.errors import (
    AmbiguousItemError,
    ItemNotFoundError,
    ShopAnswerError,
    ShopRefusedError,
)
from seeder.login import log_in
from tests.seeder.conftest import last_json
from tests.seeder.shop import FakeShop

Geobuk = Callable[..., Result]


@pytest.fixture
def phone(seat: Seat, shop: FakeShop, tmp_path: Path) -> str:
    """Another device of the account; its thumbprint."""
    _shop, _folder, device = log_in(
        Home(tmp_path / "phone"), shop.site, name="폰", show=lambda _: None, sleep=lambda _: None
    )
    return device.thumbprint


def a_device(name: str, device_id: str) -> AccountDevice:
    return AccountDevice(device_id, name, "t", "2026-11-24T07:00:00Z", "", current=False)


def test_every_device_is_listed_and_this_one_marked(geobuk: Geobuk, seat: Seat, phone: str) -> None:
    value = last_json(geobuk("devices", "--json"))
    shown = geobuk("devices").stdout

    assert [(d["name"], d["current"]) for d in value["devices"]] == [
        ("laptop", True),
        ("폰", False),
    ]
    assert (value["limit"], value["new_keys_left"]) == (5, 7)
    assert (value["name"], value["thumbprint"]) == ("laptop", seat.device.thumbprint)
    assert (value["shop"], value["account"]) == (seat.shop.site, "buyer@example.org")
    assert "2 of 5 devices" in shown
    [marked] = [line for line in shown.splitlines() if line.strip().startswith("*")]
    assert "laptop" in marked
    assert "폰" in shown


@pytest.mark.parametrize("wanted", ["폰", "00000001"])
def test_another_device_is_removed(
    geobuk: Geobuk, seat: Seat, phone: str, shop: FakeShop, wanted: str
) -> None:
    result = geobuk("devices", "remove", wanted)

    assert result.exit_code == 0
    assert "when it next connects" in result.stderr
    assert shop.removed == {phone}
    assert seat.folder.tokens_file.exists()
    assert len(last_json(geobuk("devices", "--json"))["devices"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [("devices", "remove", "LAPTOP", "--json"), ("devices", "--json", "remove", "laptop")],
)
def test_removing_this_device_logs_it_out(
    geobuk: Geobuk, seat: Seat, phone: str, shop: FakeShop, arguments: tuple[str, ...]
) -> None:
    assert last_json(geobuk(*arguments))["current"] is True

    assert shop.removed == {seat.device.thumbprint}
    assert not seat.folder.tokens_file.exists()


def test_whoever_logs_out_need_not_wait_for_a_shop_that_answers_rightly(
    geobuk: Geobuk, seat: Seat, shop: FakeShop
) -> None:
    gone = {"code": "device_removed", "message": "Gone."}
    shop.squatter = lambda _request: JSONResponse(gone, 401)

    refused = geobuk("logout")
    assert (refused.exit_code, "no proof of it" in refused.stderr) == (1, True)
    assert seat.folder.tokens_file.exists()

    assert geobuk("logout", "--force").exit_code == 0
    assert not seat.folder.tokens_file.exists()


def test_a_device_that_is_not_there(geobuk: Geobuk, seat: Seat, shop: FakeShop) -> None:
    result = geobuk("devices", "remove", "tablet")

    assert result.exit_code == 1
    assert "“tablet”" in result.stderr
    assert not shop.removed


def test_a_name_of_two_wants_an_id() -> None:
    twins = [a_device("desk", "0a0a1111"), a_device("Desk", "0a0a2222")]

    with pytest.raises(AmbiguousItemError, match="0a0a1111, 0a0a2222"):
        find_device(twins, "desk")
    with pytest.raises(AmbiguousItemError):
        find_device(twins, "0a0a")
    with pytest.raises(ItemNotFoundError):
        find_device(twins, "0a0")  # too short to stand for an id
    assert find_device(twins, "0A0A2222") is twins[1]


def test_a_list_that_cannot_be_read() -> None:
    limits = {"limit": 5, "new_keys_left": 7}
    answers: list[dict[str, Any]] = [
        {},
        {"devices": []},
        {"devices": 3, **limits},
        {"devices": [3], **limits},
        {"devices": [{}], **limits},
    ]
    for answer in answers:
        with pytest.raises(ShopAnswerError, match="cannot be read"):
            parse_devices(answer)


def test_a_full_account_ends_the_login_with_the_shops_sentence(
    home: Home, running: object, shop: FakeShop
) -> None:
    shop.token_answers = ["authorization_pending", "device_limit"]

    with pytest.raises(ShopRefusedError) as caught:
        log_in(home, shop.site, name="x", show=lambda _: None, sleep=lambda _: None)

    assert caught.value.code == "device_limit"
    assert not home.shop(shop.site).tokens_file.exists()
