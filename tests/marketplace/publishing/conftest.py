from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings

from marketplace.accounts.models import Seller, User
from marketplace.catalog import services as catalog
from marketplace.catalog.models import Category, Listing
from marketplace.catalog.types import ListingDetails
from marketplace.core.money import Money
from marketplace.packaging import services as packaging
from marketplace.packaging.models import Upload
from marketplace.publishing.worker import JobWorker

FLAC = b"fLaC\x00\x00\x00\x22" + bytes(range(256)) * 600
ZIP = b"PK\x03\x04" + bytes(500)


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> Path:
    """Folders of this test alone."""
    settings.DATA_DIR = tmp_path
    settings.STORE_DIR = tmp_path / "store"
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.KEY_DIR = tmp_path / "keys"
    return tmp_path


@pytest.fixture
def category(db: None) -> Category:
    # A test with real transactions before this one has emptied the tables.
    names = {"name_en": "Music", "name_ko": "음악"}
    return Category.objects.get_or_create(slug="music", defaults=names)[0]


def work() -> None:
    """Do every job that waits, as the worker does, but in this test's transaction."""
    worker = JobWorker(batch=True)
    while job := DBTaskResult.objects.ready().first():
        job.claim(worker.worker_id)
        worker.run_task(job)


@pytest.fixture
def make_seller(db: None) -> Callable[[], User]:
    def make() -> User:
        mark = uuid.uuid4().hex[:8]
        user = User.objects.create_user(f"{mark}@example.org", "pw")
        Seller.objects.create(user=user, name=f"Studio {mark}", slug=mark)
        return user

    return make


@pytest.fixture
def seller(make_seller: Callable[[], User]) -> User:
    return make_seller()


@pytest.fixture
def browser(client: Client, seller: User) -> Client:
    """A browser in which the seller is logged in."""
    client.force_login(seller)
    return client


@pytest.fixture
def listing(seller: User, category: Category) -> Listing:
    details = ListingDetails(
        title="밤의 노래", description="", price=Money(9_900, "KRW"), category=category
    )
    return catalog.create_listing(seller=seller, details=details)


@pytest.fixture
def add(listing: Listing) -> Callable[..., Upload]:
    """Put a whole file into the listing."""

    def add_file(name: str = "song.flac", data: bytes = FLAC) -> Upload:
        return packaging.add_file(
            owner=listing.seller,
            draft_id=listing.draft_id,
            name=name,
            source=io.BytesIO(data),
            size=len(data),
            now=timezone.now(),
        )

    return add_file
