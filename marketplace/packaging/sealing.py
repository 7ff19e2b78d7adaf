"""Sealing a draft: from plaintext uploads to one package, all or nothing.

    queued ─► sealing ─► sealed        plaintext is deleted after the commit
                 └─────► failed ─► queued …

The ciphertext is written to a folder that nobody looks at, takes its name inside the
transaction that records it, and each run has a new key and salt. Whichever moment the
process dies at, the next run finds either the whole package or nothing of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from drm.keys import ContentKey
from drm.manifest import FileEntry, package_id, sign_manifest
from drm.package import SealedPackage, choose_piece_length, make_manifest, seal_files
from drm.stream import ciphertext_size
from marketplace.accounts.types import User
from marketplace.core.filelock import LockHeldError, hold
from marketplace.messaging.services import publish, user_group
from marketplace.packaging.access import lock_draft, own_draft
from marketplace.packaging.custody import wrap_content_key
from marketplace.packaging.errors import (
    DraftClosedError,
    NoFilesError,
    NoSpaceError,
    SaveRequiredError,
    SealingRunningError,
    SealingStoppedError,
    UploadsUnfinishedError,
)
from marketplace.packaging.files import discard_draft_files, free_bytes, upload_path
from marketplace.packaging.media import PLAYABLE
from marketplace.packaging.models import ContentKey as ContentKeyRow
from marketplace.packaging.models import Package, PackageDraft, PackageFile, Upload
from marketplace.packaging.signing import issuer
from marketplace.packaging.store import SealingFolder, file_name

__all__ = ["fail_draft", "queue_sealing", "report_stage", "require_sealable", "seal_draft"]

REPORT_EVERY = 0.25  # seconds between two reports of progress
RESERVE = 64 * 1024**2  # bytes of the disk that sealing leaves free
State = PackageDraft.State


def require_sealable(draft: PackageDraft, *, may_save: bool) -> None:
    """Raise where the files of `draft` cannot go on sale under that right.

    NoFilesError, UploadsUnfinishedError, or SaveRequiredError where a file has no
    player here and buyers may not save it: nobody could open it.
    """
    uploads = list(draft.uploads.all())
    # A draft that was sealed before the job failed has its files in the package.
    files = PackageFile.objects.filter(package__draft=draft)
    if not uploads and not files:
        raise NoFilesError(_("Add at least one file first."))
    if waiting := [upload.name for upload in uploads if upload.completed_at is None]:
        raise UploadsUnfinishedError(
            _("These files are not complete yet: %(names)s. Resume or remove them.")
            % {"names": ", ".join(waiting)}
        )
    every = [(f.name, f.media_type) for f in uploads] + [(f.name, f.media_type) for f in files]
    silent = [name for name, media_type in every if media_type not in PLAYABLE]
    if silent and not may_save:
        raise SaveRequiredError(
            ngettext(
                "There is no player here for %(names)s. Let buyers save it, or remove it.",
                "There is no player here for %(names)s. Let buyers save them, or remove them.",
                len(silent),
            )
            % {"names": ", ".join(silent)},
            names=silent,
        )


@transaction.atomic
def queue_sealing(*, draft_id: uuid.UUID, owner: User, may_save: bool) -> bool:
    """Close the draft's set of files, to be sealed by a job. Returns whether it was open.

    A draft that waits or is being sealed already stays as it is. Raises
    DraftNotFoundError, NoFilesError, UploadsUnfinishedError, SaveRequiredError.
    """
    own_draft(draft_id, owner)
    draft = lock_draft(draft_id)
    if draft.state in (State.QUEUED, State.SEALING, State.SEALED):
        return False
    require_sealable(draft, may_save=may_save)
    if draft.uploads.exists():
        draft.total_bytes = sum(upload.size for upload in draft.uploads.all())
    draft.state, draft.stage, draft.error, draft.done_bytes = State.QUEUED, "waiting", "", 0
    draft.save()
    _tell(draft)
    return True


def seal_draft(
    *, draft_id: uuid.UUID, now: dt.datetime, stop: Callable[[], bool] = lambda: False
) -> Package:
    """Seal a queued draft; return its package at once where that is done already.

    `stop` is asked all along: where it says True, nothing is kept and SealingStoppedError
    is raised. Other errors: SealingRunningError (another worker is at it),
    DraftClosedError (nobody asked for it), NoSpaceError, DrmError, OSError; then too
    nothing is kept.
    """
    try:
        with hold(Path(settings.STORE_DIR) / f".sealing-{draft_id}.lock"):
            return _seal_alone(draft_id, now, stop)
    except LockHeldError:
        raise SealingRunningError(_("Another worker prepares these files already.")) from None


@transaction.atomic
def report_stage(*, draft_id: uuid.UUID, stage: str) -> None:
    """Tell the owner what the job does now."""
    draft = lock_draft(draft_id)
    draft.stage = stage
    draft.save(update_fields=["stage"])
    _tell(draft)


@transaction.atomic
def fail_draft(*, draft_id: uuid.UUID, error: str) -> None:
    """The job gave up, for the reason that `error` tells the owner; it may be asked for again."""
    draft = lock_draft(draft_id)
    draft.state, draft.stage, draft.error = State.FAILED, "", error
    draft.save(update_fields=["state", "stage", "error"])
    _tell(draft)


def _seal_alone(draft_id: uuid.UUID, now: dt.datetime, stop: Callable[[], bool]) -> Package:
    folder = SealingFolder(draft_id)
    package = Package.objects.filter(draft_id=draft_id).first()
    folder.sweep(is_package=package is not None)
    if package is None:
        draft = _begin(draft_id)
        try:
            package = _make_package(draft, folder, _Reporter(draft, stop), now)
        except BaseException:
            # Also when the process is told to end: nothing half-made stays.
            folder.sweep(is_package=False)
            raise
    else:
        PackageDraft.objects.filter(pk=draft_id).update(state=State.SEALED)
    discard_draft_files(draft_id)
    return package


@transaction.atomic
def _begin(draft_id: uuid.UUID) -> PackageDraft:
    draft = lock_draft(draft_id)
    if draft.state not in (State.QUEUED, State.SEALING):
        raise DraftClosedError(_("Nobody asked for these files to be prepared."))
    draft.state, draft.stage, draft.done_bytes = State.SEALING, "sealing", 0
    draft.save(update_fields=["state", "stage", "done_bytes"])
    _tell(draft)
    return draft


def _make_package(
    draft: PackageDraft, folder: SealingFolder, progress: _Reporter, now: dt.datetime
) -> Package:
    uploads = list(draft.uploads.all())
    sealed_size = sum(ciphertext_size(upload.size) for upload in uploads)
    if free_bytes(Path(settings.STORE_DIR)) < sealed_size + RESERVE:
        raise NoSpaceError(
            _("The shop's disk is too full to prepare these files. Try again later.")
        )
    folder.create()
    with contextlib.ExitStack() as stack:
        sources = [
            (
                _entry(upload, index),
                cast("BinaryIO", stack.enter_context(_path_of(upload).open("rb"))),
            )
            for index, upload in enumerate(uploads)
        ]
        sealed = seal_files(
            sources,
            lambda index: (folder.path / file_name(index)).open("wb"),
            key=ContentKey.generate(),
            piece_length=choose_piece_length(sealed_size),
            progress=progress,
        )
    jws = sign_manifest(make_manifest(sealed, version=draft.version), issuer=issuer(now=now).key)
    name = package_id(jws)
    folder.make_durable(name, sealed.piece_layers)
    with transaction.atomic():
        package = _record(draft, name, jws.decode("ascii"), sealed)
        folder.take_name(name)
    folder.finish()
    return package


def _record(draft: PackageDraft, name: str, jws: str, sealed: SealedPackage) -> Package:
    """Write the package's rows in the running transaction."""
    draft = lock_draft(draft.pk)
    package = Package.objects.create(
        id=name,
        draft=draft,
        version=draft.version,
        seal_id=sealed.seal_id,
        manifest=jws,
        piece_length=sealed.piece_length,
        plain_size=sum(entry.size for entry in sealed.entries),
        sealed_size=sum(file.size for file in sealed.files),
    )
    PackageFile.objects.bulk_create(
        PackageFile(
            package=package,
            index=entry.index,
            name=entry.name,
            media_type=entry.media_type,
            plain_size=entry.size,
            sealed_size=file.size,
        )
        for entry, file in zip(sealed.entries, sealed.files, strict=True)
    )
    kept = wrap_content_key(sealed.key, seal_id=sealed.seal_id)
    ContentKeyRow.objects.create(package=package, wrapped=kept.wrapped, master=kept.master)
    draft.uploads.all().delete()
    draft.state, draft.stage, draft.done_bytes = State.SEALED, "swarm", draft.total_bytes
    draft.save()
    _tell(draft)
    return package


class _Reporter:
    """Called with the bytes done so far; passes that on a few times a second."""

    def __init__(self, draft: PackageDraft, stop: Callable[[], bool]) -> None:
        self._draft = draft
        self._stop = stop
        self._last = 0.0

    def __call__(self, done: int) -> None:
        if self._stop():
            raise SealingStoppedError(_("The worker was told to end. It goes on when it is back."))
        now = time.monotonic()
        if now - self._last < REPORT_EVERY:
            return
        self._last = now
        self._draft.done_bytes = done
        with transaction.atomic():
            PackageDraft.objects.filter(pk=self._draft.pk).update(done_bytes=done)
            _tell(self._draft)


def _tell(draft: PackageDraft) -> None:
    payload = {
        "draft": str(draft.pk),
        "state": draft.state,
        "stage": draft.stage,
        "done": draft.done_bytes,
        "total": draft.total_bytes,
        "error": draft.error,
    }
    publish(group=user_group(draft.owner_id), kind="sealing.progress", payload=payload)


def _entry(upload: Upload, index: int) -> FileEntry:
    return FileEntry(name=upload.name, media_type=upload.media_type, size=upload.size, index=index)


def _path_of(upload: Upload) -> Path:
    return upload_path(upload.draft_id, upload.pk)
