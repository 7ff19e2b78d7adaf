"""The front door of continuity: recovery keys, unlock documents, and the end of the shop."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import get_language

from drm.encoding import b64u
from marketplace.accounts.types import User
from marketplace.continuity.documents import keys_of, unlock_documents
from marketplace.continuity.errors import RecoveryKeyNotFoundError
from marketplace.continuity.models import RecoveryKey, UnlockDocument
from marketplace.continuity.secret import activate, prepare_shares
from marketplace.continuity.types import RecoveryKeys
from marketplace.licensing import services as licensing
from marketplace.messaging import services as messaging

__all__ = [
    "activate",
    "forget_recovery_key",
    "prepare_shares",
    "register_recovery_key",
    "unlock_documents",
]


@transaction.atomic
def register_recovery_key(*, user: User, keys: RecoveryKeys, now: dt.datetime) -> RecoveryKey:
    """Let unlock documents be made for this key, in the place of an older one of the account.

    Its owner gets a mail: who has broken in must not do it unseen. The same key again changes
    nothing. Raises RecoveryKeyError.
    """
    row = RecoveryKey(
        user=user,
        identity_key=keys.identity_key,
        sealing_suite=keys.sealing_suite,
        sealing_key=keys.sealing_key,
        sealing_key_signature=keys.sealing_key_signature,
        registered_at=now,
    )
    public = keys_of(row)
    row.thumbprint = public.identity_public.thumbprint
    # One spelling, so that the same key is seen to be the same.
    row.identity_key = b64u(public.identity_public.to_bytes())
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    present = RecoveryKey.objects.filter(user=user).first()
    if present is not None and present.sealing_key == row.sealing_key:
        return present
    _forget(user)
    row.save()
    licensing.record_in_log(kind="recovery_key", body={"key": row.thumbprint}, now=now)
    messaging.send_mail(
        to=user.email,
        template="recovery_key",
        context={
            "replaced": present is not None,
            "recovery_url": f"{settings.SITE_URL}{reverse('continuity:recovery')}",
            "site_name": settings.SITE_NAME,
        },
        language=get_language(),
    )
    return row


@transaction.atomic
def forget_recovery_key(*, user: User, now: dt.datetime) -> None:
    """Make no more unlock documents for the account's recovery key: the paper is lost, or seen.

    Documents that were fetched for it stay with whoever has them. Raises
    RecoveryKeyNotFoundError.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    present = RecoveryKey.objects.filter(user=user).first()
    if present is None:
        raise RecoveryKeyNotFoundError(str(user.pk))
    _forget(user)
    licensing.record_in_log(kind="recovery_key_removed", body={"key": present.thumbprint}, now=now)


def _forget(user: User) -> None:
    for key in RecoveryKey.objects.filter(user=user):
        UnlockDocument.objects.filter(user=user, recipient=key.thumbprint).delete()
        key.delete()
