"""The one way to another's drafts and uploads: what is not yours is not found."""

from __future__ import annotations

import uuid

from marketplace.accounts.types import User
from marketplace.packaging.errors import DraftNotFoundError, UploadNotFoundError
from marketplace.packaging.models import PackageDraft, Upload

__all__ = ["lock_draft", "own_draft", "own_upload"]


def own_draft(draft_id: uuid.UUID, owner: User) -> PackageDraft:
    """The draft, where it is `owner`'s. Raises DraftNotFoundError."""
    try:
        return PackageDraft.objects.get(pk=draft_id, owner_id=owner.pk)
    except PackageDraft.DoesNotExist:
        raise DraftNotFoundError(str(draft_id)) from None


def own_upload(upload_id: uuid.UUID, owner: User) -> Upload:
    """The upload with its draft, where that is `owner`'s. Raises UploadNotFoundError."""
    try:
        return Upload.objects.select_related("draft").get(pk=upload_id, draft__owner_id=owner.pk)
    except Upload.DoesNotExist:
        raise UploadNotFoundError(str(upload_id)) from None


def lock_draft(draft_id: uuid.UUID) -> PackageDraft:
    """The draft, locked until the running transaction ends. Raises DraftNotFoundError.

    Whoever changes a draft's state or its set of uploads holds this lock.
    """
    try:
        return PackageDraft.objects.select_for_update().get(pk=draft_id)
    except PackageDraft.DoesNotExist:
        raise DraftNotFoundError(str(draft_id)) from None
