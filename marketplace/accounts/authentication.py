"""Who calls? A seeder shows an access token and proves the key that the token is bound to."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q

from marketplace.accounts import proofs, tokens
from marketplace.accounts.errors import DeviceRemovedError, InvalidProofError, InvalidTokenError
from marketplace.accounts.models import Device, DeviceToken, User

__all__ = ["authenticate_device_key", "authenticate_seeder"]

_SEEN_EVERY = dt.timedelta(minutes=1)


def authenticate_seeder(
    *,
    authorization: str,
    proof: str,
    method: str,
    url: str,
    now: dt.datetime,
    address: str | None,
) -> tuple[User, Device]:
    """The user and device behind a request, from its `Authorization` and `DPoP` headers.

    Of `url` only the path counts; for a WebSocket it is the path of the handshake, which
    is a GET. Raises InvalidTokenError, InvalidProofError or DeviceRemovedError (all
    SeederRefusedError: answer 401 with its code). A token without its key learns nothing
    but that: whether the device still exists is told only to the key's holder.
    """
    scheme, _, secret = authorization.strip().partition(" ")
    if scheme.lower() != "dpop" or not secret:
        raise InvalidTokenError(
            "Send “Authorization: DPoP <access token>”; a log-in of this device gives one."
        )
    token = tokens.find_token(secret.strip(), kind=DeviceToken.Kind.ACCESS)
    device = token.login.device
    shown = proofs.check_proof(proof, method=method, url=url, now=now, access_token=secret.strip())
    if shown.thumbprint != device.thumbprint:
        raise InvalidProofError("The proof is signed by another key than this token's.")
    if device.removed_at is not None:
        raise DeviceRemovedError(
            "This device was removed from the account. Log it in again to use it."
        )
    if token.expires_at <= now:
        raise InvalidTokenError("The access token has expired; refresh it.")
    if token.login.ended_at is not None or not device.user.is_active:
        raise InvalidTokenError("This login has ended; log this device in again.")
    proofs.spend_proof(shown, now=now)
    _note_seen(token, device, address=address, now=now)
    return device.user, device


def authenticate_device_key(*, proof: str, method: str, url: str, now: dt.datetime) -> Device:
    """The device whose key signed this proof, without a token: removed or not, logged in or not.

    It lets a device ask for the shop's signed word on itself and its licences, and for
    nothing else. A key that several accounts registered is the last one's. Raises
    InvalidProofError, also for a key that nobody registered.
    """
    shown = proofs.check_proof(proof, method=method, url=url, now=now, access_token=None)
    rows = Device.objects.filter(thumbprint=shown.thumbprint).select_related("user")
    device = rows.order_by("-registered_at", "pk").first()
    if device is None:
        raise InvalidProofError("The proof is signed by a key that no device here has.")
    proofs.spend_proof(shown, now=now)
    return device


def _note_seen(
    token: DeviceToken, device: Device, *, address: str | None, now: dt.datetime
) -> None:
    if token.used_at is None:
        DeviceToken.objects.filter(pk=token.pk, used_at__isnull=True).update(used_at=now)
    # A seeder calls every few seconds: the row is written at most once a minute.
    old = Q(last_seen_at__isnull=True) | Q(last_seen_at__lte=now - _SEEN_EVERY)
    if device.last_seen_at is None or device.last_seen_at <= now - _SEEN_EVERY:
        Device.objects.filter(old, pk=device.pk).update(last_seen_at=now, last_address=address)
