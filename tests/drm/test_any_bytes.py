"""Whatever comes in, what comes out is one of our errors and never another one."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.custody import MasterKey, unwrap_key
from drm.encoding import b64u, from_b64u, parse_object
from drm.errors import DrmError
from drm.issuer import verify_issuer_certificate
from drm.keys import IdentityPublicKey, SealingPublicKey
from drm.licence import peek_licence
from drm.manifest import read_manifest
from drm.proof import verify_proof
from drm.recovery import RecoveryKey
from drm.shares import read_share
from drm.signed import key_hint
from drm.status import verify_status
from drm.stream import open_reader
from drm.unlock import read_activation, read_unlock
from tests.drm.house import ISSUER, KEY, NOW

PUBLIC = ISSUER.public
READERS: dict[str, Callable[[str], object]] = {
    "manifest": lambda text: read_manifest(text, issuer_public=PUBLIC),
    "licence": lambda text: peek_licence(text, issuer_public=PUBLIC),
    "status": lambda text: verify_status(
        text, issuer_public=PUBLIC, licence_id="1", nonce="x" * 16, now=NOW
    ),
    "issuer": lambda text: verify_issuer_certificate(text, root_public=PUBLIC),
    "proof": lambda text: verify_proof(text, method="GET", url="http://a/", now=NOW),
    "unlock": lambda text: read_unlock(text, issuer_public=PUBLIC),
    "share": lambda text: read_share(text, signer_public=PUBLIC),
    "recovery code": RecoveryKey.from_code,
    "kid": key_hint,
}
parts = st.binary(max_size=40).map(b64u) | st.text(max_size=20)
headers = st.sampled_from(
    [
        b"{}",
        b'{"alg":"EdDSA","typ":"dpop+jwt"}',
        b'{"alg":"EdDSA","typ":"dpop+jwt","jwk":{}}',
        b'{"alg":"EdDSA","typ":"geobuk-manifest+jws"}',
        b'{"alg":"EdDSA","typ":"geobuk-licence+jws","kid":5}',
        b'{"alg":["EdDSA"],"typ":"geobuk-status+jws"}',
        b'{"alg":"EdDSA","typ":"geobuk-issuer+jws","kid":"\\ud800"}',
    ]
).map(b64u)
tokens = st.text(max_size=60) | st.lists(parts | headers, min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize("reader", sorted(READERS))
@given(token=tokens)
@settings(max_examples=150, deadline=None)
def test_documents(reader: str, token: str) -> None:
    with contextlib.suppress(DrmError):
        READERS[reader](token)


@given(data=st.binary(max_size=300), size=st.integers(-5, 400))
@settings(max_examples=200, deadline=None)
def test_streams(data: bytes, size: int) -> None:
    with pytest.raises(DrmError):
        open_reader(io.BytesIO(data), size=size, key=KEY, associated_data=b"")


@given(data=st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_values(data: bytes) -> None:
    with contextlib.suppress(DrmError):
        parse_object(data)
    with contextlib.suppress(DrmError):
        from_b64u(data.decode("latin-1"))
    with contextlib.suppress(DrmError):
        read_activation(data)
    with contextlib.suppress(DrmError):
        IdentityPublicKey(data)
    with contextlib.suppress(DrmError):
        SealingPublicKey(data)
    with pytest.raises(DrmError):
        unwrap_key(data, master=MasterKey(bytes(32)), context=b"")
