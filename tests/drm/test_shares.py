"""Shares of the activation secret: any K of N, and a sentence for whatever else is brought."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.errors import AuthenticationError, DrmError, FormatError
from drm.shares import combine, read_share, split
from drm.signed import sign
from drm.unlock import ActivationSecret
from tests.drm.house import ISSUER, NOW, STRANGER, claims_of

SECRET = ActivationSecret(bytes(range(40, 72)))
OTHER_SECRET = ActivationSecret(bytes(range(41, 73)))


def _split(
    threshold: int = 3, total: int = 5, secret: ActivationSecret = SECRET, signer: object = None
) -> list[str]:
    key = STRANGER if signer is STRANGER else ISSUER
    return split(
        secret, threshold=threshold, total=total, signer=key, kid=key.public.thumbprint, now=NOW
    )


def _combine(shares: list[str], commitment: bytes | None = None) -> ActivationSecret:
    return combine(shares, signer_public=ISSUER.public, commitment=commitment)


def test_any_three_of_five_give_the_secret_back_in_any_order() -> None:
    shares = _split()

    for chosen in itertools.permutations(shares, 3):
        assert _combine(list(chosen), SECRET.commitment) == SECRET
    assert _combine(shares) == SECRET


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(2, 6), st.integers(0, 3))
def test_every_secret_comes_back(value: bytes, threshold: int, more: int) -> None:
    secret = ActivationSecret(value)

    assert _combine(_split(threshold, threshold + more, secret)[more:]) == secret


def test_fewer_than_needed_tell_nothing_of_either_half() -> None:
    # With a share of one's own for the rest, every secret is as likely as the true one.
    first, second = ({read_share(s, signer_public=ISSUER.public).value for s in _split(2, 2)}
                     for _ in range(2))  # fmt: skip

    assert not first & second


@pytest.mark.parametrize(("given_", "sentence"), [(1, "2 are missing"), (2, "1 is missing")])
def test_too_few_are_counted(given_: int, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        _combine(_split()[:given_])
    with pytest.raises(FormatError, match="No share"):
        _combine([])


def test_repeated_mixed_and_foreign_shares_are_named() -> None:
    shares, later = _split(), _split()

    with pytest.raises(FormatError, match="Share 2 was given twice"):
        _combine([shares[0], shares[1], shares[1]])
    with pytest.raises(FormatError, match="Share 3 is of another set than share 1"):
        _combine([shares[0], shares[1], later[2]])
    with pytest.raises(AuthenticationError, match="Share number 2 of those given"):
        _combine([shares[0], _split(signer=STRANGER)[1], shares[2]])
    with pytest.raises(AuthenticationError, match="another secret"):
        _combine(_split(secret=OTHER_SECRET), SECRET.commitment)


def test_a_share_that_the_shop_signed_wrongly_is_noticed() -> None:
    # Shamir's scheme would give another secret without a word.
    shares = _split()
    wrong = claims_of(shares[0]) | {"share": claims_of(shares[1])["share"]}
    forged = sign(wrong, key=ISSUER, kind="geobuk-share+jws")

    with pytest.raises(AuthenticationError, match="another secret"):
        _combine([forged, *shares[1:3]])


@pytest.mark.parametrize(
    "change",
    [
        {"index": 0}, {"index": 6}, {"threshold": 1}, {"threshold": 6}, {"total": 300},
        {"share": "AAAA"}, {"commitment": "AAAA"}, {"index": "1"}, {"crit": ["x"]}, {"v": 2},
    ],
)  # fmt: skip
def test_a_share_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    forged = sign(claims_of(_split()[0]) | change, key=ISSUER, kind="geobuk-share+jws")

    with pytest.raises(FormatError):
        _combine([forged])


def test_every_changed_byte_of_a_share_is_refused() -> None:
    share = _split()[0].encode()

    for position in range(len(share)):
        changed = bytearray(share)
        changed[position] ^= 1
        with pytest.raises(DrmError):
            read_share(bytes(changed), signer_public=ISSUER.public)


@pytest.mark.parametrize(("threshold", "total"), [(1, 3), (4, 3), (2, 256), (0, 0)])
def test_thresholds_that_make_no_sense_are_refused(threshold: int, total: int) -> None:
    with pytest.raises(FormatError, match="at least 2"):
        _split(threshold, total)


def test_a_share_does_not_show_in_repr() -> None:
    share = read_share(_split()[0], signer_public=ISSUER.public)

    assert "value" not in repr(share)
