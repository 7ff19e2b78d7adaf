"""The front door of packaging: drafts and their files, sealing, and what is in custody."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import BinaryIO

from drm.keys import ContentKey
from drm.manifest import Manifest, read_manifest
from drm.signed import key_hint
from marketplace.accounts.types import User
from marketplace.packaging import queries
from marketplace.packaging.ceremony import describe_request, sign_request
from marketplace.packaging.custody import open_content_key_row, open_deposit, wrap_deposit
from marketplace.packaging.errors import CustodyError
from marketplace.packaging.escrow import (
    fingerprint_of_box,
    lock_master_key,
    master_key_fingerprint,
    unlock_master_key,
)
from marketplace.packaging.files import UploadFile, upload_path
from marketplace.packaging.keyrings import (
    checkpoint,
    checkpoints,
    current_root,
    keyring,
    root_changes,
    sign_own_checkpoint,
)
from marketplace.packaging.media import HEAD_SIZE
from marketplace.packaging.models import ContentKey as ContentKeyRow
from marketplace.packaging.models import PackageDraft, Upload
from marketplace.packaging.root_file import (
    doubts_about,
    make_root,
    numbered,
    read_root,
    remember_signing,
    root_of_file,
)
from marketplace.packaging.roots import accept_answer, export_root, make_request, wipe_root
from marketplace.packaging.rotation import finish_rotation, rotate_master_key
from marketplace.packaging.sealing import fail_draft, queue_sealing, report_stage, seal_draft
from marketplace.packaging.signing import (
    WARN_BEFORE_END,
    certified_until,
    is_replaced,
    issuer,
    issuer_certificate,
    issuer_public,
    shop_document_keys,
    warn_of_end,
)
from marketplace.packaging.store import file_name, mending_mark, package_folder, read_layers
from marketplace.packaging.types import Issuer
from marketplace.packaging.uploads import (
    begin_upload,
    delete_draft,
    finish_upload,
    move_upload,
    remove_upload,
    sweep_uploads,
)

__all__ = [
    "WARN_BEFORE_END",
    "Issuer",
    "accept_answer",
    "add_file",
    "certified_until",
    "checkpoint",
    "checkpoints",
    "content_key",
    "create_draft",
    "current_root",
    "delete_draft",
    "describe_request",
    "doubts_about",
    "export_root",
    "fail_draft",
    "fingerprint_of_box",
    "finish_rotation",
    "is_mending",
    "is_replaced",
    "is_whole",
    "issuer",
    "issuer_certificate",
    "issuer_public",
    "keyring",
    "lock_master_key",
    "make_request",
    "make_root",
    "manifest",
    "master_key_fingerprint",
    "move_upload",
    "numbered",
    "open_deposit",
    "piece_layers",
    "queue_sealing",
    "read_root",
    "remember_signing",
    "remove_upload",
    "report_stage",
    "root_changes",
    "root_of_file",
    "rotate_master_key",
    "seal_draft",
    "set_mending",
    "shop_document_keys",
    "sign_own_checkpoint",
    "sign_request",
    "store_folder",
    "sweep_uploads",
    "unlock_master_key",
    "warn_of_end",
    "wipe_root",
    "wrap_deposit",
]

PIECE = 1024**2


def create_draft(*, owner: User, version: int = 1) -> PackageDraft:
    """An empty draft, to collect the files of a listing's version in."""
    return PackageDraft.objects.create(owner=owner, version=version)


def add_file(
    *, owner: User, draft_id: uuid.UUID, name: str, source: BinaryIO, size: int, now: dt.datetime
) -> Upload:
    """Put a whole file into a draft, as an upload over the web would.

    `source` yields `size` bytes. Raises what `begin_upload` raises.
    """
    upload = begin_upload(owner=owner, draft_id=draft_id, name=name, size=size)
    with UploadFile.hold(upload_path(draft_id, upload.pk)) as file:
        while piece := source.read(PIECE):
            file.append(piece)
        file.sync()
        head = file.head(HEAD_SIZE)
    finish_upload(upload_id=upload.pk, head=head, now=now)
    upload.refresh_from_db()
    return upload


def content_key(package_id: str) -> ContentKey:
    """The key that opens a package, out of custody.

    Raises PackageNotFoundError, and CustodyError where the master key does not open it.
    """
    package = queries.package(package_id)
    row = ContentKeyRow.objects.select_related("package").filter(package=package).first()
    if row is None:
        raise CustodyError(f"The content key of package {package_id} is missing; restore a backup.")
    return open_content_key_row(row)


def manifest(package_id: str) -> Manifest:
    """The verified manifest of a package. Raises PackageNotFoundError, CustodyError, DrmError."""
    jws = queries.package(package_id).manifest
    return read_manifest(jws, issuer_public=issuer_public(key_hint(jws)))


def piece_layers(package_id: str) -> tuple[bytes, ...]:
    """The piece layers (BEP 52) of a package's files, empty for a file of one piece.

    Raises PackageNotFoundError.
    """
    return read_layers(package_id)


def store_folder(package_id: str) -> Path:
    """The folder that holds a package's ciphertext as 00000, 00001 …"""
    return package_folder(package_id)


def is_whole(package_id: str) -> bool:
    """Whether every sealed file of a package lies in the store with the size it was sealed with."""
    folder = package_folder(package_id)
    for file in queries.files(package_id):
        path = folder / file_name(file.index)
        if not path.is_file() or path.stat().st_size != file.sealed_size:
            return False
    return True


def is_mending(package_id: str) -> bool:
    """Whether a package's files are being fetched back, so that their sizes prove nothing."""
    return mending_mark(package_id).exists()


def set_mending(package_id: str, *, mending: bool) -> None:
    """Note that a package's files are being fetched back, or that they are whole again."""
    mark = mending_mark(package_id)
    if mending:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    else:
        mark.unlink(missing_ok=True)
