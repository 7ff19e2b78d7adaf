"""Tokens of seeders: random, opaque, kept as hashes, bound to one device's key.

An access token lives an hour. A refresh token is good once: it brings a new pair. Who
shows a used one again has either lost the answer, and then the pair that it brought
was never used either and is replaced; or two hold the same token, and the login ends.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass, field

from django.db import transaction

from marketplace.accounts.errors import DeviceRemovedError, InvalidTokenError
from marketplace.accounts.models import Device, DeviceLogin, DeviceToken

__all__ = [
    "ACCESS_LIFETIME",
    "TokenPair",
    "digest_of",
    "end_logins",
    "find_token",
    "issue",
    "rotate",
]

ACCESS_LIFETIME = dt.timedelta(hours=1)
REFRESH_LIFETIME = dt.timedelta(days=180)
# How long a used refresh token is remembered, to notice that it comes again.
REUSE_MEMORY = dt.timedelta(days=30)
_TOKEN_MAX = 200


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a seeder gets; `expires_in` in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


def digest_of(secret: str) -> str:
    """SHA-256, hexadecimal. The secrets are random and long, so no salt is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(login: DeviceLogin, *, now: dt.datetime) -> TokenPair:
    """A new pair for `login`."""
    pair = TokenPair(
        secrets.token_urlsafe(32), secrets.token_urlsafe(32), int(ACCESS_LIFETIME.total_seconds())
    )
    DeviceToken.objects.bulk_create(
        [
            DeviceToken(
                login=login,
                kind=DeviceToken.Kind.ACCESS,
                digest=digest_of(pair.access_token),
                expires_at=now + ACCESS_LIFETIME,
            ),
            DeviceToken(
                login=login,
                kind=DeviceToken.Kind.REFRESH,
                digest=digest_of(pair.refresh_token),
                expires_at=now + REFRESH_LIFETIME,
            ),
        ]
    )
    return pair


def find_token(secret: str, *, kind: DeviceToken.Kind) -> DeviceToken:
    """The token with its login, device and user. Raises InvalidTokenError."""
    token = None
    if 0 < len(secret) <= _TOKEN_MAX:
        token = (
            DeviceToken.objects.select_related("login__device__user")
            .filter(digest=digest_of(secret), kind=kind)
            .first()
        )
    if token is None:
        raise InvalidTokenError("This token is not known here; log this device in again.")
    return token


def rotate(token: DeviceToken, *, now: dt.datetime) -> TokenPair:
    """Use up the refresh `token` for a new pair.

    Raises DeviceRemovedError, and InvalidTokenError where the login has ended, the token
    is too old, or it was used before; the last ends the login.
    """
    login = token.login
    if login.device.removed_at is not None:
        raise DeviceRemovedError("This device was removed from the account; log in again.")
    if login.ended_at is not None or not login.device.user.is_active:
        raise InvalidTokenError("This login has ended; log this device in again.")
    if token.expires_at <= now:
        raise InvalidTokenError("This refresh token has expired; log this device in again.")
    with transaction.atomic():
        # The login's row is the lock: two refreshes of one login pass one after the other.
        DeviceLogin.objects.select_for_update().get(pk=login.pk)
        fresh = DeviceToken.objects.filter(pk=token.pk, used_at__isnull=True).update(used_at=now)
        if fresh or _answer_was_lost(token):
            later = login.tokens.filter(pk__gt=token.pk)
            later.delete()
            login.tokens.filter(expires_at__lt=now).delete()
            login.tokens.filter(used_at__lt=now - REUSE_MEMORY).delete()
            return issue(login, now=now)
        DeviceLogin.objects.filter(pk=login.pk, ended_at__isnull=True).update(ended_at=now)
    raise InvalidTokenError(
        "This refresh token was used before, so someone else may have a copy. The login "
        "has been ended; log this device in again."
    )


def _answer_was_lost(token: DeviceToken) -> bool:
    later = token.login.tokens.filter(pk__gt=token.pk)
    return later.exists() and not later.filter(used_at__isnull=False).exists()


def end_logins(device: Device, *, now: dt.datetime) -> None:
    """End every login of `device`: its tokens open nothing any more."""
    DeviceLogin.objects.filter(device=device, ended_at__isnull=True).update(ended_at=now)
