"""Uploads of a draft: begun, received, ordered, removed, expired. tus.py speaks to the browser."""

from __future__ import annotations

import datetime as dt
import functools
import unicodedata
import uuid
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.accounts.types import User
from marketplace.core.text import clean_filename
from marketplace.packaging.access import lock_draft, own_draft, own_upload
from marketplace.packaging.errors import (
    DraftClosedError,
    EmptyFileError,
    FileTooLargeError,
    NoSpaceError,
    QuotaError,
    TooManyFilesError,
    UploadNotFoundError,
)
from marketplace.packaging.files import (
    UploadFile,
    discard_draft_files,
    free_bytes,
    received_bytes,
    upload_path,
)
from marketplace.packaging.media import media_type, media_type_of_name
from marketplace.packaging.models import PackageDraft, Upload

__all__ = [
    "begin_upload",
    "delete_draft",
    "expires_at",
    "find_open_upload",
    "find_upload",
    "finish_upload",
    "move_upload",
    "offset_of",
    "record_received",
    "remove_upload",
    "require_open",
    "sweep_uploads",
]

KEEP_UNFINISHED = dt.timedelta(days=7)  # since the last byte
RESERVE = 256 * 1024**2  # bytes of the disk that uploads leave free
OPEN = (PackageDraft.State.COLLECTING, PackageDraft.State.FAILED)


def begin_upload(*, owner: User, draft_id: uuid.UUID, name: str, size: int) -> Upload:
    """Make room for a file of `size` bytes in a draft of `owner`.

    `name` may be anything a computer allows; what is kept is safe to show and to save
    under, and unique in the draft. Raises DraftNotFoundError, DraftClosedError,
    EmptyFileError, FileTooLargeError, TooManyFilesError, NoSpaceError.
    """
    own_draft(draft_id, owner)
    name = _safe_name(name)
    if size == 0:
        raise EmptyFileError(_("“%(name)s” is empty. Choose the file again.") % {"name": name})
    if size > settings.UPLOAD_MAX_BYTES:
        limit = filesizeformat(settings.UPLOAD_MAX_BYTES)
        raise FileTooLargeError(
            _(
                "“%(name)s” is larger than %(limit)s, the limit for one file. Split it or compress it."
            )
            % {"name": name, "limit": limit}
        )
    with transaction.atomic():
        draft = lock_draft(draft_id)
        require_open(draft)
        _require_room(draft, size)
        last = draft.uploads.aggregate(last=Max("position"))["last"]
        return Upload.objects.create(
            draft=draft,
            name=_unused_name(draft, name),
            media_type=media_type_of_name(name),
            size=size,
            position=0 if last is None else last + 1,
        )


def find_upload(*, owner: User, upload_id: uuid.UUID, now: dt.datetime) -> Upload:
    """An upload of `owner` with its draft. Raises UploadNotFoundError, also when it expired."""
    upload = own_upload(upload_id, owner)
    expiry = expires_at(upload)
    if expiry is not None and expiry <= now:
        raise UploadNotFoundError(str(upload_id))
    return upload


def find_open_upload(*, owner: User, upload_id: uuid.UUID, now: dt.datetime) -> Upload:
    """As find_upload, to write to it. Raises DraftClosedError too."""
    upload = find_upload(owner=owner, upload_id=upload_id, now=now)
    require_open(upload.draft)
    return upload


def expires_at(upload: Upload) -> dt.datetime | None:
    """When an unfinished upload is given up; None for a finished one."""
    if upload.completed_at is not None:
        return None
    touched = upload.created_at
    path = upload_path(upload.draft_id, upload.pk)
    if path.exists():
        touched = max(touched, dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC))
    return touched + KEEP_UNFINISHED


def record_received(*, upload_id: uuid.UUID, received: int) -> None:
    """Keep for the pages how far an upload is; the file itself knows better.

    Raises UploadNotFoundError where it was removed meanwhile.
    """
    if not Upload.objects.filter(pk=upload_id, size__gte=received).update(received=received):
        raise UploadNotFoundError(str(upload_id))


def finish_upload(*, upload_id: uuid.UUID, head: bytes, now: dt.datetime) -> None:
    """All bytes are here and synced. `head`: the first ones, which tell what kind of file it is.

    May be called twice. Raises UploadNotFoundError where it was removed meanwhile.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update().filter(pk=upload_id).first()
        if upload is None:
            raise UploadNotFoundError(str(upload_id))
        if upload.completed_at is None:
            upload.received = upload.size
            upload.media_type = media_type(upload.name, head)
            upload.completed_at = now
            upload.save(update_fields=["received", "media_type", "completed_at"])


def remove_upload(*, owner: User, upload_id: uuid.UUID) -> None:
    """Delete an upload and its bytes.

    Raises UploadNotFoundError, DraftClosedError once sealing was asked for, and
    UploadBusyError while a connection writes to it.
    """
    upload = own_upload(upload_id, owner)
    with UploadFile.hold(upload_path(upload.draft_id, upload.pk)) as file:
        with transaction.atomic():
            require_open(lock_draft(upload.draft_id))
            upload.delete()
        file.remove()


def move_upload(*, owner: User, upload_id: uuid.UUID, step: int) -> None:
    """Move an upload `step` places down in its draft (up where negative), as far as there is room.

    Raises UploadNotFoundError, DraftClosedError.
    """
    upload = own_upload(upload_id, owner)
    with transaction.atomic():
        draft = lock_draft(upload.draft_id)
        require_open(draft)
        order = list(draft.uploads.all())
        present = order.index(upload)
        order.insert(max(0, min(present + step, len(order) - 1)), order.pop(present))
        for position, each in enumerate(order):
            each.position = position
        Upload.objects.bulk_update(order, ["position"])


@transaction.atomic
def delete_draft(*, draft_id: uuid.UUID, owner: User) -> None:
    """Give up a draft and its files. Raises DraftNotFoundError, DraftClosedError once queued."""
    own_draft(draft_id, owner)
    draft = lock_draft(draft_id)
    require_open(draft)
    draft.delete()
    transaction.on_commit(functools.partial(discard_draft_files, draft_id))


def require_open(draft: PackageDraft) -> None:
    """Raise DraftClosedError where the set of files can no longer change."""
    if draft.state not in OPEN or hasattr(draft, "package"):
        raise DraftClosedError(
            _("These files are being prepared for sale or are on sale. They can no longer change.")
        )


def sweep_uploads(*, now: dt.datetime) -> int:
    """Delete uploads that were given up and files that no draft needs. Returns how many rows.

    Drafts that are sealed have no plaintext left; where a crash kept the deletion from
    happening, it happens here.
    """
    removed = 0
    for upload in Upload.objects.filter(
        completed_at__isnull=True, created_at__lt=now - KEEP_UNFINISHED
    ).select_related("draft__owner"):
        expiry = expires_at(upload)
        if expiry is not None and expiry <= now and upload.draft.state in OPEN:
            remove_upload(owner=upload.draft.owner, upload_id=upload.pk)
            removed += 1
    for folder in _folders(Path(settings.UPLOAD_DIR)):
        draft = PackageDraft.objects.filter(pk=folder).first()
        if draft is None or hasattr(draft, "package"):
            discard_draft_files(folder)
    return removed


def _folders(root: Path) -> list[uuid.UUID]:
    """The drafts that have a folder in `root`; what is named otherwise is not ours."""
    found = []
    for folder in root.iterdir() if root.exists() else ():
        try:
            found.append(uuid.UUID(folder.name))
        except ValueError:
            continue
    return found


def _require_room(draft: PackageDraft, size: int) -> None:
    limit = settings.UPLOAD_MAX_FILES
    if draft.uploads.count() >= limit:
        raise TooManyFilesError(
            ngettext(
                "A listing has at most %(limit)d file. Put several into one archive.",
                "A listing has at most %(limit)d files. Put several into one archive.",
                limit,
            )
            % {"limit": limit}
        )
    _require_quota(draft, size)
    # The bytes that others have announced are on their way: their room is taken.
    coming = Upload.objects.filter(completed_at__isnull=True).aggregate(
        total=Sum(F("size") - F("received"))
    )["total"]
    if free_bytes(Path(settings.UPLOAD_DIR)) < size + (coming or 0) + RESERVE:
        raise NoSpaceError(
            _("The shop has no room for this file now. Try again later, or tell the operator.")
        )


def _require_quota(draft: PackageDraft, size: int) -> None:
    """What one seller has not published yet leaves room for the others."""
    mine = Upload.objects.filter(draft__owner=draft.owner_id).aggregate(total=Sum("size"))["total"]
    if (mine or 0) + size > settings.UPLOAD_QUOTA_BYTES:
        raise QuotaError(
            _(
                "Your files that are not on sale yet would come to more than %(limit)s."
                " Publish or remove some of them first."
            )
            % {"limit": filesizeformat(settings.UPLOAD_QUOTA_BYTES)}
        )


def _safe_name(name: str) -> str:
    """`name` as it is shown and saved: nothing invisible, which the format refuses."""
    visible = (
        c if c.isprintable() else " " if c.isspace() else ""
        for c in unicodedata.normalize("NFC", name)
    )
    return clean_filename("".join(visible))


def _unused_name(draft: PackageDraft, name: str) -> str:
    """`name`, with a number where the draft has a file of that name in any case."""
    used = {taken.casefold() for taken in draft.uploads.values_list("name", flat=True)}
    stem, dot, ending = name.rpartition(".") if "." in name else (name, "", "")
    unused, number = name, 1
    while unused.casefold() in used:
        number += 1
        unused = f"{stem} ({number}){dot}{ending}"
    return unused


def offset_of(upload: Upload) -> int:
    """The next byte that is missing; the size once all are here."""
    if upload.completed_at is not None:
        return upload.size
    return received_bytes(upload_path(upload.draft_id, upload.pk))
