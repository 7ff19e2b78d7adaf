"""The device login of the seeder: RFC 8628, with the proof of possession of RFC 9449.

A seeder shows its new key and gets two codes; a person types the short one into a page
and approves; the seeder polls with the long one and gets tokens. All that is decided
stands in one row, DeviceGrant. See docs/decisions/0002-device-login.md.
"""

from __future__ import annotations

import datetime as dt
import secrets
import unicodedata
import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from drm.encoding import b64u, from_b64u
from drm.errors import DrmError
from drm.keys import SealingPublicKey, verify_sealing_key
from drm.proof import Proof
from marketplace.accounts import device_limits, devices, proofs, tokens
from marketplace.accounts.errors import (
    CodeUsedError,
    DeviceRemovedError,
    InvalidProofError,
    InvalidTokenError,
    NoRoomError,
    OAuthError,
    UnknownCodeError,
)
from marketplace.accounts.models import NAME_MAX, DeviceGrant, DeviceToken, User
from marketplace.accounts.tokens import TokenPair
from marketplace.core.text import can_be_seen, clean_line

__all__ = [
    "CLIENT_ID",
    "SCOPE",
    "DeviceCodes",
    "DeviceRequest",
    "decide_device_login",
    "find_grant",
    "redeem_device_code",
    "refresh_tokens",
    "show_user_code",
    "start_device_login",
]

CLIENT_ID = "geobuk-seeder"
SCOPE = "seeder"
LIFETIME = dt.timedelta(minutes=10)
INTERVAL = 5  # seconds between two polls, and what `slow_down` adds (RFC 8628, section 3.5)
# RFC 8628, section 6.1: no vowels, so no words; no digits, so no 0 for O. 20^8 codes.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_CODE_LENGTH = 8
_State = DeviceGrant.State


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a seeder sends to begin, as it came over the wire."""

    client_id: str
    scope: str
    device_name: str
    sealing_suite: str
    sealing_key: str  # base64url
    sealing_key_signature: str  # base64url


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """The answer to it; `expires_in` and `interval` in seconds."""

    device_code: str
    user_code: str
    expires_in: int
    interval: int


def start_device_login(
    *, request: DeviceRequest, proof: str, url: str, address: str | None, now: dt.datetime
) -> DeviceCodes:
    """Begin: check the key's proof and its signature over the sealing key, and hand out codes.

    Raises OAuthError (invalid_client, invalid_scope, invalid_request, invalid_dpop_proof).
    """
    _require_client(request.client_id)
    if request.scope not in ("", SCOPE):
        raise OAuthError("invalid_scope", f"The only scope of this shop is “{SCOPE}”.")
    name = clean_line(request.device_name)[:NAME_MAX].strip()
    if not can_be_seen(name):
        raise OAuthError("invalid_request", "Send device_name: what the owner will see.")
    shown = _check(proof, url=url, now=now)
    sealing_key, signature = _checked_sealing_key(request, shown)
    _spend(shown, now=now)
    DeviceGrant.objects.filter(expires_at__lt=now - dt.timedelta(days=1)).delete()
    device_code = secrets.token_urlsafe(32)
    grant = DeviceGrant(
        device_code_digest=tokens.digest_of(device_code),
        client_id=request.client_id,
        device_name=name,
        address=address,
        thumbprint=shown.thumbprint,
        identity_key=b64u(shown.identity_public.to_bytes()),
        sealing_suite=request.sealing_suite,
        sealing_key=sealing_key,
        sealing_key_signature=signature,
        interval=INTERVAL,
        next_poll_at=now,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    _save_with_user_code(grant)
    return DeviceCodes(
        device_code=device_code,
        user_code=show_user_code(grant.user_code),
        expires_in=int(LIFETIME.total_seconds()),
        interval=INTERVAL,
    )


def show_user_code(code: str) -> str:
    """BCDFGHJK is read out more easily as BCDF-GHJK."""
    return f"{code[:4]}-{code[4:]}"


def find_grant(*, user_code: str, now: dt.datetime) -> DeviceGrant:
    """The seeder that waits under `user_code`, in any case, with or without the hyphen.

    Raises UnknownCodeError, which does not tell a wrong code from an old or used one.
    """
    plain = unicodedata.normalize("NFKC", user_code).upper()
    code = "".join(c for c in plain if c.isalnum())
    grant = None
    if len(code) == _CODE_LENGTH and set(code) <= set(_ALPHABET):
        grant = DeviceGrant.objects.filter(
            user_code=code, state=_State.PENDING, expires_at__gt=now
        ).first()
    if grant is None:
        raise UnknownCodeError(
            _(
                "No device waits under this code. Check it against the device's screen; "
                "a code is good for ten minutes, and for one log-in."
            )
        )
    return grant


def decide_device_login(
    *, grant_id: uuid.UUID, user: User, approve: bool, now: dt.datetime, language: str = "en"
) -> DeviceGrant:
    """Approve or deny, once. Raises CodeUsedError where it was decided before, or is too old.

    Raises NoRoomError where the account may have no further device: nothing is decided then.
    `language` is that of the page: the mail about the device is sent later, when the
    seeder asks, which speaks none.
    """
    if approve and (waiting := DeviceGrant.objects.filter(pk=grant_id).first()):
        device_limits.require_room(user=user, thumbprint=waiting.thumbprint, now=now)
    state = _State.APPROVED if approve else _State.DENIED
    decided = DeviceGrant.objects.filter(
        pk=grant_id, state=_State.PENDING, expires_at__gt=now
    ).update(state=state, user=user, language=language)
    if not decided:
        raise CodeUsedError(
            _("This log-in was decided already or has expired. Start again on the device.")
        )
    return DeviceGrant.objects.get(pk=grant_id)


def redeem_device_code(
    *,
    client_id: str,
    device_code: str,
    proof: str,
    url: str,
    address: str | None,
    now: dt.datetime,
) -> TokenPair:
    """One poll: the tokens once a person has approved; the device is registered then.

    Raises OAuthError: authorization_pending, slow_down (the interval has grown by five
    seconds), access_denied, expired_token, device_limit and device_keys_used_up (nothing
    is made of the login), and invalid_grant for a code that is unknown, was redeemed, or
    belongs to another key than the one that signed `proof`.
    """
    _require_client(client_id)
    if not device_code:
        raise OAuthError("invalid_request", "Send device_code.")
    shown = _check(proof, url=url, now=now)
    grant = DeviceGrant.objects.filter(device_code_digest=tokens.digest_of(device_code)).first()
    if grant is None or grant.thumbprint != shown.thumbprint or grant.state == _State.REDEEMED:
        raise _unknown_code()
    _spend(shown, now=now)
    if grant.expires_at <= now:
        raise OAuthError("expired_token", "The code has expired; start the login again.")
    _pace(grant, now=now)
    grant.refresh_from_db()
    if grant.state == _State.PENDING:
        raise OAuthError("authorization_pending", "Nobody has approved this device yet.")
    if grant.state == _State.DENIED or grant.user is None or not grant.user.is_active:
        raise OAuthError("access_denied", "The owner of the account has refused this device.")
    try:
        return _redeem(grant, address=address, now=now)
    except NoRoomError as error:  # the last place was taken since the approval
        raise OAuthError(error.code, str(error)) from error


@transaction.atomic
def _redeem(grant: DeviceGrant, *, address: str | None, now: dt.datetime) -> TokenPair:
    # Of two polls at once, one changes the row; the other sees it redeemed.
    redeemed = DeviceGrant.objects.filter(
        pk=grant.pk, state=_State.APPROVED, expires_at__gt=now
    ).update(state=_State.REDEEMED)
    if not redeemed:
        raise _unknown_code()
    login = devices.register_device(grant=grant, address=address, now=now)
    return tokens.issue(login, now=now)


def refresh_tokens(
    *, client_id: str, refresh_token: str, proof: str, url: str, now: dt.datetime
) -> TokenPair:
    """A new pair for a refresh token, which is used up. Only with a proof by the device's key.

    Raises OAuthError (invalid_grant: log in again).
    """
    _require_client(client_id)
    if not refresh_token:
        raise OAuthError("invalid_request", "Send refresh_token.")
    shown = _check(proof, url=url, now=now)
    try:
        token = tokens.find_token(refresh_token, kind=DeviceToken.Kind.REFRESH)
        if token.login.device.thumbprint != shown.thumbprint:
            # Not a reuse: a stolen token without the key must not even end the login.
            raise OAuthError("invalid_grant", "This token belongs to another key.")
        _spend(shown, now=now)
        return tokens.rotate(token, now=now)
    except (InvalidTokenError, DeviceRemovedError) as error:
        raise OAuthError("invalid_grant", str(error)) from error


def _require_client(client_id: str) -> None:
    if not client_id:
        raise OAuthError("invalid_request", "Send client_id.")
    if client_id != CLIENT_ID:
        raise OAuthError("invalid_client", f"The only client of this shop is “{CLIENT_ID}”.")


def _check(proof: str, *, url: str, now: dt.datetime) -> Proof:
    try:
        return proofs.check_proof(proof, method="POST", url=url, now=now, access_token=None)
    except InvalidProofError as error:
        raise OAuthError("invalid_dpop_proof", str(error)) from error


def _spend(proof: Proof, *, now: dt.datetime) -> None:
    try:
        proofs.spend_proof(proof, now=now)
    except InvalidProofError as error:
        raise OAuthError("invalid_dpop_proof", str(error)) from error


def _checked_sealing_key(request: DeviceRequest, proof: Proof) -> tuple[str, str]:
    try:
        key = SealingPublicKey.from_bytes(
            from_b64u(request.sealing_key), suite=request.sealing_suite
        )
        signature = from_b64u(request.sealing_key_signature)
        verify_sealing_key(proof.identity_public, key, signature)
    except DrmError as error:
        raise OAuthError(
            "invalid_request",
            "Send sealing_suite, sealing_key and sealing_key_signature: a public key of a "
            "suite that this shop knows, signed by the key that signed the DPoP proof.",
        ) from error
    return b64u(key.to_bytes()), b64u(signature)


def _save_with_user_code(grant: DeviceGrant) -> None:
    # Codes of the last day are still in the table, so one in millions is taken.
    for _attempt in range(10):
        grant.user_code = "".join(secrets.choice(_ALPHABET) for _i in range(_CODE_LENGTH))
        try:
            with transaction.atomic():
                grant.save(force_insert=True)
        except IntegrityError:
            continue
        return
    raise OAuthError("temporarily_unavailable", "No code is free; try again in a minute.")


def _pace(grant: DeviceGrant, *, now: dt.datetime) -> None:
    step = dt.timedelta(seconds=grant.interval)
    mine = DeviceGrant.objects.filter(pk=grant.pk)
    if mine.filter(next_poll_at__lte=now).update(next_poll_at=now + step):
        return
    mine.update(
        interval=F("interval") + INTERVAL,
        next_poll_at=now + step + dt.timedelta(seconds=INTERVAL),
    )
    raise OAuthError(
        "slow_down", f"Wait {INTERVAL} seconds longer than until now between two polls."
    )


def _unknown_code() -> OAuthError:
    return OAuthError(
        "invalid_grant", "This device code is not known or was used; start the login again."
    )
