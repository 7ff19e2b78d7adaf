"""What a buyer's program does with the shop's answers: read them, and open them on the day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from drm.encoding import b64u
from drm.keys import sign_sealing_key
from drm.recovery import RecoveryKey
from drm.signed import key_hint
from drm.unlock import Unlock, read_unlock
from marketplace.accounts.models import Device
from marketplace.continuity.types import RecoveryKeys
from marketplace.packaging import services as packaging
from tests.marketplace.accounts.seeder import FakeSeeder

__all__ = ["NOW", "PAPER", "device_of", "public_parts", "read"]

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PAPER = RecoveryKey(bytes(range(32)))


def public_parts(
    suite: str = "X25519", *, paper: RecoveryKey = PAPER, **changes: Any
) -> RecoveryKeys:
    sealing = paper.sealing(suite).public
    parts: dict[str, Any] = {
        "identity_key": b64u(paper.identity.public.to_bytes()),
        "sealing_suite": suite,
        "sealing_key": b64u(sealing.to_bytes()),
        "sealing_key_signature": b64u(sign_sealing_key(paper.identity, sealing)),
    }
    return RecoveryKeys(**(parts | changes))


def device_of(seeder: FakeSeeder) -> Device:
    return Device.objects.get(thumbprint=seeder.identity.public.thumbprint)


def read(jws: str) -> Unlock:
    unlock = read_unlock(jws, issuer_public=packaging.issuer_public(key_hint(jws)))
    assert unlock.issued_at <= timezone.now()
    return unlock
