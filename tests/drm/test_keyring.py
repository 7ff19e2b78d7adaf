"""The root's list of issuer keys, and the way from one root to the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drm.encoding import b64u, from_b64u, parse_object
from drm.errors import AuthenticationError, FormatError, UnsupportedError
from drm.issuer import (
    MOST_ISSUERS,
    MOST_ROOT_CHANGES,
    follow_roots,
    sign_issuer_certificate,
    sign_keyring,
    sign_root_acceptance,
    sign_root_change,
    verify_keyring,
    verify_root_change,
)
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import sign
from tests.drm.house import HOUR, ISSUER, NOW, ROOT, STRANGER

ROOTS = [IdentityKey(bytes([n]) * 32) for n in range(1, 7)]


def certificate(issuer: IdentityKey = ISSUER, root: IdentityKey = ROOT) -> str:
    return sign_issuer_certificate(
        root=root, issuer_public=issuer.public, not_before=NOW, not_after=NOW + 24 * HOUR
    )


def keyring(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "root": ROOT,
        "sequence": 3,
        "issuers": [certificate(), certificate(STRANGER)],
        "retired": {STRANGER.public.thumbprint: NOW},
        "now": NOW,
    }
    return sign_keyring(**(arguments | changes))


def change(
    old: IdentityKey, new: IdentityKey, sequence: int, *, by: IdentityKey | None = None
) -> str:
    return sign_root_change(
        root=old,
        new_root=new.public,
        acceptance=sign_root_acceptance(by or new, old_root=old.public, sequence=sequence),
        sequence=sequence,
        now=NOW,
    )


def claims_of(jws: str) -> dict[str, Any]:
    return parse_object(from_b64u(jws.split(".")[1]))


def test_a_keyring_comes_back() -> None:
    found = verify_keyring(keyring(), root_public=ROOT.public, lowest_sequence=3)

    assert (found.sequence, found.issued_at) == (3, NOW)
    assert [c.public for c in found.issuers] == [ISSUER.public, STRANGER.public]
    assert found.retired == {STRANGER.public.thumbprint: NOW}


def test_an_older_keyring_is_refused() -> None:
    with pytest.raises(AuthenticationError, match="older"):
        verify_keyring(keyring(), root_public=ROOT.public, lowest_sequence=4)


def test_a_keyring_of_another_root_is_refused() -> None:
    with pytest.raises(AuthenticationError):
        verify_keyring(keyring(), root_public=STRANGER.public)
    with pytest.raises(AuthenticationError):
        keyring(issuers=[certificate(root=STRANGER)], retired={})
    forged = sign(
        claims_of(keyring()) | {"issuers": [certificate(root=STRANGER)], "retired": {}},
        key=ROOT,
        kind="geobuk-keyring+jws",
    )
    with pytest.raises(AuthenticationError):
        verify_keyring(forged, root_public=ROOT.public)


def test_every_changed_byte_of_a_keyring_is_refused() -> None:
    raw = keyring(issuers=[certificate()], retired={}).encode()
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises((AuthenticationError, FormatError)):
            verify_keyring(changed.decode(), root_public=ROOT.public)


@pytest.mark.parametrize(
    "fault",
    [
        {"v": 2},
        {"crit": ["usage"]},
        {"sequence": -1},
        {"sequence": True},
        {"iat": None},
        {"issuers": []},
        {"issuers": [1]},
        {"issuers": ["a.b.c"]},
        {"issuers": [certificate(), certificate()]},
        {"issuers": ["x"] * (MOST_ISSUERS + 1)},
        {"issuers": [certificate()]},  # retires a key that it does not list
        {"retired": None},
        {"retired": {ISSUER.public.thumbprint: "today"}},
    ],
)
def test_a_malformed_keyring_is_refused_though_signed(fault: dict[str, Any]) -> None:
    jws = sign(claims_of(keyring()) | fault, key=ROOT, kind="geobuk-keyring+jws")

    with pytest.raises(FormatError):
        verify_keyring(jws, root_public=ROOT.public)


def test_a_keyring_of_a_later_version_says_so() -> None:
    jws = sign(claims_of(keyring()) | {"v": 2}, key=ROOT, kind="geobuk-keyring+jws")

    with pytest.raises(UnsupportedError):
        verify_keyring(jws, root_public=ROOT.public)


def test_a_change_of_root_comes_back() -> None:
    found = verify_root_change(change(ROOT, STRANGER, 1), root_public=ROOT.public)

    assert (found.sequence, found.issued_at) == (1, NOW)
    assert (found.old, found.new) == (ROOT.public, STRANGER.public)


def test_a_new_root_must_prove_itself_for_this_very_change() -> None:
    for acceptance in (
        sign_root_acceptance(ISSUER, old_root=ROOT.public, sequence=1),
        sign_root_acceptance(STRANGER, old_root=ROOT.public, sequence=2),
        sign_root_acceptance(STRANGER, old_root=ISSUER.public, sequence=1),
        bytes(64),
    ):
        with pytest.raises(AuthenticationError):
            sign_root_change(
                root=ROOT, new_root=STRANGER.public, acceptance=acceptance, sequence=1, now=NOW
            )


def test_a_root_does_not_follow_itself() -> None:
    with pytest.raises(FormatError, match="wrong keys"):
        change(ROOT, ROOT, 1)


def test_every_changed_byte_of_a_change_is_refused() -> None:
    raw = change(ROOT, STRANGER, 1).encode()
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises((AuthenticationError, FormatError)):
            verify_root_change(changed.decode(), root_public=ROOT.public)


def test_a_change_that_names_another_old_root_is_refused_though_signed() -> None:
    claims = claims_of(change(ROOT, STRANGER, 1)) | {"old": ISSUER.public.jwk()}

    with pytest.raises(FormatError):
        verify_root_change(sign(claims, key=ROOT, kind="geobuk-root+jws"), root_public=ROOT.public)


CHAIN = [change(ROOTS[n], ROOTS[n + 1], n + 1) for n in range(5)]


def follow(changes: Sequence[str], start: int = 0) -> IdentityPublicKey:
    return follow_roots(changes, pinned=ROOTS[start].public)


@given(st.permutations(CHAIN), st.integers(0, 5))
def test_any_order_leads_to_the_last_root_from_any_root(changes: list[str], start: int) -> None:
    assert follow(changes, start) == ROOTS[5].public


@given(st.sets(st.integers(0, 4)), st.integers(0, 5))
def test_a_missing_change_ends_the_way_there(missing: set[int], start: int) -> None:
    left = [jws for n, jws in enumerate(CHAIN) if n not in missing]
    stops = min([n for n in missing if n >= start], default=5)

    assert follow(left, start) == ROOTS[stops].public


@given(st.data())
def test_what_the_root_at_hand_did_not_sign_changes_nothing(data: st.DataObject) -> None:
    claims = claims_of(CHAIN[data.draw(st.integers(0, 4))])
    forger = data.draw(st.sampled_from([STRANGER, ISSUER]))
    to = forger.public.jwk()
    forged = [
        sign(claims | {"new": to}, key=forger, kind="geobuk-root+jws"),
        sign(
            claims | {"new": to, "acceptance": b64u(bytes(64))},
            key=ROOTS[0],
            kind="geobuk-root+jws",
        ),
        data.draw(st.text(max_size=40)),
    ]
    changes = data.draw(st.permutations(CHAIN + forged))

    assert follow(changes) == ROOTS[5].public


@given(st.integers(1, 4), st.permutations([0, 1, 2, 3, 4, 5]))
def test_a_loop_ends_at_its_last_step_and_never_runs_for_ever(back: int, order: list[int]) -> None:
    # A former root that is named again, by a later change: the way leads there, and stops.
    looped = [*CHAIN, change(ROOTS[5], ROOTS[back], 6)]

    assert follow([looped[n] for n in order]) == ROOTS[back].public


def test_a_change_with_an_older_sequence_leads_nowhere() -> None:
    assert follow([change(ROOTS[0], ROOTS[1], 5), change(ROOTS[1], ROOTS[2], 5)]) == ROOTS[1].public


@given(st.permutations([*CHAIN, change(ROOTS[2], STRANGER, 9)]))
def test_a_root_that_names_two_is_refused(changes: list[str]) -> None:
    with pytest.raises(AuthenticationError, match="two keys"):
        follow(changes)
    # Whoever stands behind the fork does not see it: the old root has no say any more.
    assert follow(changes, 3) == ROOTS[5].public


def test_too_many_changes_are_refused() -> None:
    with pytest.raises(FormatError, match="at most"):
        follow(["x"] * (MOST_ROOT_CHANGES + 1))


def test_a_keyring_says_whose_key_a_document_names() -> None:
    found = verify_keyring(keyring(), root_public=ROOT.public)
    document = sign({"v": 1}, key=ISSUER, kind="x", header={"kid": ISSUER.public.thumbprint})

    assert found.certificate(document).public == ISSUER.public
    with pytest.raises(AuthenticationError, match="not signed by a key of this shop"):
        found.certificate(sign({"v": 1}, key=ROOT, kind="x", header={"kid": "another"}))
    assert found.issuers[0].not_after - NOW == timedelta(days=1)
