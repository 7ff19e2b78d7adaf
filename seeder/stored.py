"""Which licences were here before their issuer was retired.

Whoever steals the key of a retired issuer can sign a licence that looks old; but not one
that this device has held since it was new. So beside each licence lies a mark: an HMAC under
a key that only this device has, made when the licence was believed. A proof out of a
checkpoint of the shop's log, where one was fetched, lies there too, and vouches as well.

    licences/<thumbprint>.jws      the licence
    licences/<thumbprint>.stored   its mark, and below it that of the one before
    licences/<thumbprint>.proof    the proof
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from drm.audit import LogProof
from drm.errors import DrmError, OnlineNeededError
from drm.keys import IdentityKey
from drm.licence import LicenceClaims
from seeder.client import ShopClient
from seeder.config import read_json, write_json, write_private
from seeder.errors import ShopError
from seeder.papers import Papers
from seeder.proofs import fetch_proofs
from seeder.shops import Shop
from seeder.trust import judged_licence

__all__ = [
    "believe_held",
    "believe_new",
    "is_marked",
    "keep_proof",
    "mark_held",
    "mark_stored",
]

CONTEXT = b"geobuk stored licence v1"


def believe_held(
    jws: str, papers: Papers, shop: Shop, *, identity: IdentityKey, now: datetime
) -> LicenceClaims:
    """Read the licence that lies in `papers`, whatever became of its issuer since it was marked.

    Raises drm's AuthenticationError, FormatError, and OnlineNeededError (retired_issuer) for
    one that nothing but itself says to be old.
    """
    stored = is_marked(jws, papers, identity=identity)
    claims, _issuer = judged_licence(jws, shop, now=now, stored=stored, proof=_proof(papers))
    if not stored:
        # Of a time before there were marks, and its issuer still at work.
        mark_stored(jws, papers, identity=identity)
    return claims


def believe_new(
    jws: str, papers: Papers, shop: Shop, client: ShopClient, *, now: datetime
) -> LicenceClaims:
    """Read a licence that the shop has just sent; of a retired issuer, by a proof of the log.

    Raises what `believe_held` raises.
    """
    try:
        return judged_licence(jws, shop, now=now, stored=False, proof=None)[0]
    except OnlineNeededError as refusal:
        claims, _issuer = judged_licence(jws, shop, now=now, stored=True, proof=None)
        try:
            proof = fetch_proofs(client, claims.licence_id).checkpoint
        except ShopError:
            raise refusal from None
        if proof is None:
            raise
        judged_licence(jws, shop, now=now, stored=False, proof=proof)
        keep_proof(proof, papers)
        return claims


def mark_stored(jws: str, papers: Papers, *, identity: IdentityKey) -> None:
    """Note that this licence was believed, before it is kept.

    Whoever is cut short in between has a mark too many, and never a licence that nothing
    vouches for once its issuer is retired: the mark of the one before stays for that.
    """
    mark = _mark(jws, papers, identity).encode()
    before = [one for one in _marks(papers) if one != mark]
    write_private(_mark_file(papers), b"\n".join((mark, *before[:1])))


def mark_held(papers: Papers, shop: Shop, *, identity: IdentityKey, now: datetime) -> None:
    """Mark a licence that lies here from a time before there were marks, where it is believed."""
    jws = papers.licence()
    if jws is not None and not is_marked(jws, papers, identity=identity):
        with suppress(DrmError):
            believe_held(jws, papers, shop, identity=identity, now=now)


def is_marked(jws: str, papers: Papers, *, identity: IdentityKey) -> bool:
    """Whether this device noted that this very licence lay here. A torn mark is none."""
    mark = _mark(jws, papers, identity).encode()
    return any(hmac.compare_digest(found, mark) for found in _marks(papers))


def _marks(papers: Papers) -> list[bytes]:
    """The marks in the file, the newest first."""
    try:
        return _mark_file(papers).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []


def keep_proof(proof: LogProof, papers: Papers) -> None:
    """Keep a proof whose head is a checkpoint beside its licence."""
    write_json(_beside(papers, ".proof"), proof.to_json())


def _proof(papers: Papers) -> LogProof | None:
    value = read_json(_beside(papers, ".proof"))
    try:
        return None if value is None else LogProof.from_json(value)
    except DrmError:
        return None


def _mark(jws: str, papers: Papers, identity: IdentityKey) -> str:
    key = hmac.digest(identity.to_bytes(), CONTEXT, hashlib.sha256)
    text = f"{papers.package}\n{jws}".encode("utf-8", "replace")
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _mark_file(papers: Papers) -> Path:
    return _beside(papers, ".stored")


def _beside(papers: Papers, suffix: str) -> Path:
    return papers.licence_file.with_suffix(suffix)
