"""Which unlock documents a device keeps, whoever answers at the shop's address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from drm.keys import IdentityKey, SealingKey
from drm.licence import DeviceKeys
from seeder.cli.seat import Seat, connect
from seeder.errors import RecoveryError
from seeder.unlocking import UnlockPapers, fetch_unlock
from tests.seeder.ending import EndingShop
from tests.seeder.log_shop import LogShop
from tests.seeder.shop import FakePackage


@dataclass
class _Shop(LogShop, EndingShop):
    """A shop with a keyring that prepares its end; `others` changes what is for no device."""

    others: dict[str, Any] | None = None

    def unlock_for(self, recipient: DeviceKeys, **changes: Any) -> str:
        paper = recipient == self.paper
        return super().unlock_for(recipient, **(self.others or {} if paper else {}), **changes)


@pytest.fixture
def shop() -> _Shop:
    made = _Shop()
    made.publish()
    return made


def paper() -> DeviceKeys:
    return DeviceKeys(
        identity_public=IdentityKey.generate().public, sealing_public=SealingKey.generate().public
    )


def fetched(seat: Seat, shop: _Shop) -> str:
    """Who the recovery document that lies here is for, after a look at the shop."""
    with connect(seat) as client:
        fetch_unlock(client, seat.folder, thumbprint=seat.device.thumbprint, now=shop.now())
        unlock = UnlockPapers(seat.folder).recovery(client.shop)
        return unlock.recipient if unlock else ""


def test_a_strangers_document_does_not_replace_that_of_the_paper(
    seat: Seat, shop: _Shop, film: FakePackage
) -> None:
    # Given somebody in a dead shop's place, who once bought there: their own document is
    # genuine, and newer. A kit made with it would open with their paper.
    mine = shop.paper = paper()
    assert fetched(seat, shop) == mine.identity_public.thumbprint

    shop.paper, shop.others = paper(), {"subject": "another buyer"}

    assert fetched(seat, shop) == mine.identity_public.thumbprint


def test_an_older_papers_document_does_not_come_back(
    seat: Seat, shop: _Shop, film: FakePackage
) -> None:
    mine = shop.paper = paper()
    fetched(seat, shop)

    shop.paper, shop.others = paper(), {"now": shop.now() - timedelta(days=1)}

    assert fetched(seat, shop) == mine.identity_public.thumbprint


def test_a_new_paper_and_another_account_are_followed(
    seat: Seat, shop: _Shop, film: FakePackage
) -> None:
    shop.paper = paper()
    fetched(seat, shop)

    new = shop.paper = paper()
    assert fetched(seat, shop) == new.identity_public.thumbprint


def test_a_fresh_document_by_a_retired_issuer_is_not_kept_and_a_kept_one_stays(
    seat: Seat, shop: _Shop, film: FakePackage
) -> None:
    # Given a thief of the retired key in the shop's place: what they sign opens nothing.
    shop.paper = paper()
    fetched(seat, shop)
    papers = UnlockPapers(seat.folder)
    kept = papers.device_file.read_bytes()
    shop.roll_over()
    shop.signer = shop.former[0]

    with pytest.raises(RecoveryError, match="its keys signed"):
        fetched(seat, shop)

    assert papers.device_file.read_bytes() == kept
    with connect(seat) as client:
        assert papers.device(client.shop) is not None
    shop.signer = None
    fetched(seat, shop)
    assert papers.device_file.read_bytes() != kept
