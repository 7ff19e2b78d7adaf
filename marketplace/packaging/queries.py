"""Reading drafts, their uploads, and packages."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from marketplace.accounts.types import User
from marketplace.packaging.access import own_draft, own_upload
from marketplace.packaging.errors import PackageNotFoundError
from marketplace.packaging.media import PLAYABLE, media_type_of_name
from marketplace.packaging.models import Package, PackageDraft, PackageFile, SigningKey, Upload
from marketplace.packaging.store import file_name

__all__ = [
    "draft",
    "files",
    "files_of_draft",
    "issuer_keys",
    "media_type_of_name",
    "package",
    "playable",
    "sealed_files",
    "upload",
    "uploads",
]


def draft(draft_id: uuid.UUID, owner: User) -> PackageDraft:
    """A draft of `owner`. Raises DraftNotFoundError, also where it is another's."""
    return own_draft(draft_id, owner)


def upload(upload_id: uuid.UUID, owner: User) -> Upload:
    """An upload of `owner`. Raises UploadNotFoundError, also where it is another's."""
    return own_upload(upload_id, owner)


def uploads(draft_id: uuid.UUID) -> QuerySet[Upload]:
    """The uploads of a draft in their order; none once it is sealed."""
    return Upload.objects.filter(draft_id=draft_id)


def package(package_id: str) -> Package:
    """A package by its id. Raises PackageNotFoundError."""
    try:
        return Package.objects.get(pk=package_id)
    except Package.DoesNotExist:
        raise PackageNotFoundError(package_id[:80]) from None


def files(package_id: str) -> QuerySet[PackageFile]:
    """The files of a package in their order."""
    return PackageFile.objects.filter(package_id=package_id)


def files_of_draft(draft_id: uuid.UUID) -> QuerySet[PackageFile]:
    """The files of the package that a draft became; none before."""
    return PackageFile.objects.filter(package__draft_id=draft_id)


def playable(media_type: str) -> bool:
    """Whether the player of this shop shows files of this media type."""
    return media_type in PLAYABLE


def issuer_keys() -> QuerySet[SigningKey]:
    """Every issuer key of the shop, the first one first; their secrets stay wrapped."""
    issuers = SigningKey.objects.filter(role=SigningKey.Role.ISSUER)
    return issuers.order_by("starts_at", "created_at")


def sealed_files() -> dict[str, int]:
    """Every sealed file of every package, by its path inside the store, with its size."""
    rows = PackageFile.objects.values_list("package_id", "index", "sealed_size")
    return {f"{package}/{file_name(index)}": size for package, index, size in rows}
