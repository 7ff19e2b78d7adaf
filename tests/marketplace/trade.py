"""A small real trade for tests: content that is sealed, on sale, bought, and two devices."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts.models import Seller, User
from marketplace.catalog import services as catalog
from marketplace.catalog.models import Category, Listing
from marketplace.catalog.terms import rights_of, set_terms
from marketplace.catalog.types import ListingDetails, SaleTerms
from marketplace.core.money import Money
from marketplace.distribution import services as distribution
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement
from marketplace.packaging import services as packaging
from tests.marketplace.accounts.seeder import FakeSeeder

__all__ = [
    "FLAC",
    "buy",
    "folders",
    "log_in_device",
    "make_person",
    "make_seller",
    "sell",
    "sell_next",
]

# Three pieces of 64 KiB, so that the torrent has a piece layer.
FLAC = b"fLaC\x00\x00\x00\x22" + bytes(range(256)) * 600
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Folders of this test alone, and no memory of another's attempts."""
    settings.STORE_DIR = tmp_path / "store"
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.KEY_DIR = tmp_path / "keys"
    settings.ORIGIN_DIR = tmp_path / "origin"
    cache.clear()
    yield tmp_path
    cache.clear()


def make_person(name: str = "ada") -> User:
    return User.objects.create_user(f"{name}@example.org", PASSWORD)


def make_seller(name: str = "달빛 스튜디오") -> User:
    user = make_person(f"seller-{uuid.uuid4().hex[:8]}")
    Seller.objects.create(user=user, name=name, slug=f"{name.replace(' ', '-')}-{user.pk.hex[:6]}")
    return user


def sell(
    seller: User | None = None,
    *,
    title: str = "밤의 노래",
    files: dict[str, bytes] | None = None,
    may_save: bool = False,
    terms: SaleTerms | None = None,
) -> Listing:
    """A listing on sale whose files went through sealing, with its torrent."""
    seller = seller or make_seller()
    # A test with transactions of its own has emptied every table, also what migrations filled.
    category, _ = Category.objects.get_or_create(
        slug="music", defaults={"name_en": "Music", "name_ko": "음악"}
    )
    details = ListingDetails(
        title=title,
        description="",
        price=Money(9_900, "KRW"),
        category=category,
    )
    now = timezone.now()
    listing = catalog.create_listing(seller=seller, details=details)
    terms = terms or SaleTerms(may_save=may_save)
    set_terms(listing_id=listing.pk, seller=seller, terms=terms)
    for name, data in (files or {"song.flac": FLAC}).items():
        packaging.add_file(
            owner=seller,
            draft_id=listing.draft_id,
            name=name,
            source=io.BytesIO(data),
            size=len(data),
            now=now,
        )
    packaging.queue_sealing(draft_id=listing.draft_id, owner=seller, may_save=terms.may_save)
    catalog.set_preparing(listing_id=listing.pk)
    package = packaging.seal_draft(draft_id=listing.draft_id, now=now)
    distribution.create_torrent(package_id=package.pk)
    return catalog.put_on_sale(listing_id=listing.pk, package_id=package.pk, now=now)


def sell_next(listing: Listing, *, data: bytes = FLAC, notes: str = "") -> Listing:
    """The same listing with a new version, sealed anew, whose only file holds `data`."""
    seller, now = listing.seller, timezone.now()
    version = catalog.begin_version(listing_id=listing.pk, seller=seller)
    packaging.add_file(
        owner=seller,
        draft_id=version.draft_id,
        name="song.flac",
        source=io.BytesIO(data),
        size=len(data),
        now=now,
    )
    packaging.queue_sealing(draft_id=version.draft_id, owner=seller, may_save=listing.may_save)
    catalog.set_notes(version_id=version.pk, notes=notes)
    package = packaging.seal_draft(draft_id=version.draft_id, now=now)
    distribution.create_torrent(package_id=package.pk)
    catalog.publish_version(version_id=version.pk, package_id=package.pk, now=now)
    listing.refresh_from_db()
    return listing


def buy(
    user: User,
    listing: Listing,
    *,
    order_id: uuid.UUID | None = None,
    now: dt.datetime | None = None,
) -> Entitlement:
    """What a paid order leads to."""
    assert listing.package_id is not None
    now = now or timezone.now()
    days = listing.start_days
    return licensing.grant(
        user=user,
        listing_id=listing.pk,
        package_id=listing.package_id,
        order_id=order_id or uuid.uuid4(),
        rights=rights_of(listing),
        kind="purchase" if days is None else "rental",
        start_by=None if days is None else now + dt.timedelta(days=days),
        now=now,
    )


def log_in_device(user: User, name: str = "desk") -> FakeSeeder:
    """A device of `user`, logged in with its own keys."""
    seeder = FakeSeeder(name)
    seeder.log_in(user)
    return seeder
