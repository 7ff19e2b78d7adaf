"""Rentals between the real shop and the real seeder: leased, counted, stopped, and offline."""

from __future__ import annotations

import hashlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import House, Seeder, open_house, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SELL = """
from django.utils import timezone
from marketplace.sandbox.demo import make_user
from marketplace.accounts import services as accounts
from marketplace.catalog import queries, services as catalog
from marketplace.catalog.types import ListingDetails
from marketplace.core.money import Money
from marketplace.packaging import services as packaging
from marketplace.publishing import services as publishing
seller = make_user({title!r} + "@example.org")
accounts.become_seller(user=seller, name="Seller", country="KR")
details = ListingDetails(title={title!r}, description="", price=Money(0, "KRW"),
                         category=queries.category("books"))
listing = catalog.create_listing(seller=seller, details=details)
packaging.add_file(owner=seller, draft_id=listing.draft_id, name="reading.pdf",
                   source=open({path!r}, "rb"), size={size}, now=timezone.now())
publishing.publish(listing_id=listing.pk, seller=seller)
"""
RENT = """
import datetime as dt
from django.utils import timezone
from marketplace.sandbox.demo import make_user
from marketplace.catalog.models import Listing
from marketplace.licensing import services as licensing
now = timezone.now()
listing = Listing.objects.get(title={title!r})
rights = {{"play": True, "lease": {{"duration": 259200, "grace": 86400}}, **{rights!r}}}
licensing.grant(user=make_user("buyer@example.org"), listing_id=listing.pk,
                package_id=listing.package_id, order_id=None, source="test:" + {title!r},
                rights=rights, kind="rental", start_by=now + dt.timedelta(days=30), now=now)
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
KNOWN = """
import json
from marketplace.licensing.models import Entitlement
rented = Entitlement.objects.get(listing__title={title!r})
print(json.dumps([rented.first_play_at is not None, rented.plays_used]))
"""


class Renting:
    """The shop, a buyer's machine with both rentals on it, and the content."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.seeder = Seeder(folder / "pc")
        content = b"%PDF-1.7\n" + os.urandom(1_000_000)
        self.file = folder / "reading.pdf"
        self.file.write_bytes(content)
        self.wanted = hashlib.sha256(content).hexdigest()

    def offer(self, title: str, **rights: Any) -> None:
        size = self.file.stat().st_size
        self.house.python(SELL.format(title=title, path=str(self.file), size=size))
        wait_until(lambda: title in self._front(), what=f"{title} is on sale")
        self.house.python(RENT.format(title=title, rights=rights))

    def log_in(self) -> None:
        login = self.seeder.start("login", self.house.url, "--json")
        assert login.stdout is not None
        code = json.loads(login.stdout.readline())["user_code"]
        self.house.python(APPROVE.format(code=code))
        wait_until(lambda: login.poll() is not None, what="geobuk login has ended")

    def open(self, title: str) -> dict[str, Any]:
        player = self.seeder.start("play", title, "--no-browser", "--json")
        assert player.stdout is not None
        value = json.loads(player.stdout.readline())
        assert isinstance(value, dict)
        return value

    def play(self, title: str) -> str:
        """The hash of what plays, or the code of the refusal."""
        opened = self.open(title)
        if "error" in opened:
            return str(opened["error"]["code"])
        with urllib.request.urlopen(opened["url"]) as answer:
            digest = hashlib.file_digest(answer, "sha256").hexdigest()
        time.sleep(1)  # the first play is told in the background
        self.seeder.stop()
        return digest

    def known(self, title: str) -> list[Any]:
        """What the shop knows: whether it has begun, and the plays used."""
        value = json.loads(self.house.python(KNOWN.format(title=title)).split("\n")[-2])
        assert isinstance(value, list)
        return value

    def terms(self, title: str) -> dict[str, Any]:
        items = self.seeder.json("library")["items"]
        [terms] = [item["terms"] for item in items if item["title"] == title]
        assert isinstance(terms, dict)
        return terms

    def _front(self) -> str:
        with urllib.request.urlopen(self.house.url) as answer:
            return str(answer.read().decode())


@pytest.fixture
def renting(tmp_path: Path) -> Iterator[Renting]:
    with open_house(tmp_path / "house") as house:
        renting = Renting(house, tmp_path)
        yield renting
        renting.seeder.stop()


def test_a_rental_is_leased_counted_and_plays_offline(renting: Renting) -> None:
    renting.offer("Counted", play_window=172_800, play_count=2)
    renting.offer("Windowed", play_window=172_800)
    renting.log_in()
    assert renting.seeder.json("sync")["complete"]
    before = renting.terms("Counted")
    assert (before["started"], before["window_seconds"]) == (False, 172_800)
    assert before["plays_left"] == 1  # set aside for this device
    assert renting.known("Counted") == [False, 0]

    # Two plays were sold: each is handed out with a lease, and there is no third.
    assert renting.play("Counted") == renting.wanted
    assert renting.known("Counted")[0]
    assert renting.terms("Counted")["started"]
    assert renting.play("Counted") == renting.wanted
    assert renting.play("Counted") in {"plays_used_up", "expired", "revoked"}
    assert renting.known("Counted") == [True, 2]

    # The shop is gone: the lease goes on.
    assert renting.play("Windowed") == renting.wanted
    renting.house.stop("origin", "worker", "web")
    assert renting.play("Windowed") == renting.wanted
    record = next(renting.seeder.home.glob("shops/*/record.json"))
    record.unlink()
    assert renting.play("Windowed") == "state_missing"
    renting.house.start("web")
    assert renting.play("Windowed") == renting.wanted


def test_a_window_ends_while_the_player_is_open(renting: Renting) -> None:
    renting.offer("Short", play_window=6)
    renting.log_in()
    assert renting.seeder.json("sync")["complete"]
    opened = renting.open("Short")
    with urllib.request.urlopen(opened["url"]) as answer:
        assert hashlib.file_digest(answer, "sha256").hexdigest() == renting.wanted

    def refused() -> str:
        try:
            urllib.request.urlopen(opened["url"]).close()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        return ""

    assert "has run out" in wait_until(refused, what="the window is over", seconds=15)
    renting.seeder.stop()
    assert renting.play("Short") in {"window_over", "expired", "revoked"}
