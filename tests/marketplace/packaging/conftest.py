from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts.models import User
from marketplace.packaging import services
from marketplace.packaging.models import PackageDraft, Upload

FLAC = b"fLaC\x00\x00\x00\x22" + bytes(range(256)) * 4


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> Path:
    """Folders of this test alone."""
    settings.STORE_DIR = tmp_path / "store"
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.KEY_DIR = tmp_path / "keys"
    return tmp_path


@pytest.fixture
def seller(db: None) -> User:
    return User.objects.create_user("seller@example.org", "pw")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("stranger@example.org", "pw")


@pytest.fixture
def draft(seller: User) -> PackageDraft:
    return services.create_draft(owner=seller)


@pytest.fixture
def add(draft: PackageDraft, seller: User) -> Callable[..., Upload]:
    """Put a whole file into the draft, or into another one of the seller."""

    def add_file(
        name: str = "song.flac", data: bytes = FLAC, *, into: PackageDraft = draft
    ) -> Upload:
        return services.add_file(
            owner=seller,
            draft_id=into.pk,
            name=name,
            source=io.BytesIO(data),
            size=len(data),
            now=timezone.now(),
        )

    return add_file


@pytest.fixture
def nobody() -> uuid.UUID:
    """An id that nothing has."""
    return uuid.uuid4()
