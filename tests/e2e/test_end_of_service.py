"""The shop ends: trustees activate, and a new PC plays what was bought, fetched from a buyer.

The rehearsal: two buyers, one of whom prints a recovery key and keeps a kit; then the server
is stopped and its data deleted, and nothing of it is asked again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import House, Seeder, free_port, open_house, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SELL = """
from django.utils import timezone
from marketplace.sandbox.demo import make_user
from marketplace.accounts import services as accounts
from marketplace.catalog import queries, services as catalog
from marketplace.catalog.types import ListingDetails, SaleTerms
from marketplace.core.money import Money
from marketplace.packaging import services as packaging
from marketplace.publishing import services as publishing
seller = make_user("seller@example.org")
accounts.become_seller(user=seller, name="Seller", country="KR")
data = open({path!r}, "rb").read()
for title in ("Reading", "Refunded"):
    details = ListingDetails(title=title, description="", price=Money(0, "KRW"),
                             category=queries.category("books"))
    listing = catalog.create_listing(seller=seller, details=details)
    packaging.add_file(owner=seller, draft_id=listing.draft_id, name="reading.pdf",
                       source=open({path!r}, "rb"), size=len(data), now=timezone.now())
    publishing.publish(seller=seller, listing_id=listing.pk,
                       terms=SaleTerms(may_save=title == "Reading"))
"""
BUY = """
from django.utils import timezone
from marketplace.sandbox.demo import make_user
from marketplace.catalog import queries
from marketplace.checkout import services as checkout
from marketplace.checkout.types import Wish
from marketplace.orders import queries as orders
for buyer in ("ada@example.org", "bea@example.org"):
    for listing in queries.on_sale():
        checkout.start_checkout(buyer=make_user(buyer),
                                wishes=[Wish(listing_id=listing.pk, seen=orders.terms_of(listing).token)],
                                site="http://shop", language="en", now=timezone.now())
"""
REFUND = """
from django.utils import timezone
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement
for owned in Entitlement.objects.filter(listing__title="Refunded"):
    licensing.revoke(order_id=owned.order_id, cause="refund:1", now=timezone.now())
"""
APPROVE = """
from django.utils import timezone
from marketplace.sandbox.demo import make_user
from marketplace.accounts import services as accounts
now = timezone.now()
grant = accounts.find_grant(user_code={code!r}, now=now)
accounts.decide_device_login(grant_id=grant.pk, user=make_user({buyer!r}), approve=True, now=now)
"""


class World:
    """The two buyers, what is left on their machines, and what the trustees hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ada, self.bea = Seeder(folder / "ada"), Seeder(folder / "bea")
        self.shares = folder / "shares"
        self.kit, self.paper = folder / "kit.zip", folder / "paper.txt"
        self.code = ""
        self.wanted = ""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """What is left of a shop that is gone for good."""
    world = World(tmp_path_factory.mktemp("end"))
    reading = world.folder / "reading.pdf"
    reading.write_bytes(b"%PDF-1.7\n" + os.urandom(3_000_000))
    world.wanted = hashlib.sha256(reading.read_bytes()).hexdigest()
    with open_house(world.folder / "house") as house:
        house.python(SELL.format(path=str(reading)))
        for title in ("Reading", "Refunded"):
            wait_until(lambda: title in _front(house), what=f"{title} is on sale")  # noqa: B023
        house.python(BUY)
        for seeder, buyer in ((world.ada, "ada@example.org"), (world.bea, "bea@example.org")):
            _log_in(house, seeder, buyer)
            assert seeder.json("sync")["complete"]
        house.python(REFUND)
        assert world.bea.json("sync")["complete"]
        made = world.ada.json("recovery", "create", "--out", str(world.paper))
        world.code = made["code"]
        assert world.ada.json("recovery", "kit", str(world.kit))["titles"] == ["Reading"]
        house.manage(
            "continuity", "prepare", "--trustees", "5", "--threshold", "3", "--out",
            str(world.shares),
        )  # fmt: skip
    shutil.rmtree(house.data)
    # Ada's computer is gone too: what she has left is the paper and the kit.
    shutil.rmtree(world.ada.home)
    yield world
    world.bea.stop()


def test_the_paper_and_the_kit_bring_it_back_from_another_buyer(
    world: World, tmp_path: Path
) -> None:
    newcomer, activation = Seeder(tmp_path / "new"), tmp_path / "activation.json"
    assert all(group in world.paper.read_text() for group in world.code.split("-"))
    assert world.paper.stat().st_mode & 0o777 == 0o600

    # Before the activation, neither paper nor kit opens anything, and no two trustees do.
    two = newcomer.run("trustees", "combine", *_shares(world, 1, 4), "--out", str(activation))
    assert (two.returncode, activation.exists()) == (1, False)
    assert "1 is missing" in two.stderr
    refused = _recover(newcomer, world, activation)
    assert refused.returncode == 1
    assert not (newcomer.home / "shops").exists()

    combined = newcomer.json(
        "trustees", "combine", *_shares(world, 5, 1, 3), "--out", str(activation)
    )
    assert combined["shop"] == "Geobuk"
    port = free_port()
    assert len(world.bea.json("activate", str(activation))["packages"]) == 1
    sharing = world.bea.start("run", "--port", str(port), "--json")
    assert sharing.stdout is not None
    wait_until(lambda: '"seeding"' in sharing.stdout.readline(), what="bea shares openly")  # type: ignore[union-attr]  # asserted above

    recovered = _recover(newcomer, world, activation)
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert json.loads(recovered.stdout)["titles"] == ["Reading"]
    titles = [item["title"] for item in newcomer.json("library")["items"]]
    assert titles == ["Reading"]
    fetched = newcomer.json("sync", "--peer", f"127.0.0.1:{port}")

    assert (fetched["complete"], len(fetched["packages"])) == (True, 1)
    assert _played(newcomer) == world.wanted
    saved = newcomer.json("save", "Reading", str(tmp_path / "saved.pdf"))
    assert hashlib.sha256(Path(saved["saved"][0]).read_bytes()).hexdigest() == world.wanted
    world.bea.stop()


def test_what_is_forged_or_mistaken_leaves_nothing_half_made(world: World, tmp_path: Path) -> None:
    newcomer, activation = Seeder(tmp_path / "new"), tmp_path / "activation.json"
    newcomer.json("trustees", "combine", *_shares(world, 1, 2, 3), "--out", str(activation))
    forged = tmp_path / "forged.json"
    changed = json.loads(activation.read_text())
    forged.write_text(json.dumps(changed | {"secret": "A" * 43}))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(world.kit.read_bytes()[:-2000])
    slipped = world.code[:7] + ("0" if world.code[7] != "0" else "1") + world.code[8:]

    cases: list[tuple[dict[str, Any], str]] = [
        ({"file": forged}, "changed on its way"),
        ({"kit": broken}, "not a whole recovery kit"),
        ({"code": slipped}, "Group 2 of the code"),
        ({"code": world.code[:-7]}, "66 characters instead of 72"),
        ({"file": tmp_path / "none.json"}, "There is no file"),
    ]
    for change, sentence in cases:
        refused = _recover(newcomer, world, activation, **change)
        assert refused.returncode == 1
        assert sentence in refused.stdout
        assert not (newcomer.home / "shops").exists()
        assert not (newcomer.home / "config.json").exists()


def _recover(
    seeder: Seeder,
    world: World,
    activation: Path,
    *,
    file: Path | None = None,
    kit: Path | None = None,
    code: str | None = None,
) -> subprocess.CompletedProcess[str]:
    typed = seeder.home.with_name("typed.txt")
    typed.write_text((code or world.code).lower().replace("-", " "))
    return seeder.run(
        "recover", str(kit or world.kit), "--activation", str(file or activation),
        "--code-file", str(typed), "--json",
    )  # fmt: skip


def _shares(world: World, *numbers: int) -> list[str]:
    return [str(world.shares / f"share-{number}-of-5.json") for number in numbers]


def _log_in(house: House, seeder: Seeder, buyer: str) -> None:
    login = seeder.start("login", house.url, "--json")
    assert login.stdout is not None
    code = json.loads(login.stdout.readline())["user_code"]
    house.python(APPROVE.format(code=code, buyer=buyer))
    wait_until(lambda: login.poll() is not None, what="geobuk login has ended")
    seeder.stop()


def _played(seeder: Seeder) -> str:
    player = seeder.start("play", "Reading", "--no-browser", "--json")
    assert player.stdout is not None
    line = player.stdout.readline()
    while "url" not in (opened := json.loads(line)):
        line = player.stdout.readline()
    with urllib.request.urlopen(opened["url"]) as answer:
        digest = hashlib.file_digest(answer, "sha256").hexdigest()
    seeder.stop()
    return digest


def _front(house: House) -> str:
    with urllib.request.urlopen(house.url) as answer:
        return str(answer.read().decode())
