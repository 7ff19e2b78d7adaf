"""The server's disk is lost: the shop comes back from its backup, and a purchase plays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.house import House, Seeder, open_house, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

# A seller's free listing, and a buyer who took it; sealed by the job worker.
SELL = """
import io
from django.utils import timezone
from marketplace.sandbox.demo import make_user
from marketplace.accounts import services as accounts
from marketplace.catalog import queries, services as catalog
from marketplace.catalog.types import ListingDetails
from marketplace.core.money import Money
from marketplace.packaging import services as packaging
from marketplace.publishing import services as publishing
seller = make_user("seller@example.org")
accounts.become_seller(user=seller, name="Seller", country="KR")
details = ListingDetails(title="Reading", description="", price=Money(0, "KRW"),
                         category=queries.category("books"))
listing = catalog.create_listing(seller=seller, details=details)
data = open({path!r}, "rb").read()
packaging.add_file(owner=seller, draft_id=listing.draft_id, name="reading.pdf",
                   source=io.BytesIO(data), size=len(data), now=timezone.now())
publishing.publish(listing_id=listing.pk, seller=seller)
"""
BUY = """
from django.utils import timezone
from marketplace.sandbox.demo import make_user
from marketplace.catalog import queries
from marketplace.checkout import services as checkout
from marketplace.checkout.types import Wish
from marketplace.orders import queries as orders
[listing] = queries.on_sale()
checkout.start_checkout(buyer=make_user("buyer@example.org"),
                        wishes=[Wish(listing_id=listing.pk, seen=orders.terms_of(listing).token)],
                        site="http://shop", language="en", now=timezone.now())
"""
APPROVE = """
from django.utils import timezone
from marketplace.sandbox.demo import make_user
from marketplace.accounts import services as accounts
now = timezone.now()
grant = accounts.find_grant(user_code={code!r}, now=now)
accounts.decide_device_login(grant_id=grant.pk, user=make_user("buyer@example.org"),
                             approve=True, now=now)
"""


def _log_in(house: House, seeder: Seeder) -> None:
    login = seeder.start("login", house.url, "--json")
    assert login.stdout is not None
    code = json.loads(login.stdout.readline())["user_code"]
    house.python(APPROVE.format(code=code))
    wait_until(lambda: login.poll() is not None, what="geobuk login has ended")


def _played(seeder: Seeder) -> str:
    player = seeder.start("play", "Reading", "--no-browser", "--json")
    assert player.stdout is not None
    line = player.stdout.readlines(1)[0]
    while "url" not in (opened := json.loads(line)):
        line = player.stdout.readline()
    with urllib.request.urlopen(opened["url"]) as answer:
        digest = hashlib.file_digest(answer, "sha256").hexdigest()
    seeder.stop()
    return digest


@pytest.mark.parametrize("kept", ["in the backup", "by a buyer alone"])
def test_a_purchase_plays_from_a_shop_restored_into_an_empty_folder(
    tmp_path: Path, kept: str
) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "reading.pdf").write_bytes(b"%PDF-1.7\n" + content)
    wanted = hashlib.sha256((tmp_path / "reading.pdf").read_bytes()).hexdigest()
    backup, seeder, newcomer = (
        tmp_path / "backup",
        Seeder(tmp_path / "pc"),
        Seeder(tmp_path / "new"),
    )

    with open_house(tmp_path / "old") as house:
        house.environment["GEOBUK_BACKUP_PASSPHRASE"] = "correct horse battery staple"
        house.python(SELL.format(path=str(tmp_path / "reading.pdf")))
        wait_until(lambda: "Reading" in _front(house), what="the listing is on sale")
        house.python(BUY)
        _log_in(house, seeder)
        assert _played(seeder) == wanted
        house.manage("backup", str(backup), *(["--with-store"] if kept == "in the backup" else []))
        house.stop()
        shutil.rmtree(house.data)

        house.data.mkdir()
        told = house.manage("restore", str(backup))
        assert ("1 sealed files are not in the store" in told) == (kept == "by a buyer alone")
        house.prepare()
        house.start()

        # A device that was logged in goes on, and one that never was can begin: from the
        # origin, which has its files from the backup or fetches them back from the buyer.
        seeder.start("run", "--json")
        wait_until(lambda: _whole(house), what="the origin has the sealed file")
        seeder.stop()
        assert _played(seeder) == wanted
        _log_in(house, newcomer)
        assert _played(newcomer) == wanted


def _whole(house: House) -> bool:
    store = house.data / "store"
    return any(store.glob("*/00000")) and not any(store.glob("*.mending"))


def _front(house: House) -> str:
    with urllib.request.urlopen(house.url) as answer:
        return str(answer.read().decode())
