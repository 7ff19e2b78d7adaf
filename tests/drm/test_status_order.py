"""The order of the shop's words (docs/format-v1.md, section 7.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from drm.errors import AuthenticationError, FormatError
from drm.keys import IdentityKey
from drm.status import device_id, read_status, sign_status, verify_status

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NONCE = "0123456789abcdef"
ISSUER = IdentityKey.generate()


def word(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "kid": ISSUER.public.thumbprint,
        "licence_id": device_id("abc"),
        "status": "revoked",
        "message": "",
        "now": NOW,
        "updated": NOW,
        "nonce": NONCE,
    }
    return sign_status(**{**arguments, **changes})


def verified(jws: str, lowest: int) -> int:
    return verify_status(
        jws,
        issuer_public=ISSUER.public,
        licence_id="device:abc",
        nonce=NONCE,
        now=NOW,
        lowest_sequence=lowest,
    ).sequence


def test_a_word_older_than_one_that_was_seen_is_refused() -> None:
    assert [verified(word(sequence=7), lowest) for lowest in (0, 6, 7)] == [7, 7, 7]
    assert verified(word(), 0) == 0
    for jws, lowest in [(word(sequence=7), 8), (word(), 1)]:
        with pytest.raises(AuthenticationError, match="older"):
            verified(jws, lowest)


def test_a_kept_word_is_read_without_its_question_but_not_without_its_signature() -> None:
    jws = word(sequence=7, reason="device_removed")
    status = read_status(jws, issuer_public=ISSUER.public)
    assert (status.sequence, status.reason, status.open) == (7, "device_removed", False)
    with pytest.raises(AuthenticationError):
        read_status(jws, issuer_public=IdentityKey.generate().public)


@pytest.mark.parametrize("changes", [{"sequence": -1}, {"sequence": 2**53}, {"reason": "whim"}])
def test_what_is_no_word_is_not_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        word(**changes)
