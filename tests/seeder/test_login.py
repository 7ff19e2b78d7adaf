from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import Result

from drm.encoding import b64u
from drm.keys import IdentityKey
from seeder.cli.seat import Seat
from seeder.config import Home, check_shop_url, utc_now
from seeder.device import load_device
from seeder.errors import (
    DamagedFileError,
    InsecureAddressError,
    LoginFailedError,
    NotLoggedInError,
    RootKeyChangedError,
    ShopAnswerError,
    ShopRefusedError,
    ShopUnreachableError,
)
from seeder.login import PendingLogin, Wait, log_in, read_token_answer
from seeder.shops import load_shop
from tests.seeder.conftest import last_json
from tests.seeder.shop import USER_CODE, FakeShop, Running


def test_a_login_registers_this_devices_keys_and_stores_all_for_this_user_alone(
    home: Home, running: Running, shop: FakeShop
) -> None:
    shown: list[PendingLogin] = []

    found, folder, device = log_in(
        home, shop.site, name="laptop", show=shown.append, sleep=lambda _: None
    )

    assert found.name == "Test Shop"
    assert [p.code.user_code for p in shown] == [USER_CODE]
    assert shop.device_names == {device.thumbprint: "laptop"}
    assert home.chosen() == shop.site
    for file in (folder.device_file, folder.tokens_file, folder.shop_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert load_device(folder).identity == device.identity


def test_polling_waits_as_long_as_the_shop_says(
    home: Home, running: Running, shop: FakeShop
) -> None:
    shop.token_answers = ["authorization_pending", "slow_down", "authorization_pending"]
    waited: list[float] = []

    log_in(home, shop.site, name="laptop", show=lambda _: None, sleep=waited.append)

    assert waited == [1, 1, 6, 6]


@pytest.mark.parametrize("code", ["access_denied", "expired_token"])
def test_a_login_that_fails_stores_no_tokens(
    home: Home, running: Running, shop: FakeShop, code: str
) -> None:
    shop.token_answers = [code]

    with pytest.raises(LoginFailedError) as caught:
        log_in(home, shop.site, name="laptop", show=lambda _: None, sleep=lambda _: None)

    assert caught.value.code == code
    assert not home.shop(shop.site).tokens_file.exists()
    with pytest.raises(NotLoggedInError):
        home.chosen()


def test_an_unapproved_code_expires(home: Home, running: Running, shop: FakeShop) -> None:
    from datetime import timedelta

    shop.token_answers = ["authorization_pending"] * 5
    now = [utc_now()]

    def sleep(_seconds: float) -> None:
        now[0] += timedelta(seconds=40)
        shop.clock_ahead = timedelta(seconds=(now[0] - utc_now()).total_seconds())

    shop.interval = 300
    with pytest.raises(LoginFailedError, match="not typed in time"):
        log_in(
            home,
            shop.site,
            name="laptop",
            show=lambda p: setattr(shop, "token_answers", ["authorization_pending"] * 99),
            clock=lambda: now[0],
            sleep=sleep,
        )


def test_a_stumbling_shop_does_not_end_a_login() -> None:
    answer = read_token_answer(httpx.Response(503, text="busy"), interval=5, now=utc_now())

    assert answer == Wait(10)


def test_an_unknown_refusal_of_a_login_is_said_in_the_shops_words() -> None:
    response = httpx.Response(
        400, json={"error": "invalid_grant", "error_description": "Start again."}
    )

    with pytest.raises(ShopRefusedError, match=r"Start again\."):
        read_token_answer(response, interval=5, now=utc_now())


def test_another_root_key_at_a_known_address_is_refused(seat: Seat, shop: FakeShop) -> None:
    before = load_shop(seat.folder)
    calls = len(shop.calls)
    shop.root = IdentityKey.generate()

    with pytest.raises(RootKeyChangedError, match="nothing was sent"):
        log_in(seat.home, shop.site, name="x", show=lambda _: None, sleep=lambda _: None)

    assert load_shop(seat.folder) == before
    assert shop.calls[calls:] == ["GET /.well-known/geobuk.json"]


def test_a_second_login_keeps_the_keys(seat: Seat, shop: FakeShop) -> None:
    log_in(seat.home, shop.site, name="renamed", show=lambda _: None, sleep=lambda _: None)

    again = load_device(seat.folder)
    assert again.identity == seat.device.identity
    assert again.name == "renamed"


def test_damaged_keys_are_set_aside_and_made_anew_at_login(seat: Seat, shop: FakeShop) -> None:
    torn = seat.folder.device_file.read_bytes()[:40]
    seat.folder.device_file.write_bytes(torn)

    with pytest.raises(DamagedFileError, match="geobuk login"):
        load_device(seat.folder)
    log_in(seat.home, shop.site, name="laptop", show=lambda _: None, sleep=lambda _: None)

    assert load_device(seat.folder).identity != seat.device.identity
    [aside] = seat.folder.path.glob("device.retired-*.json")
    assert aside.read_bytes() == torn


def test_a_torn_pin_is_no_new_first_use(seat: Seat) -> None:
    seat.folder.shop_file.write_text('{"site": "http://127')

    with pytest.raises(DamagedFileError, match="pins the shop's key"):
        load_shop(seat.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"root_key": "AAAA"},
        {"issuers": "none"},
        {"issuers": []},
        {"name": None, "api": 5},
        {"token_endpoint": "https://elsewhere.example/oauth/token"},
        {"websocket": "ws://10.0.0.1/ws/"},
    ],
)
def test_a_strange_shop_document_is_refused_before_keys_are_made(
    home: Home, running: Running, shop: FakeShop, change: dict[str, object]
) -> None:
    shop.document = change

    with pytest.raises((ShopAnswerError, InsecureAddressError)):
        log_in(home, shop.site, name="laptop", show=lambda _: None, sleep=lambda _: None)

    assert not home.shop(shop.site).path.exists()


def test_an_issuer_of_another_root_is_no_issuer(
    home: Home, running: Running, shop: FakeShop
) -> None:
    shop.document = {"root_key": b64u(IdentityKey.generate().public.to_bytes())}

    with pytest.raises(ShopAnswerError, match="its own root key"):
        log_in(home, shop.site, name="laptop", show=lambda _: None, sleep=lambda _: None)


@pytest.mark.parametrize(
    ("given", "site"),
    [
        ("https://shop.example", "https://shop.example"),
        ("shop.example", "https://shop.example"),
        ("https://Shop.Example:443/l/5?x#y", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_addresses_of_shops(given: str, site: str) -> None:
    assert check_shop_url(given) == site


@pytest.mark.parametrize(
    "given",
    [
        "http://shop.example",
        "http://10.0.0.5:8000",
        "http://127.0.0.1.evil.example",
        "ftp://shop.example",
        "https://user@shop.example",
        "https://",
        "https://shop.example:port",
        "",
    ],
)
def test_addresses_that_are_refused(given: str) -> None:
    with pytest.raises(InsecureAddressError):
        check_shop_url(given)


def test_plain_http_is_refused_with_the_command_to_use(geobuk: Callable[..., Result]) -> None:
    result = geobuk("login", "http://shop.example")

    assert result.exit_code == 1
    assert "geobuk login https://shop.example" in result.stderr


def test_login_as_json(
    geobuk: Callable[..., Result], running: Running, shop: FakeShop, home: Home
) -> None:
    result = geobuk("login", shop.site, "--name", "box", "--json")

    first, second = map(json.loads, result.stdout.strip().splitlines())
    assert first["user_code"] == USER_CODE
    assert first["verification_uri"] == f"{shop.site}/device/"
    assert second == {"shop": shop.site, "name": "Test Shop", "device": first["device"]}


def test_login_shows_the_code_large(
    geobuk: Callable[..., Result], running: Running, shop: FakeShop
) -> None:
    result = geobuk("login", shop.site, "--name", "box")

    assert result.exit_code == 0
    assert "  ".join(USER_CODE) in result.stderr
    assert "box" in result.stderr
    assert result.stdout == ""


def test_logging_out_tells_the_shop_and_retires_the_keys(
    geobuk: Callable[..., Result], seat: Seat, shop: FakeShop
) -> None:
    result = geobuk("logout", "--json")

    assert last_json(result) == {"logged_out": shop.site}
    assert shop.removed == {seat.device.thumbprint}
    assert not seat.folder.tokens_file.exists()
    assert not seat.folder.device_file.exists()


def test_logging_out_offline_needs_force(
    geobuk: Callable[..., Result], seat: Seat, running: Running
) -> None:
    running.stop()

    refused = geobuk("logout")
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert seat.folder.tokens_file.exists()

    assert geobuk("logout", "--force").exit_code == 0
    assert not seat.folder.tokens_file.exists()


def test_this_device_is_shown(geobuk: Callable[..., Result], seat: Seat, running: Running) -> None:
    assert last_json(geobuk("devices", "--json"))["account"] == "buyer@example.org"
    shown = geobuk("devices").stdout.partition("Key fingerprint")[2].split()
    assert "".join(shown[:11]) == seat.device.thumbprint
    assert len(shown[0]) == 4

    running.stop()
    assert last_json(geobuk("devices", "--json"))["account"] is None


def test_without_a_login_commands_say_how_to_begin(geobuk: Callable[..., Result]) -> None:
    for command in (["library"], ["sync"], ["run"], ["status"], ["play", "x"], ["devices"]):
        result = geobuk(*command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "geobuk login URL" in result.stderr

    error = last_json(geobuk("library", "--json"))["error"]
    assert error["code"] == "not_logged_in"


def test_nobody_at_the_address(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ShopUnreachableError, match="cannot be reached"):
        log_in(home, "http://127.0.0.1:1", name="x", show=lambda _: None)

    assert not (tmp_path / "home").exists()
