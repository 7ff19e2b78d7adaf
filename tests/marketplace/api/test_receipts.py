"""POST /swarm/receipts: as a stranger's program calls it, and as our own seeder does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from marketplace.distribution.models import Claim, Receipt, ReceiptChain, SeenNetwork
from seeder.alerts import PeerSnapshot, TorrentState
from seeder.client import ShopClient
from seeder.config import ShopFolder
from seeder.receipts import AFTER_REFUSAL, EVERY, Receipting
from seeder.session import TorrentSnapshot
from tests.marketplace.api.calling import call
from tests.marketplace.api.wire import client_of, keys_of
from tests.marketplace.distribution.receipting import Crowd, Peer, chain_id

pytestmark = pytest.mark.django_db

ROUTE = "/api/v1/swarm/receipts"
HASH = "cd" * 32


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


def _post(peer: Peer, document: Any) -> Any:
    return call(peer.seeder, "POST", ROUTE, body={"receipts": document})


def test_a_document_is_taken_and_taken_again_without_effect(crowd: Crowd) -> None:
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    document = ada.document(got={ben.label: 1000}, sent={ben.label: 5, "x" * 20: 7})

    first, again = _post(ada, document), _post(ada, document)

    assert (first.status_code, first.json()) == (200, {"sequence": 1, "counted": 2})
    assert (again.status_code, again.json()) == (200, {"sequence": 1, "counted": 0})
    assert (Receipt.objects.get().bytes, Claim.objects.get().bytes) == (1000, 5)
    assert SeenNetwork.objects.filter(device=ada.device, network="127.0.0.0/24").exists()


def test_a_document_that_continues_nothing_is_a_conflict(crowd: Crowd) -> None:
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    assert _post(ada, ada.document(got={ben.label: 1000})).status_code == 200

    answer = _post(ada, ada.document(got={ben.label: 5000}))

    assert (answer.status_code, answer.json()["code"]) == (409, "receipts_broken")
    assert Receipt.objects.get().bytes == 1000


@pytest.mark.parametrize("document", ["", "a.b.c", "x" * 5000, "é.é.é", "\x00"])
def test_what_is_no_document_is_refused_with_a_sentence(crowd: Crowd, document: str) -> None:
    ada = crowd.joins("ada")

    answer = _post(ada, document)

    assert (answer.status_code, answer.json()["code"]) == (422, "receipts_refused")
    assert answer.json()["message"].endswith(".")
    assert not ReceiptChain.objects.exists()


@pytest.mark.parametrize("document", [None, 7, [], "x" * (256 * 1024 + 1)])
def test_a_body_of_another_shape_is_invalid(crowd: Crowd, document: object) -> None:
    answer = _post(crowd.joins("ada"), document)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_anothers_document_is_refused(crowd: Crowd) -> None:
    ada, eve = crowd.joins("ada"), crowd.joins("eve")

    answer = _post(eve, ada.document(got={eve.label: 1000}))

    assert (answer.status_code, answer.json()["code"]) == (422, "receipts_refused")
    assert not Receipt.objects.exists()


class Line:
    """A session as the accounting asks it: one torrent, one peer."""

    def __init__(self, package: str, label: str) -> None:
        self.package = package
        self.peer = PeerSnapshot(HASH, "198.51.100.9", 6881, label, 0, 0, True, False)

    def got(self, total: int) -> None:
        self.peer = PeerSnapshot(HASH, "198.51.100.9", 6881, self.peer.label, total, 0, True, False)

    def peers(self) -> tuple[PeerSnapshot, ...]:
        return (self.peer,)

    def snapshot(self) -> tuple[TorrentSnapshot, ...]:
        torrent = TorrentSnapshot(
            name=self.package,
            info_hash=HASH,
            state=TorrentState.DOWNLOADING,
            done=0,
            total=1,
            down_rate=0,
            up_rate=0,
            downloaded=0,
            uploaded=0,
            failed=0,
            peers=1,
            seeds=1,
            error="",
            tracker_error="",
        )
        return (torrent,)


class Clock:
    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def ada(crowd: Crowd) -> Peer:
    return crowd.joins("ada")


@pytest.fixture
def ben(crowd: Crowd) -> Peer:
    return crowd.joins("ben")


@pytest.fixture
def folder(tmp_path: Path) -> ShopFolder:
    return ShopFolder(tmp_path / "seeder")


@pytest.fixture
def client(ada: Peer, folder: ShopFolder) -> Iterator[ShopClient]:
    with client_of(ada.seeder, folder) as client:
        yield client


def _receipting(
    ada: Peer, folder: ShopFolder, client: ShopClient, line: Line, clock: Clock
) -> Receipting:
    return Receipting(client, folder, keys_of(ada.seeder), line, clock=clock)


def test_the_seeder_counts_and_hands_in_about_every_minute(
    crowd: Crowd, ada: Peer, ben: Peer, folder: ShopFolder, client: ShopClient
) -> None:
    line, clock = Line(crowd.package, ben.label), Clock()
    receipting = _receipting(ada, folder, client, line, clock)
    line.got(1000)
    receipting.look()
    receipting.step()
    assert not Receipt.objects.exists()

    clock.now += EVERY
    receipting.step()
    assert Receipt.objects.get().bytes == 1000
    line.got(5000)
    receipting.look()
    clock.now += EVERY
    receipting.step()

    ben.says(sent={ada.label: 5000})
    assert crowd.deliveries(ada) == {ben.user.pk: 5000}
    assert ReceiptChain.objects.get(device=ada.device).sequence == 2


def test_a_seeder_that_was_started_again_continues_its_chain(
    crowd: Crowd, ada: Peer, ben: Peer, folder: ShopFolder, client: ShopClient
) -> None:
    line, clock = Line(crowd.package, ben.label), Clock()
    for total in (1000, 200):  # each run's session begins to count at nothing
        receipting = _receipting(ada, folder, client, line, clock)
        line.got(total)
        receipting.look()
        assert receipting.hand_in()

    assert Receipt.objects.get().bytes == 1200
    assert ReceiptChain.objects.get(device=ada.device).sequence == 2


def test_a_seeder_that_was_set_back_begins_anew_and_loses_nothing(
    crowd: Crowd, ada: Peer, ben: Peer, folder: ShopFolder, client: ShopClient
) -> None:
    line, clock = Line(crowd.package, ben.label), Clock()
    receipting = _receipting(ada, folder, client, line, clock)
    line.got(1000)
    receipting.look()
    assert receipting.hand_in()
    old = folder.receipts_file.read_bytes()
    line.got(3000)
    receipting.look()
    assert receipting.hand_in()

    folder.receipts_file.write_bytes(old)
    anew = Line(crowd.package, ben.label)
    set_back = _receipting(ada, folder, client, anew, clock)
    anew.got(2500)
    set_back.look()
    clock.now += EVERY
    set_back.step()  # is refused
    set_back.step()  # and tells all totals again

    assert Receipt.objects.get().bytes == 3500
    assert [row.broken for row in ReceiptChain.objects.order_by("pk")] == ["fork", ""]


def test_a_disk_that_refuses_the_book_costs_no_byte_and_is_said(
    crowd: Crowd, ada: Peer, ben: Peer, folder: ShopFolder, client: ShopClient
) -> None:
    line, clock = Line(crowd.package, ben.label), Clock()
    with _receipting(ada, folder, client, line, clock) as receipting:
        line.got(1000)
        receipting.look()
        folder.receipts_file.mkdir(parents=True)  # a file cannot take the place of a folder
        clock.now += EVERY
        receipting.step()
        assert "refuses a file" in receipting.note
        assert not Receipt.objects.exists()  # what is not on disk is not sent

        folder.receipts_file.rmdir()
        clock.now += EVERY
        receipting.step()
        assert (receipting.note, Receipt.objects.get().bytes) == ("", 1000)

        folder.receipts_file.unlink()
        folder.receipts_file.mkdir()  # and it ends as it should, all the same


def test_where_a_new_chain_is_refused_too_it_waits(
    crowd: Crowd, ada: Peer, ben: Peer, folder: ShopFolder, client: ShopClient
) -> None:
    """Twenty a day are enough for anyone; it does not ask again and again."""
    for number in range(20):
        ada.chain, ada.head = chain_id(number), None
        ada.says()
    line, clock = Line(crowd.package, ben.label), Clock()
    receipting = _receipting(ada, folder, client, line, clock)
    line.got(1000)
    receipting.look()
    clock.now += EVERY
    receipting.step()
    assert ReceiptChain.objects.count() == 20

    ReceiptChain.objects.all().delete()
    clock.now += AFTER_REFUSAL / 2
    receipting.step()
    assert not Receipt.objects.exists()
    clock.now += AFTER_REFUSAL / 2
    receipting.step()

    assert Receipt.objects.get().bytes == 1000
