"""Unlock documents: made when they are asked for, and anew when what they say has changed."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from drm.encoding import b64u, canonical_json, from_b64u
from drm.errors import DrmError
from drm.keys import IdentityPublicKey, SealingPublicKey, verify_sealing_key
from drm.licence import DeviceKeys
from drm.rights import Rights
from drm.signed import document_hash, key_hint
from drm.unlock import ActivationSecret, UnlockGrant, sign_unlock
from marketplace.accounts import queries as accounts
from marketplace.accounts.types import Device, User
from marketplace.continuity.errors import RecoveryKeyError
from marketplace.continuity.models import ActivationKey, RecoveryKey, UnlockDocument
from marketplace.continuity.secret import activation_key
from marketplace.continuity.types import UnlockAnswer
from marketplace.licensing import queries as purchases
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Purchase
from marketplace.packaging import services as packaging

__all__ = ["kept_for_good", "keys_of", "unlock_documents"]

# What was bought for good, or given for good; what is lent or rented ends with the shop.
FOR_GOOD: Final = frozenset({"purchase", "gift", "transfer"})
# What is lent out comes back to its owner when the loan cannot be renewed any more.
# What is disputed was bought, and is left out once the dispute is lost.
OWNED: Final = frozenset({"active", "lent", "suspended"})


class Keys(Protocol):
    """A row with the public keys of a recipient."""

    thumbprint: str
    identity_key: str
    sealing_suite: str
    sealing_key: str
    sealing_key_signature: str


def kept_for_good(user: User) -> list[Purchase]:
    """What `user` owns for good, each package once, the oldest first."""
    owned = [
        purchase
        for purchase in purchases.library_of(user)
        if purchase.kind in FOR_GOOD
        and purchase.state in OWNED
        and purchase.expires_at is None
        and Rights.from_claims(purchase.rights).lease is None
    ]
    kept: dict[str, Purchase] = {}
    for purchase in sorted(owned, key=lambda purchase: not purchase.active):
        kept.setdefault(purchase.package_id, purchase)
    return sorted(kept.values(), key=lambda purchase: (purchase.purchased_at, purchase.package_id))


@transaction.atomic
def unlock_documents(*, user: User, device: Device, now: dt.datetime) -> UnlockAnswer:
    """The unlock documents of `device`, and of the account's recovery key where it has one.

    Asked again, the same bytes, unless what `user` owns, a key or the issuer has changed.
    Raises accounts' DeviceNotFoundError where the device is removed, packaging's CustodyError.
    """
    active = accounts.device(user, device.pk)
    secret = activation_key(now=now)
    owned = kept_for_good(user)
    recipients: list[Keys] = [active, *RecoveryKey.objects.filter(user=user)]
    documents = [
        (keys.thumbprint, _document(user, keys, owned, secret, now=now)) for keys in recipients
    ]
    return UnlockAnswer(secret.commitment, tuple(documents))


def keys_of(keys: Keys) -> DeviceKeys:
    """The keys in a row. Raises RecoveryKeyError where one does not vouch for the other."""
    try:
        identity = IdentityPublicKey.from_bytes(from_b64u(keys.identity_key))
        sealing = SealingPublicKey(from_b64u(keys.sealing_key), keys.sealing_suite)
        verify_sealing_key(identity, sealing, from_b64u(keys.sealing_key_signature))
    except DrmError as error:
        raise RecoveryKeyError(
            _("These keys cannot be used: %(why)s Make a new recovery key.") % {"why": error}
        ) from error
    return DeviceKeys(identity_public=identity, sealing_public=sealing)


def _document(
    user: User, keys: Keys, owned: Sequence[Purchase], secret: ActivationKey, *, now: dt.datetime
) -> str:
    basis = _basis(keys, owned, secret.commitment)
    jws = _present(user, keys, basis, now=now)
    if jws is None:
        # Asked by two at once, one signs and the other finds it.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        jws = _present(user, keys, basis, now=now)
    if jws is not None:
        return jws
    document_id = uuid.uuid4()
    jws = _signed(document_id, user, keys, owned, secret, now=now)
    UnlockDocument.objects.update_or_create(
        user=user,
        recipient=keys.thumbprint,
        defaults={"document_id": document_id, "basis": basis, "jws": jws, "issued_at": now},
    )
    named = {"unlock": str(document_id), "hash": document_hash(jws)}
    licensing.record_in_log(kind="unlock", body=named, now=now)
    return jws


def _present(user: User, keys: Keys, basis: str, *, now: dt.datetime) -> str | None:
    rows = UnlockDocument.objects.filter(user=user, recipient=keys.thumbprint, basis=basis)
    jws = rows.values_list("jws", flat=True).first()
    # One by a retired issuer would be new to a device that has not kept it, and not believed.
    return None if jws and packaging.is_replaced(key_hint(jws), now=now) else jws


def _signed(
    document_id: uuid.UUID,
    user: User,
    keys: Keys,
    owned: Iterable[Purchase],
    secret: ActivationKey,
    *,
    now: dt.datetime,
) -> str:
    issuer = packaging.issuer(now=now)
    return sign_unlock(
        issuer=issuer.key,
        kid=issuer.kid,
        document_id=str(document_id),
        issuer_name=settings.SITE_NAME,
        # Not the name in licences: the document tells no more than it must.
        subject=uuid.uuid5(user.pk, "unlock subject").hex,
        recipient=keys_of(keys),
        grants=[_grant(purchase) for purchase in owned],
        secret=ActivationSecret(packaging.open_deposit(secret)),
        now=now,
    )


def _grant(purchase: Purchase) -> UnlockGrant:
    return UnlockGrant(
        package_id=purchase.package_id,
        title=purchase.title,
        rights=_kept_rights(purchase),
        manifest=packaging.manifest(purchase.package_id),
        key=packaging.content_key(purchase.package_id),
    )


def _kept_rights(purchase: Purchase) -> Rights:
    # Without a shop nobody passes anything on.
    rights = Rights.from_claims(purchase.rights)
    return Rights(play=rights.play, save=rights.save)


def _basis(keys: Keys, owned: Iterable[Purchase], commitment: str) -> str:
    """A hash of all that a document says, but for its own name and time."""
    told: Mapping[str, Any] = {
        "commitment": commitment,
        "identity": keys.identity_key,
        "sealing": [keys.sealing_suite, keys.sealing_key],
        "grants": [
            [purchase.package_id, purchase.title, _kept_rights(purchase).to_claims()]
            for purchase in owned
        ],
    }
    return b64u(hashlib.sha256(canonical_json(told)).digest())
