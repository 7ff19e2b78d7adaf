"""The activation secret: made once, kept in custody, split for trustees, published at the end."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from drm.encoding import b64u, from_b64u
from drm.errors import FormatError
from drm.keys import IdentityPublicKey
from drm.shares import split
from drm.unlock import ActivationSecret, write_activation
from marketplace.continuity.errors import TrusteesError
from marketplace.continuity.models import ActivationKey, ShareSet
from marketplace.core.keyfile import write_new_secret
from marketplace.licensing import services as licensing
from marketplace.packaging import services as packaging

__all__ = ["activate", "activation_key", "activation_secret", "prepare_shares"]

SHARE = "geobuk-trustee-share"


def activation_key(*, now: dt.datetime) -> ActivationKey:
    """The row of the secret; made at the first need. Raises packaging's CustodyError."""
    # The issuer's row is what whoever wraps a key waits for; there has to be one.
    packaging.issuer(now=now)
    row = ActivationKey.objects.first()
    if row is not None:
        return row
    try:
        with transaction.atomic():
            return _make(now)
    except IntegrityError:
        # Another process was faster: its secret is the one.
        return ActivationKey.objects.get()


def activation_secret(*, now: dt.datetime) -> ActivationSecret:
    """The secret out of custody. Raises packaging's CustodyError."""
    return ActivationSecret(packaging.open_deposit(activation_key(now=now)))


@transaction.atomic
def prepare_shares(*, threshold: int, total: int, folder: Path, now: dt.datetime) -> list[Path]:
    """Write one file for each of `total` trustees into `folder`; `threshold` of them suffice.

    The files are for their trustees alone, and are kept nowhere else. Sets of different
    times do not mix. Raises TrusteesError, where nothing was written, and CustodyError.
    """
    issuer = packaging.issuer(now=now)
    try:
        shares = split(
            activation_secret(now=now),
            threshold=threshold,
            total=total,
            signer=issuer.key,
            kid=issuer.kid,
            now=now,
        )
    except FormatError as error:
        raise TrusteesError(str(error)) from error
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise TrusteesError(
            _("The folder %(folder)s is not empty. Choose a new one, so that no share is lost.")
            % {"folder": folder}
        )
    root_key, certificates = packaging.shop_document_keys()
    paths = []
    for number, jws in enumerate(shares, start=1):
        path = folder / f"share-{number}-of-{total}.json"
        write_new_secret(
            path,
            _share_file(jws, threshold, total, root_key, certificates),
        )
        paths.append(path)
    ShareSet.objects.create(threshold=threshold, total=total, created_at=now)
    body = {"threshold": threshold, "total": total}
    licensing.record_in_log(kind="trustees", body=body, now=now)
    return paths


@transaction.atomic
def activate(*, path: Path, now: dt.datetime) -> None:
    """Write the activation file of this shop to `path`, which must not exist yet.

    From the moment it is published, unlock documents open. Raises FileExistsError,
    CustodyError.
    """
    key = activation_key(now=now)
    root_key, _certificates = packaging.shop_document_keys()
    data = write_activation(
        ActivationSecret(packaging.open_deposit(key)),
        shop=settings.SITE_NAME,
        root_public=IdentityPublicKey(from_b64u(root_key)),
    )
    licensing.record_in_log(kind="activated", body={"commitment": key.commitment}, now=now)
    key.activated_at = key.activated_at or now
    key.save(update_fields=["activated_at"])
    write_new_secret(path, data.decode())


def _make(now: dt.datetime) -> ActivationKey:
    secret = ActivationSecret.generate()
    kept = packaging.wrap_deposit(secret.to_bytes(), context=ActivationKey().custody_context)
    return ActivationKey.objects.create(
        id=1,
        wrapped=kept.wrapped,
        master=kept.master,
        commitment=b64u(secret.commitment),
        created_at=now,
    )


def _share_file(
    jws: str, threshold: int, total: int, root_key: str, certificates: list[str]
) -> str:
    document: dict[str, Any] = {
        "kind": SHARE,
        "v": 1,
        "about": (
            f"A share of the key that opens {settings.SITE_NAME}'s purchases when the shop ends. "
            f"{threshold} of {total} are needed: geobuk trustees combine SHARE… --out FILE. "
            "Keep it secret, and apart from the others."
        ),
        "shop": settings.SITE_NAME,
        "site": settings.SITE_URL,
        "root_key": root_key,
        "issuers": certificates,
        "share": jws,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
