"""The shop's word on a licence, and the root's word on the shop's key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from drm.encoding import from_b64u, parse_object
from drm.errors import AuthenticationError, FormatError, RevokedError, UnsupportedError
from drm.issuer import find_issuer, sign_issuer_certificate, verify_issuer_certificate
from drm.signed import sign
from drm.status import STATUSES, sign_status, verify_status
from tests.drm.house import HOUR, ISSUER, NOW, ROOT, STRANGER, Shelf

NONCE = "0123456789abcdef"


def status(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "kid": ISSUER.public.thumbprint,
        "licence_id": "licence 1",
        "status": "revoked",
        "message": "환불되었습니다.",
        "now": NOW,
        "updated": NOW - HOUR,
        "nonce": NONCE,
    }
    return sign_status(**(arguments | changes))


def read(jws: str, **changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "issuer_public": ISSUER.public,
        "licence_id": "licence 1",
        "nonce": NONCE,
        "now": NOW,
    }
    return verify_status(jws, **(arguments | changes))


def certificate(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "root": ROOT,
        "issuer_public": ISSUER.public,
        "not_before": NOW,
        "not_after": NOW + 24 * HOUR,
    }
    return sign_issuer_certificate(**(arguments | changes))


def claims_of(jws: str) -> dict[str, Any]:
    return parse_object(from_b64u(jws.split(".")[1]))


def test_a_status_comes_back() -> None:
    answer = read(status())

    assert answer.status == "revoked"
    assert answer.message == "환불되었습니다."
    assert answer.updated == NOW - HOUR
    assert answer.issued_at == NOW
    assert answer.clock_skew == timedelta(0)
    with pytest.raises(RevokedError, match="환불"):
        answer.require_open()


@pytest.mark.parametrize("word", sorted(STATUSES))
def test_only_ready_and_active_are_open(word: str) -> None:
    answer = read(status(status=word, message=""))

    if word in ("ready", "active"):
        answer.require_open()
    else:
        with pytest.raises(RevokedError, match="withdrawn"):
            answer.require_open()


def test_a_wrong_clock_refuses_no_fresh_answer() -> None:
    assert read(status(), now=NOW - 1000 * HOUR).clock_skew == 1000 * HOUR


def test_an_answer_to_another_question_is_refused() -> None:
    with pytest.raises(AuthenticationError, match="older"):
        read(status(), nonce=NONCE[::-1])
    with pytest.raises(AuthenticationError, match="another licence"):
        read(status(), licence_id="licence 2")
    with pytest.raises(AuthenticationError):
        read(status(), issuer_public=STRANGER.public)
    with pytest.raises(AuthenticationError):
        read(certificate())


def test_every_changed_byte_of_a_status_is_refused() -> None:
    raw = status(status="active").encode()
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises((AuthenticationError, FormatError)):
            read(changed.decode())


def test_a_status_outside_the_format_is_refused() -> None:
    with pytest.raises(FormatError, match="perhaps"):
        status(status="perhaps")
    for nonce in ("short", "x" * 129, "거북" * 10):
        with pytest.raises(FormatError, match="nonce"):
            status(nonce=nonce)
        with pytest.raises(FormatError, match="nonce"):
            read(status(), nonce=nonce)
    claims = claims_of(status())
    for change in ({"status": "perhaps"}, {"updated": "today"}, {"message": None}):
        with pytest.raises(FormatError):
            read(sign(claims | change, key=ISSUER, kind="geobuk-status+jws"))
    with pytest.raises(UnsupportedError):
        read(sign(claims | {"v": 2}, key=ISSUER, kind="geobuk-status+jws"))
    for name in claims:
        lost = {key: value for key, value in claims.items() if key != name}
        with pytest.raises(FormatError):
            read(sign(lost, key=ISSUER, kind="geobuk-status+jws"))


def test_a_certificate_comes_back() -> None:
    found = verify_issuer_certificate(certificate(), root_public=ROOT.public)

    assert found.kid == ISSUER.public.thumbprint
    assert found.public == ISSUER.public
    assert (found.not_before, found.not_after) == (NOW, NOW + 24 * HOUR)


def test_a_document_is_judged_by_its_own_time() -> None:
    found = verify_issuer_certificate(certificate(), root_public=ROOT.public)

    found.require_issued_within(NOW)
    found.require_issued_within(NOW + 24 * HOUR)
    for moment in (NOW - timedelta(seconds=1), NOW + 24 * HOUR + timedelta(seconds=1)):
        with pytest.raises(AuthenticationError, match="outside the time"):
            found.require_issued_within(moment)


def test_a_certificate_of_another_root_is_refused() -> None:
    with pytest.raises(AuthenticationError):
        verify_issuer_certificate(certificate(root=STRANGER), root_public=ROOT.public)
    with pytest.raises(AuthenticationError):
        verify_issuer_certificate(status(), root_public=ISSUER.public)


def test_every_changed_byte_of_a_certificate_is_refused() -> None:
    raw = certificate().encode()
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises((AuthenticationError, FormatError)):
            verify_issuer_certificate(changed.decode(), root_public=ROOT.public)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"crit": ["usage"]},
        {"kid": STRANGER.public.thumbprint},
        {"key": STRANGER.public.jwk()},
        {"key": None},
        {"nbf": None},
        {"exp": 0},
    ],
)
def test_a_malformed_certificate_is_refused_though_signed(change: dict[str, Any]) -> None:
    jws = sign(claims_of(certificate()) | change, key=ROOT, kind="geobuk-issuer+jws")

    with pytest.raises(FormatError):
        verify_issuer_certificate(jws, root_public=ROOT.public)


def test_a_certificate_must_end_after_it_begins() -> None:
    with pytest.raises(FormatError, match="after"):
        certificate(not_after=NOW)


def test_the_issuer_of_a_document_is_found_among_certificates(shelf: Shelf) -> None:
    forged = certificate(root=STRANGER)
    older = certificate(issuer_public=STRANGER.public)

    found = find_issuer(
        shelf.jws, [forged, "nonsense", older, certificate()], root_public=ROOT.public
    )

    assert found.public == ISSUER.public
    with pytest.raises(AuthenticationError, match="not signed by a key of this shop"):
        find_issuer(shelf.jws, [forged, older], root_public=ROOT.public)
    with pytest.raises(AuthenticationError):
        find_issuer(shelf.jws, [], root_public=ROOT.public)
