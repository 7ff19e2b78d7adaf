"""Jobs of publishing. They take ids, and may run twice."""

from __future__ import annotations

import threading
import uuid

from django.utils import translation
from django_tasks import task

from marketplace.packaging.errors import SealingStoppedError
from marketplace.publishing.preparing import prepare_listing, prepare_version

__all__ = ["STOP", "seal_listing", "seal_version"]

# Set when the worker is told to end: a job in the middle of a large file gives way.
STOP = threading.Event()


@task()
def seal_listing(listing_id: str, language: str = "") -> None:
    """Bring a listing from its uploads to being on sale; `language`: of who asked for it."""
    with translation.override(language or translation.get_language()):
        try:
            prepare_listing(listing_id=uuid.UUID(listing_id), stop=STOP.is_set)
        except SealingStoppedError:
            # For the next worker, or this one when it is back.
            seal_listing.enqueue(listing_id, language)


@task()
def seal_version(version_id: str, language: str = "") -> None:
    """Bring a new version of a listing from its uploads to its buyers; `language` as above."""
    with translation.override(language or translation.get_language()):
        try:
            prepare_version(version_id=uuid.UUID(version_id), stop=STOP.is_set)
        except SealingStoppedError:
            seal_version.enqueue(version_id, language)
