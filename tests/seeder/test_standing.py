"""Only what the shop signs changes what plays: dead shops, squatters, old words, torn marks.

Each promise is kept twice: while whoever answers at the address is asked, and with nobody there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from typer.testing import Result

from drm.issuer import sign_issuer_certificate, sign_keyring
from drm.keys import IdentityKey
from seeder.cli.seat import Seat, open_seat
from seeder.client import ShopClient
from seeder.config import utc_now
from seeder.errors import LicenceRefusedError, RootKeyChangedError
from seeder.library import load_library
from seeder.playback import Opener
from tests.seeder.conftest import last_json
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.signed_words import hear
from tests.seeder.test_playback import Own, item_of, open_it, refusal

Geobuk = Callable[..., Result]
Answer = Callable[[FakeShop, FakePackage, Request], Response]


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seeder.client.FIRST_PAUSE", 0.0)
    monkeypatch.setattr("seeder.answers.PATIENCE", 0.3)
    monkeypatch.setattr("seeder.answers.LARGEST", 2**22)


def _refuse(status: int, code: str) -> Answer:
    return lambda _shop, _package, _request: JSONResponse(
        {"code": code, "message": "Because."}, status
    )


def _library(*states: str) -> Answer:
    """A list of purchases as somebody makes it up; nothing else is known there."""

    def answer(shop: FakeShop, package: FakePackage, request: Request) -> Response:
        if request.url.path.endswith("/library"):
            items = [shop.item(package) | {"state": state} for state in states]
            return JSONResponse({"items": items})
        return JSONResponse({"code": "not_found", "message": "No."}, 404)

    return answer


def _word(**changes: object) -> Answer:
    """A status by somebody; `nonce` where it answers another question than ours."""

    def answer(shop: FakeShop, package: FakePackage, request: Request) -> Response:
        if "nonce" not in request.query_params:
            return JSONResponse({"code": "not_found", "message": "No."}, 404)
        nonce = str(changes.get("nonce", request.query_params["nonce"]))
        rest = {name: value for name, value in changes.items() if name != "nonce"}
        return JSONResponse({"status": shop.word_on(package, nonce=nonce, **rest)})

    return answer


def _raw(body: bytes) -> Answer:
    return lambda *_: Response(body)


def _without_end() -> Iterator[bytes]:
    while True:
        yield b"[" * 65536


async def _dripping() -> AsyncIterator[bytes]:
    while True:
        yield b"["
        await asyncio.sleep(0.01)


STRANGER = IdentityKey.generate()
HTML = "<html><h1>This domain is for sale</h1></html>"
SQUATTERS: dict[str, Answer] = {
    "nobody knows you": _refuse(404, "not_found"),
    "device_removed": _refuse(401, "device_removed"),
    "invalid_token": _refuse(401, "invalid_token"),
    "revoked": _refuse(403, "revoked"),
    "410 gone": _refuse(410, "gone"),
    "500": _refuse(500, "trouble"),
    "503": _refuse(503, "trouble"),
    "a page": lambda *_: HTMLResponse(HTML),
    "a page of an error": lambda *_: HTMLResponse(HTML, 404),
    "nothing": lambda *_: Response(b""),
    "an empty library": _library(),
    "a revoked library": _library("revoked"),
    "a strange library": _library("revoked", "expired", "lent"),
    "a library without end": lambda *_: StreamingResponse(_without_end()),
    "a library that drips": lambda *_: StreamingResponse(_dripping()),
    "a library too deep to read": lambda *_: Response(b'{"items": ' + b"[" * 200_000),
    "a library of no numbers": _raw(b'{"items": [{"version": 1e999}]}'),
    "a library that cannot be written": _raw(b'{"items": [], "title": "\\ud800"}'),
    "a compressed library": lambda *_: Response(b"x", headers={"Content-Encoding": "gzip"}),
    "a clock without a zone": lambda *_: JSONResponse(
        {"code": "invalid_proof", "message": "Late."},
        401,
        headers={"Date": "Mon, 01 Jan 2024 00:00:00 -0000"},
    ),
    "status without a signature": lambda *_: JSONResponse({"status": "revoked"}),
}
# Words that look signed. The sequence of the word that was believed last is 5.
FORGED: dict[str, dict[str, object]] = {
    "signed by another root": {"issuer": STRANGER, "sequence": 9},
    "with another nonce": {"nonce": "n" * 24, "sequence": 9},
    "of another licence": {"subject": "licence-1-other", "sequence": 9},
    "of the device": {"subject": "device:abc", "sequence": 9},
    "older than the last": {"sequence": 4},
}
REVOKED_WORDS = {f"revoked, {k}": _word(status="revoked", **v) for k, v in FORGED.items()}
ACTIVE_WORDS = {f"active, {k}": _word(status="active", **v) for k, v in FORGED.items()}


@pytest.fixture
def bought(seat: Seat, shop: FakeShop, film: FakePackage, own: Own, geobuk: Geobuk) -> FakePackage:
    """A film that has played here, when the shop's word on it had the sequence 5."""
    film.sequence = 5
    assert geobuk("library").exit_code == 0
    assert open_it(seat, shop, own(film)).online
    return film


def saves(geobuk: Geobuk, tmp_path: Path, film: FakePackage) -> None:
    """The film opens by a command, whatever that is told on the way."""
    target = tmp_path / "copy.mp4"
    result = geobuk("save", "night", str(target), "--force")
    assert result.exit_code == 0, result.output
    assert target.read_bytes() == film.plain[0]


@pytest.mark.parametrize(
    "answer", (SQUATTERS | REVOKED_WORDS).values(), ids=SQUATTERS | REVOKED_WORDS
)
def test_a_squatter_on_a_dead_shops_domain_takes_nothing(
    seat: Seat,
    shop: FakeShop,
    running: Running,
    bought: FakePackage,
    geobuk: Geobuk,
    tmp_path: Path,
    answer: Answer,
) -> None:
    # The shop document is public, so a squatter can show a copy of it.
    shop.squatter = lambda request: answer(shop, bought, request)

    assert not open_it(seat, shop, bought).online
    saves(geobuk, tmp_path, bought)
    geobuk("library")
    geobuk("sync")
    geobuk("devices")
    running.stop()

    assert not open_it(seat, shop, bought, online=False).online
    saves(geobuk, tmp_path, bought)
    known = load_library(seat.folder)
    assert known is not None
    assert [(i.package, i.state) for i in known.items] == [(bought.id, "active")]
    assert seat.folder.device_file.exists()
    assert seat.folder.tokens_file.exists()


@pytest.mark.parametrize(
    "answer", (SQUATTERS | ACTIVE_WORDS).values(), ids=SQUATTERS | ACTIVE_WORDS
)
def test_what_the_shop_has_ended_nobody_else_opens(
    seat: Seat, shop: FakeShop, bought: FakePackage, answer: Answer
) -> None:
    papers = seat.papers(bought.id)
    copied = papers.licence()
    assert copied is not None
    shop.refund(bought)
    assert refusal(seat, shop, bought) == ("revoked", "The order was refunded.")
    assert papers.licence() is None
    shop.squatter = lambda request: answer(shop, bought, request)
    bought.sequence = 5  # of the word before the refund, which had 6

    # Given also that the person puts a copy of the licence back.
    for licence in (None, copied):
        if licence is not None:
            papers.keep_licence(licence)
        assert refusal(seat, shop, bought) == ("revoked", "The order was refunded.")
        assert refusal(seat, shop, bought, online=False) == ("revoked", "The order was refunded.")


def test_only_a_signed_word_that_is_no_older_opens_again(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    shop.refund(bought)
    assert refusal(seat, shop, bought)[0] == "revoked"

    # The library and a licence say that it is back; the word on it is an old one.
    bought.state, bought.status, bought.message = "active", "active", ""
    bought.sequence = 5
    assert refusal(seat, shop, bought) == ("revoked", "The order was refunded.")
    assert seat.papers(bought.id).licence() is None

    bought.sequence = 7
    assert open_it(seat, shop, bought).online
    assert not open_it(seat, shop, bought, online=False).online


def test_an_old_refund_does_not_undo_what_was_given_back(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    shop.refund(bought)
    assert refusal(seat, shop, bought)[0] == "revoked"
    shop.restore(bought)
    assert open_it(seat, shop, bought).online

    # A shop that came back from an old backup still has the refund.
    shop.refund(bought)
    bought.state, bought.sequence = "active", 6
    assert not open_it(seat, shop, bought).online
    assert not open_it(seat, shop, bought, online=False).online


def test_bought_again_while_the_shop_signs_nothing_stays_shut_until_it_does(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    shop.refund(bought)
    assert refusal(seat, shop, bought)[0] == "revoked"
    bought.state, bought.status, bought.purchase, bought.sequence = "active", "active", 2, 1
    broken = _refuse(500, "trouble")
    shop.squatter = lambda request: (
        broken(shop, bought, request) if request.url.path.endswith("/status") else None
    )
    assert refusal(seat, shop, bought)[0] == "revoked"

    shop.squatter = None
    assert open_it(seat, shop, bought).online


@pytest.mark.parametrize(
    "mark", [b"", b'{"mess', b"eyJhbGciOiJFZERTQSJ9.e30.AAAA", b"\x00\xff" * 40, "a stranger's"]
)
def test_a_mark_that_is_torn_or_not_signed_locks_nothing(
    seat: Seat, shop: FakeShop, bought: FakePackage, running: Running, mark: bytes | str
) -> None:
    papers = seat.papers(bought.id)
    forged = shop.word_on(bought, issuer=STRANGER, status="revoked")
    papers.status_file.write_bytes(mark if isinstance(mark, bytes) else forged.encode())
    # And the mark of earlier versions, which nobody signed either.
    (papers.folder / "revoked.json").write_text('{"message": "Withdrawn.", "at": "2026-01-01"}')

    assert not open_it(seat, shop, bought, online=False).online
    assert open_it(seat, shop, bought).online
    running.stop()
    assert not open_it(seat, shop, bought).online


def test_a_stored_word_outlives_the_key_that_signed_it(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    # Given a certificate that has ended, and a clock fifty years on.
    shop.refund(bought)
    assert refusal(seat, shop, bought)[0] == "revoked"

    later = datetime(2076, 1, 1, tzinfo=UTC)
    assert refusal(seat, shop, bought, online=False, clock=lambda: later)[0] == "revoked"


def test_a_word_from_outside_the_time_of_its_key_is_not_believed(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    shop.refund(bought)
    outside = _word(status="revoked", now=datetime(2041, 1, 1, tzinfo=UTC))
    shop.squatter = lambda request: outside(shop, bought, request)

    assert not open_it(seat, shop, bought).online
    assert not open_it(seat, shop, bought, online=False).online


def test_a_retired_issuers_word_takes_nothing_and_its_old_word_stays(
    seat: Seat, shop: FakeShop, bought: FakePackage, album: FakePackage, own: Own, geobuk: Geobuk
) -> None:
    # Given a refund that was signed in time, and then a thief of the retired key.
    open_it(seat, shop, own(album))
    shop.refund(album)
    assert refusal(seat, shop, album)[0] == "revoked"
    keyring = sign_keyring(
        root=shop.root,
        sequence=1,
        issuers=[shop.certificate()],
        retired={shop.issuer.public.thumbprint: shop.now()},
        now=shop.now(),
    )
    shop.document = {"keyring": keyring}
    geobuk("library")
    seat = open_seat(None)
    shop.refund(bought)

    assert not open_it(seat, shop, bought).online
    assert not open_it(seat, shop, bought, online=False).online
    assert refusal(seat, shop, album, online=False)[0] == "revoked"
    assert refusal(seat, shop, album)[0] == "revoked"


def test_whoever_runs_for_months_learns_of_new_keys(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    content = seat.store.package_folder(bought.id)
    item = item_of(shop, bought)
    with ShopClient(seat.shop, seat.folder, seat.device) as client:
        opener = Opener(seat.shop, seat.folder, seat.device, client, clock=utc_now)
        shop.issuer = IdentityKey.generate()
        shop.refund(bought)
        assert not opener.open(item, content=content, action="play").online

        client.renew_shop()
        with pytest.raises(LicenceRefusedError, match="refunded"):
            opener.open(item, content=content, action="play")

    assert refusal(open_seat(None), shop, bought, online=False)[0] == "revoked"


@pytest.mark.parametrize("document", [{"api": "http://["}, {"issuers": []}, {"name": None}])
def test_a_shop_document_that_is_none_changes_nothing_for_whoever_runs(
    seat: Seat, shop: FakeShop, document: dict[str, object]
) -> None:
    shop.document = document
    with ShopClient(seat.shop, seat.folder, seat.device) as client:
        client.renew_shop()
        assert client.shop.issuers == seat.shop.issuers
        assert client.shop.api == seat.shop.api

        shop.root, shop.document = IdentityKey.generate(), {}
        with pytest.raises(RootKeyChangedError):
            client.renew_shop()
        assert client.shop.root_key == seat.shop.root_key


def test_a_shop_with_another_root_is_told_nothing_and_takes_nothing(
    seat: Seat, shop: FakeShop, bought: FakePackage, geobuk: Geobuk, tmp_path: Path
) -> None:
    calls = len(shop.calls)
    shop.root = IdentityKey.generate()
    shop.refund(bought)

    saves(geobuk, tmp_path, bought)

    assert shop.calls[calls:] == ["GET /.well-known/geobuk.json"]
    assert "another root key" in geobuk("library").stderr


@pytest.mark.parametrize(
    "document",
    [
        {"api": "http://["},
        {"api": "http://shop.example/api"},
        {"websocket": "ws://10.0.0.1/ws/"},
        {"token_endpoint": "https://elsewhere.example/token"},
        {"issuers": []},
        {"issuers": ["x"]},
        {"root_key": "AAAA"},
    ],
)
def test_a_strange_shop_document_takes_nothing(
    shop: FakeShop,
    bought: FakePackage,
    geobuk: Geobuk,
    tmp_path: Path,
    document: dict[str, object],
) -> None:
    shop.document = document

    saves(geobuk, tmp_path, bought)


def test_a_shop_document_that_leaves_keys_out_makes_nothing_unreadable(
    seat: Seat, shop: FakeShop, bought: FakePackage, geobuk: Geobuk, tmp_path: Path
) -> None:
    # A squatter shows one genuine certificate, of a key that signed nothing here.
    other = sign_issuer_certificate(
        root=shop.root,
        issuer_public=STRANGER.public,
        not_before=shop.certificate_from,
        not_after=shop.certificate_to,
    )
    shop.document = {"issuers": [other]}
    saves(geobuk, tmp_path, bought)

    shop.refund(bought)
    assert refusal(open_seat(None), shop, bought)[0] == "revoked"


def test_the_library_alone_withdraws_nothing_and_leads_to_the_question(
    seat: Seat, shop: FakeShop, bought: FakePackage, geobuk: Geobuk
) -> None:
    bought.state = "revoked"
    assert last_json(geobuk("library", "--json"))["items"][0]["state"] == "active"
    assert f"GET /api/v1/licences/{bought.licence_id}/status" in shop.calls

    shop.refund(bought)
    [item] = last_json(geobuk("library", "--json"))["items"]
    assert item["state"] == "revoked"
    assert refusal(seat, shop, bought, online=False)[0] == "revoked"

    del shop.packages[bought.id]
    assert last_json(geobuk("library", "--json"))["items"] == []


def test_what_has_ended_is_one_line_until_all_is_asked_for(
    seat: Seat, shop: FakeShop, film: FakePackage, album: FakePackage, geobuk: Geobuk
) -> None:
    geobuk("library")
    hear(seat, shop.word_on(film, status="revoked", reason="refund", sequence=9), film)
    film.state = "revoked"

    shown, all_of_it = geobuk("library"), geobuk("library", "--all")

    assert ("Night Film" in shown.stdout, album.id[:8] in shown.stdout) == (False, True)
    assert "1 ended: geobuk library --all" in shown.stderr
    assert "refunded" in all_of_it.stdout
    assert "withdrawn" not in all_of_it.stdout
    assert "ended:" not in all_of_it.stderr
    assert len(last_json(geobuk("library", "--json"))["items"]) == 2

    album.state = "lent"
    assert "lent" in geobuk("library").stdout  # it comes back
    album.state = "transferred"
    nothing = geobuk("library")
    assert (nothing.stdout, "2 ended:" in nothing.stderr) == ("", True)


def test_a_purchase_without_a_licence_here_is_what_the_library_says(
    seat: Seat, shop: FakeShop, film: FakePackage, geobuk: Geobuk
) -> None:
    geobuk("library")
    film.state = "revoked"
    assert last_json(geobuk("library", "--json"))["items"][0]["state"] == "revoked"
    del shop.packages[film.id]
    assert last_json(geobuk("library", "--json"))["items"] == []


def test_the_newest_word_is_kept_as_it_came(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    papers = seat.papers(bought.id)
    word = papers.status()
    assert word is not None
    assert (word.licence_id, word.sequence, word.open) == (bought.licence_id, 5, True)

    bought.sequence = 8
    open_it(seat, shop, bought)
    assert papers.lowest_sequence(bought.licence_id) == 8
    assert papers.lowest_sequence("another") == 0
    assert papers.status_file.stat().st_mode & 0o777 == 0o600


def test_a_word_that_a_newer_one_overtook_changes_nothing(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    # Given that `play` has asked, and the daemon hears of the refund before that is kept.
    asked = shop.word_on(bought)
    shop.refund(bought)
    hear(seat, shop.word_on(bought), bought)

    counts = hear(seat, asked, bought)

    assert (counts.sequence, counts.open) == (6, False)
    assert refusal(seat, shop, bought, online=False)[0] == "revoked"


def test_an_end_is_written_before_the_licence_goes(
    seat: Seat, shop: FakeShop, bought: FakePackage
) -> None:
    papers = seat.papers(bought.id)
    copied = papers.licence()
    assert copied is not None
    shop.refund(bought)
    hear(seat, shop.word_on(bought), bought)
    assert papers.licence() is None

    # Cut short before that: the licence is still here, and opens nothing.
    papers.keep_licence(copied)
    assert not papers.stands()
    assert refusal(seat, shop, bought, online=False)[0] == "revoked"
