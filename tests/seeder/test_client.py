from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from drm.keys import IdentityKey
from seeder.cli.seat import Seat
from seeder.client import ShopClient
from seeder.config import utc_now
from seeder.device import load_device
from seeder.downloads import is_final
from seeder.errors import (
    DeviceRemovedError,
    NotLoggedInError,
    ShopAnswerError,
    ShopRefusedError,
    ShopUnreachableError,
)
from seeder.tokens import Tokens
from tests.seeder.shop import FakePackage, FakeShop, Running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(seat: Seat, pauses: list[float]) -> Iterator[ShopClient]:
    with ShopClient(seat.shop, seat.folder, seat.device, sleep=pauses.append) as client:
        yield client


def test_every_call_proves_the_key(client: ShopClient, shop: FakeShop, film: FakePackage) -> None:
    # The fake answers 401 to a proof that is missing, stale, reused or of another token.
    assert client.me()["user"]["email"] == "buyer@example.org"
    assert [item.package for item in client.library()] == [film.id]
    assert client.manifest(film.id).encode() == film.manifest_jws
    assert film.metainfo[-40:] in client.torrent(film.id)
    client.put_progress([{"package": film.id, "state": "seeding"}])
    assert shop.progress == [{"package": film.id, "state": "seeding"}]


def test_a_stolen_token_without_the_key_is_worth_nothing(seat: Seat, shop: FakeShop) -> None:
    token = Tokens.load(seat.folder).access

    answer = httpx.get(f"{shop.site}/api/v1/me", headers={"Authorization": f"DPoP {token}"})

    assert answer.status_code in {401, 500}


def test_what_may_run_twice_is_tried_again(
    client: ShopClient, shop: FakeShop, pauses: list[float]
) -> None:
    shop.failing = [503, 502]

    client.me()

    assert pauses == [0.5, 1.0]
    assert shop.calls[-3:] == ["GET /api/v1/me"] * 3


def test_trying_again_ends(client: ShopClient, shop: FakeShop, pauses: list[float]) -> None:
    shop.failing = [503] * 9

    with pytest.raises(ShopRefusedError, match="trouble") as caught:
        client.me()

    assert (caught.value.code, caught.value.status) == ("trouble", 503)
    assert pauses == [0.5, 1.0, 2.0]


def test_what_may_not_run_twice_is_sent_once(
    client: ShopClient, shop: FakeShop, film: FakePackage, pauses: list[float]
) -> None:
    shop.failing = [503]

    with pytest.raises(ShopRefusedError):
        client.licence(film.id)

    assert pauses == []
    assert shop.calls.count(f"POST /api/v1/packages/{film.id}/licence") == 1


def test_a_refusal_carries_the_shops_sentence(client: ShopClient, pauses: list[float]) -> None:
    with pytest.raises(ShopRefusedError, match="There is no such package") as caught:
        client.manifest("0" * 64)

    assert (caught.value.code, caught.value.status) == ("not_found", 404)
    assert pauses == []


def test_tokens_are_renewed_before_they_end(seat: Seat, shop: FakeShop) -> None:
    old = Tokens.load(seat.folder)
    Tokens(old.access, old.refresh, utc_now() + timedelta(seconds=10)).store(seat.folder)

    with ShopClient(seat.shop, seat.folder, seat.device) as client:
        client.me()

    assert Tokens.load(seat.folder).access != old.access
    assert shop.calls[-2:] == ["POST /oauth/token refresh_token", "GET /api/v1/me"]


def test_tokens_are_renewed_where_the_shop_has_forgotten_them(
    client: ShopClient, shop: FakeShop
) -> None:
    shop.access.clear()

    client.me()

    assert shop.calls[-3:] == [
        "GET /api/v1/me",
        "POST /oauth/token refresh_token",
        "GET /api/v1/me",
    ]


def test_two_processes_spend_a_refresh_token_once(
    client: ShopClient, seat: Seat, shop: FakeShop
) -> None:
    with ShopClient(seat.shop, seat.folder, seat.device) as other:
        shop.access.clear()
        other.me()
        client.me()

    assert shop.calls.count("POST /oauth/token refresh_token") == 1


def test_a_login_that_has_ended_says_how_to_begin_again(client: ShopClient, shop: FakeShop) -> None:
    shop.access.clear()
    shop.refresh.clear()

    with pytest.raises(NotLoggedInError, match=f"geobuk login {shop.site}"):
        client.me()


def test_a_removed_device_forgets_its_login(client: ShopClient, seat: Seat, shop: FakeShop) -> None:
    shop.removed.add(seat.device.thumbprint)

    with pytest.raises(DeviceRemovedError, match="removed from your account"):
        client.me()

    assert not seat.folder.tokens_file.exists()
    assert not seat.folder.device_file.exists()


STRANGER = IdentityKey.generate()
UNSIGNED: dict[str, dict[str, Any] | int] = {
    "nothing": 404,
    "trouble": 500,
    "a claim": 401,
    "by another root": {"issuer": STRANGER},
    "to another question": {"nonce": "n" * 24},
    "on another device": {"thumbprint": STRANGER.public.thumbprint},
    "that it stands": {"status": "active", "reason": ""},
    "that has ended otherwise": {"status": "expired", "reason": ""},
    "older than the last": {"sequence": 6},
    "of another time": {"now": datetime(2041, 1, 1, tzinfo=UTC)},
}


@pytest.mark.parametrize("word", UNSIGNED.values(), ids=UNSIGNED)
def test_a_claim_that_a_device_was_removed_takes_nothing(
    client: ShopClient, seat: Seat, shop: FakeShop, word: dict[str, Any] | int
) -> None:
    # Given that the shop has signed a word with the sequence 7 before.
    thumbprint = seat.device.thumbprint
    last = shop.word_on_device(thumbprint, nonce="o" * 24, removed=True, sequence=7)
    seat.folder.device_status_file.write_text(last)

    def squatter(request: Request) -> Response:
        if not request.url.path.endswith("/device/status") or isinstance(word, int):
            status = word if isinstance(word, int) and "status" in request.url.path else 401
            return JSONResponse({"code": "device_removed", "message": "Gone."}, status)
        claims: dict[str, Any] = {"thumbprint": thumbprint, "sequence": 8, **word}
        claims.setdefault("nonce", request.query_params["nonce"])
        return JSONResponse({"status": shop.word_on_device(removed=True, **claims)})

    shop.squatter = squatter
    with pytest.raises(ShopAnswerError, match="no proof of it") as caught:
        client.me()

    assert not is_final(caught.value)
    assert load_device(seat.folder).thumbprint == thumbprint
    assert Tokens.load(seat.folder).access
    # A genuine word that is newer is kept, whatever it says; nothing else is.
    genuine = isinstance(word, dict) and "reason" in word
    assert (seat.folder.device_status_file.read_text() != last) is genuine
    shop.squatter = None
    assert client.me()["user"]["name"] == "Buyer"


def test_the_word_on_a_device_needs_its_key_and_no_token(
    client: ShopClient, seat: Seat, shop: FakeShop, film: FakePackage
) -> None:
    shop.access.clear()
    shop.refresh.clear()

    assert client.device_status(nonce="n" * 24)
    assert client.status(film.licence_id, nonce="n" * 24)
    assert "POST /oauth/token refresh_token" not in shop.calls


def test_a_token_answer_that_is_none_is_said_so(
    seat: Seat, shop: FakeShop, client: ShopClient
) -> None:
    old = Tokens.load(seat.folder)
    Tokens(old.access, old.refresh, utc_now() - timedelta(hours=1)).store(seat.folder)
    page = httpx.MockTransport(lambda _: httpx.Response(200, content=b"<html>"))

    with (
        ShopClient(seat.shop, seat.folder, seat.device, transport=page) as other,
        pytest.raises(ShopAnswerError, match="cannot be read"),
    ):
        other.me()

    assert Tokens.load(seat.folder).refresh == old.refresh


def test_a_wrong_clock_is_no_reason_to_fail(client: ShopClient, shop: FakeShop) -> None:
    def ahead(request: httpx.Request) -> httpx.Response:
        answer = real.handle_request(request)
        answer.read()
        answer.headers["Date"] = shop.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return answer

    real = httpx.HTTPTransport()
    shop.clock_ahead = timedelta(hours=5)
    seated = ShopClient(
        client.shop,
        client._folder,
        client._device,
        transport=httpx.MockTransport(ahead),
    )

    with seated:
        assert seated.clock_note == ""
        assert seated.me()["user"]["name"] == "Buyer"
        # Proofs follow the shop's clock; certificates of closed swarms cannot.
        assert re.search(r"shop's by (299|300) minutes", seated.clock_note)
    real.close()


def test_a_shop_that_is_away(
    client: ShopClient, running: Running, pauses: list[float], shop: FakeShop
) -> None:
    running.stop()

    with pytest.raises(ShopUnreachableError, match=shop.site):
        client.me()
    assert pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("body", [b"[]", b"<html>", b'{"items": [{"package": "../../etc"}]}'])
def test_answers_that_are_none(seat: Seat, body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))

    with (
        ShopClient(seat.shop, seat.folder, seat.device, transport=transport) as client,
        pytest.raises(ShopAnswerError),
    ):
        client.library()


def test_torn_tokens_mean_not_logged_in(seat: Seat) -> None:
    seat.folder.tokens_file.write_text('{"access_token": "abc", "refr')

    with pytest.raises(NotLoggedInError):
        ShopClient(seat.shop, seat.folder, seat.device)


def test_secrets_do_not_show(seat: Seat) -> None:
    tokens = Tokens.load(seat.folder)

    assert tokens.access not in repr(tokens)
    assert tokens.refresh not in repr(tokens)
    assert "identity" not in repr(seat.device)
