"""Giving licences back: only when the shop signs the request, and never half."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import JSONResponse
from typer.testing import Result

from drm.issuer import sign_keyring
from drm.keys import IdentityKey
from drm.rights import LeaseTerms, Rights
from seeder.cli.seat import Seat, connect
from seeder.config import utc_now
from seeder.errors import LicenceRefusedError, ShopUnreachableError
from seeder.handovers import give_back, pending_words, waiting_requests
from seeder.leases import Leases
from seeder.library import parse_library
from seeder.standing import refresh_library
from tests.seeder.conftest import last_json
from tests.seeder.handing import HandingShop
from tests.seeder.shop import FakePackage, Running

Own = Callable[[FakePackage], FakePackage]
Command = Callable[..., Result]


class PowerCutError(Exception):
    pass


def _power_cut(*_: object, **__: object) -> None:
    raise PowerCutError


@pytest.fixture
def shop() -> HandingShop:
    return HandingShop()


@pytest.fixture
def held(seat: Seat, shop: HandingShop, album: FakePackage, own: Own) -> FakePackage:
    """The album is here, with its licence."""
    own(album)
    play(seat, shop, album)
    return album


def play(seat: Seat, shop: HandingShop, package: FakePackage, *, offline: bool = False) -> None:
    item = parse_library({"items": [shop.item(package) | {"state": "active"}]})[0]
    content = seat.store.package_folder(package.id)
    if offline:
        seat.opener(None).open(item, content=content, action="play")
        return
    with connect(seat) as client:
        seat.opener(client).open(item, content=content, action="play")


def let_go(seat: Seat) -> int:
    with connect(seat) as client:
        return give_back(client, seat.folder, seat.device, clock=utc_now)


def licence_file(seat: Seat, package: FakePackage) -> Path:
    return seat.papers(package.id).licence_file


def test_a_licence_is_deleted_and_signed_for(
    seat: Seat, shop: HandingShop, held: FakePackage
) -> None:
    shop.ask_for(held)

    assert let_go(seat) == 1

    assert not licence_file(seat, held).exists()
    assert (len(shop.words), pending_words(seat.folder)) == (1, ())
    assert let_go(seat) == 0


@pytest.mark.parametrize("offline", [False, True])
def test_what_was_given_back_opens_no_more_and_says_why(
    seat: Seat, shop: HandingShop, held: FakePackage, offline: bool
) -> None:
    kept = licence_file(seat, held).read_bytes()
    shop.ask_for(held)
    let_go(seat)

    with pytest.raises(LicenceRefusedError, match="You have lent this") as refusal:
        play(seat, shop, held, offline=offline)
    assert refusal.value.code == "revoked"
    # Nor does a copy that was put back, once this device has heard the shop's word.
    licence_file(seat, held).write_bytes(kept)
    with pytest.raises(LicenceRefusedError, match="You have lent this"):
        play(seat, shop, held, offline=True)


def test_it_opens_again_when_it_comes_back(
    seat: Seat, shop: HandingShop, held: FakePackage
) -> None:
    shop.ask_for(held, "loan")
    let_go(seat)
    held.state, held.status, held.purchase = "active", "active", 2
    held.sequence += 1

    play(seat, shop, held)

    play(seat, shop, held, offline=True)


@pytest.mark.parametrize("fault", ["stranger", "another question", "unsigned", "retired"])
def test_an_unsigned_request_deletes_nothing(
    seat: Seat, shop: HandingShop, held: FakePackage, fault: str
) -> None:
    shop.ask_for(held)
    if fault == "stranger":
        shop.signer = IdentityKey.generate()
    elif fault == "another question":
        shop.nonce = "nonce-of-another-question"
    elif fault == "retired":
        # Whoever stole the key of an issuer whose time is over can only backdate.
        keyring = sign_keyring(
            root=shop.root,
            sequence=1,
            issuers=[shop.certificate()],
            retired={shop.issuer.public.thumbprint: shop.now()},
            now=shop.now(),
        )
        shop.document = {"keyring": keyring}
        shop.backdated = timedelta(hours=2)
    else:
        told = {"id": "h-1", "kind": "transfer", "package": held.id, "licence": held.licence_id}
        answer = {"handovers": [told, told | {"request": "a.b.c"}, 5]}
        shop.squatter = lambda request: (
            JSONResponse(answer) if request.url.path.endswith("/handovers") else None
        )
    with connect(seat) as client:
        assert waiting_requests(client, seat.device, now=utc_now()) == ()
        assert give_back(client, seat.folder, seat.device, clock=utc_now) == 0

    assert (shop.words, licence_file(seat, held).exists()) == ([], True)
    play(seat, shop, held, offline=True)


@pytest.mark.parametrize("step", ["delete", "send", "hear"])
def test_cut_short_anywhere_a_licence_or_a_word_is_left(
    seat: Seat,
    shop: HandingShop,
    held: FakePackage,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    shop.ask_for(held)
    if step == "send":
        shop.answers = [500]
    elif step == "hear":
        shop.squatter = lambda request: (
            JSONResponse({}, 500) if request.url.path.endswith("/status") else None
        )
    with monkeypatch.context() as patched:
        if step == "delete":
            patched.setattr(Path, "unlink", _power_cut)
        with suppress(PowerCutError):
            assert let_go(seat) == 0
    left = (licence_file(seat, held).exists(), len(pending_words(seat.folder)))
    assert left == (step == "delete", 1)
    shop.squatter = None
    if step == "hear":
        shop.ask_for(held)  # the real shop takes the same word twice

    assert let_go(seat) == 1

    assert not licence_file(seat, held).exists()
    assert pending_words(seat.folder) == ()
    with pytest.raises(LicenceRefusedError, match="You have lent this"):
        play(seat, shop, held, offline=True)


def test_a_word_that_was_not_heard_is_sent_again(
    seat: Seat, shop: HandingShop, held: FakePackage, running: Running
) -> None:
    shop.ask_for(held)
    shop.answers = [500]

    assert (let_go(seat), len(pending_words(seat.folder))) == (0, 1)
    with connect(seat) as client:
        running.stop()
        client._sleep = lambda _seconds: None
        with pytest.raises(ShopUnreachableError):
            give_back(client, seat.folder, seat.device, clock=utc_now)
    assert len(pending_words(seat.folder)) == 1


def test_a_cancelled_handover_gives_the_licence_again(
    seat: Seat, shop: HandingShop, held: FakePackage
) -> None:
    shop.ask_for(held)
    shop.answers = [409]

    assert let_go(seat) == 0
    shop.asked.clear()

    assert pending_words(seat.folder) == ()
    play(seat, shop, held)
    assert licence_file(seat, held).exists()


def test_the_licence_of_another_purchase_stays(
    seat: Seat, shop: HandingShop, held: FakePackage
) -> None:
    held.purchase = 2
    shop.ask_for(held)
    kept = licence_file(seat, held).read_bytes()

    assert let_go(seat) == 1

    assert licence_file(seat, held).read_bytes() == kept
    play(seat, shop, held, offline=True)


def test_a_loan_goes_back_with_its_lease(
    seat: Seat, shop: HandingShop, album: FakePackage, own: Own
) -> None:
    album.rights = Rights(play=True, lease=LeaseTerms(duration=259_200, grace=86_400))
    album.kind = "loan"
    own(album)
    play(seat, shop, album)
    records = Leases(seat.shop, seat.folder, seat.device, clock=utc_now).records
    assert len(records.read().licences) == 1
    shop.ask_for(album, "return")

    assert let_go(seat) == 1

    assert records.read().licences == {}
    assert not licence_file(seat, album).exists()


def test_sync_and_the_daemon_give_back_at_each_look(
    seat: Seat, shop: HandingShop, held: FakePackage, geobuk: Command
) -> None:
    shop.ask_for(held, "loan")
    with connect(seat) as client:
        refresh_library(
            client, seat.folder, thumbprint=seat.device.thumbprint, now=utc_now() - timedelta(1)
        )

    listed = geobuk("handovers", "--json")
    told = geobuk("handovers")
    synced = geobuk("sync", "--json")
    after = geobuk("handovers")

    assert last_json(listed)["handovers"] == [
        {"id": "h-1", "kind": "loan", "package": held.id, "title": held.title}
    ]
    assert f"{held.title}: you lend it; this device has not let go of it yet." in told.stderr
    assert "geobuk sync" in told.stderr
    assert synced.exit_code == 0, synced.stderr
    assert (len(shop.words), licence_file(seat, held).exists()) == (1, False)
    assert "Nothing waits for this device." in after.stderr


def test_a_request_about_no_package_is_left_out(
    seat: Seat, shop: HandingShop, held: FakePackage
) -> None:
    # Whatever a shop has signed is no name of a folder, and must not stop what else is asked.
    nothing: Any = SimpleNamespace(id="../../..", licence_id="x")
    shop.ask_for(nothing, handover="h-0")
    shop.ask_for(held)

    assert let_go(seat) == 1

    assert pending_words(seat.folder) == ()
    assert not licence_file(seat, held).exists()
