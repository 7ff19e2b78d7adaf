"""The audit log and the chain of keys: trees, heads, proofs, issuers (sections 3.2, 8 and 14)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from drm.encoding import b64u, canonical_json
from drm.keys import IdentityKey
from tests.drm.house import ISSUER, NOW, ROOT, STRANGER
from tests.vectors.tools import Case, Row, base, claims_in, document, flipped, without

HEAD: Final = "geobuk-head+jws"
# The entries of the test of RFC 6962's reference implementation.
ENTRIES: Final = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
# Its roots over the first one, two, … entries.
ROOTS: Final = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def leaf(entry: bytes) -> bytes:
    """Return the hash of an entry (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def tree(leaves: Sequence[bytes]) -> bytes:
    """Return the root by the recursive definition of RFC 9162, section 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the inclusion path by section 2.1.3.1, recursively."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(leaves[:split], index), tree(leaves[split:])]
    return [*path(leaves[split:], index - split), tree(leaves[:split])]


def subproof(leaves: Sequence[bytes], old: int, *, whole: bool = True) -> list[bytes]:
    """Return the consistency path by section 2.1.4.1, recursively."""
    if old == len(leaves):
        return [] if whole else [tree(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return [*subproof(leaves[:split], old, whole=whole), tree(leaves[split:])]
    return [*subproof(leaves[split:], old - split, whole=False), tree(leaves[:split])]


LEAVES: Final = [leaf(entry) for entry in ENTRIES]


def tree_base() -> Case:
    """Return a tree over one entry, with the chain over it."""
    return {"kind": "tree", "outcome": "ok"} | _tree(1)


def _tree(size: int) -> Case:
    chain = bytes(32)
    for hashed in LEAVES[:size]:
        chain = hashlib.sha256(b"\x02" + chain + hashed).digest()
    entries = [b64u(entry) for entry in ENTRIES[:size]]
    return {"entries": entries, "root": b64u(bytes.fromhex(ROOTS[size - 1])), "chain": b64u(chain)}


def trees() -> Iterator[Row]:
    """The roots that RFC 6962's reference implementation has, and our chain."""
    for size in range(1, len(ENTRIES) + 1):
        yield f"{size}-entries", "ok", _tree(size)


def inclusion_base() -> Case:
    """Return the path of the first entry of seven."""
    return {"kind": "inclusion", "outcome": "ok"} | _inclusion(0, 7)


def _inclusion(index: int, size: int) -> Case:
    return {
        "leaf": b64u(LEAVES[index]),
        "index": index,
        "tree_size": size,
        "path": [b64u(sibling) for sibling in path(LEAVES[:size], index)],
        "root": b64u(tree(LEAVES[:size])),
    }


def inclusions() -> Iterator[Row]:
    """Paths from a leaf to the root (section 14.3)."""
    for size in (1, 2, 3, 7, 8):
        for index in range(size):
            yield f"entry-{index}-of-{size}", "ok", _inclusion(index, size)
    good = _inclusion(2, 7)
    faults: dict[str, Case] = {
        "other-index": {"index": 3},
        "other-leaf": {"leaf": b64u(LEAVES[3])},
        "index-below-zero": {"index": -1},
        "index-at-the-size": {"index": 7},
        "size-of-none": {"tree_size": 0},
        "smaller-tree": {"tree_size": 4},
        "larger-tree": {"tree_size": 9},
        "path-too-short": {"path": good["path"][:-1]},
        "path-too-long": {"path": [*good["path"], good["path"][0]]},
        "no-path": {"path": []},
        "path-in-another-order": {"path": good["path"][::-1]},
        "other-root": {"root": b64u(tree(LEAVES[:6]))},
        "leaf-as-root": {"path": [], "root": good["leaf"]},
    }
    for name, change in faults.items():
        yield name, "bad_signature", good | change


def consistency_base() -> Case:
    """Return that a log of three grew to seven."""
    return {"kind": "consistency", "outcome": "ok"} | _consistency(3, 7)


def _consistency(old: int, new: int) -> Case:
    return {
        "old_size": old,
        "old_root": b64u(tree(LEAVES[:old])),
        "new_size": new,
        "new_root": b64u(tree(LEAVES[:new])),
        "path": [b64u(sibling) for sibling in subproof(LEAVES[:new], old)],
    }


def consistencies() -> Iterator[Row]:
    """That a later head only adds to an earlier one (section 14.3)."""
    for old, new in ((1, 1), (1, 8), (2, 3), (3, 7), (4, 7), (6, 8), (7, 7), (7, 8)):
        yield f"{old}-to-{new}", "ok", _consistency(old, new)
    good = _consistency(3, 7)
    rewritten = b64u(tree([LEAVES[1], *LEAVES[1:7]]))
    faults: dict[str, Case] = {
        "rewritten": {"new_root": rewritten},
        "other-old-root": {"old_root": b64u(tree(LEAVES[:4]))},
        "shrunk": {"old_size": 7, "new_size": 3},
        "from-nothing": {"old_size": 0},
        "path-too-short": {"path": good["path"][:-1]},
        "path-too-long": {"path": [*good["path"], good["path"][0]]},
        "no-path": {"path": []},
        "same-size-other-root": {"old_size": 7, "path": []},
    }
    for name, change in faults.items():
        yield name, "bad_signature", good | change
    same = _consistency(7, 7)
    yield "same-size-with-a-path", "bad_signature", same | {"path": good["path"]}


def head_claims(size: int = 7) -> Case:
    """Return the claims of a head over the first `size` entries."""
    made = _tree(size)
    hashes = {name: made[name] for name in ("root", "chain")}
    return {"v": 1, "size": size, "iat": int(NOW.timestamp())} | hashes


def head_base() -> Case:
    """Return a head that is in order."""
    claims = head_claims()
    return {
        "kind": "head",
        "outcome": "ok",
        "issuer_public": b64u(ISSUER.public.to_bytes()),
        "jws": document(claims, HEAD),
    } | {name: claims[name] for name in ("size", "root", "chain", "iat")}


def heads() -> Iterator[Row]:
    """Signed heads (section 14.2)."""
    claims = head_claims()
    yield "seven-entries", "ok", {}
    empty = claims | {"size": 0, "root": b64u(hashlib.sha256(b"").digest())}
    empty["chain"] = b64u(bytes(32))
    critical = document(claims | {"crit": list(claims)}, HEAD)
    yield "every-claim-critical", "ok", {"jws": critical}
    yield "no-entries", "ok", {"jws": document(empty, HEAD)} | without(empty, "v")
    malformed = {f"without-{name}": without(claims, name) for name in claims}
    malformed |= {
        "size-below-zero": claims | {"size": -1},
        "size-true": claims | {"size": True},
        "short-root": claims | {"root": b64u(bytes(31))},
        "short-chain": claims | {"chain": b64u(bytes(31))},
        "root-in-hexadecimal": claims | {"root": ROOTS[6]},
        "time-as-text": claims | {"iat": "now"},
    }
    for name, changed in malformed.items():
        yield name, "bad_format", {"jws": document(changed, HEAD)}
    yield "other-signer", "bad_signature", {"jws": document(claims, HEAD, key=STRANGER)}
    yield "other-kind", "bad_signature", {"jws": document(claims, "geobuk-status+jws")}
    yield "version-2", "unsupported", {"jws": document(claims | {"v": 2}, HEAD)}
    yield "critical-unknown", "unsupported", {"jws": document(claims | {"crit": ["moon"]}, HEAD)}


def licence_proof(kind: str, key: IdentityKey, *, document: str | None = None) -> Case:
    """Return a proof of a licence under a head of `kind` by `key`."""
    licence = base("licence")["licence"] if document is None else document
    named = b64u(hashlib.sha256(licence.encode()).digest())
    return _proof(_entry(hash=named), kind=kind, key=key)


def _proof(
    entry: bytes, index: int = 2, size: int = 5, *, kind: str = HEAD, key: IdentityKey = ISSUER
) -> Case:
    leaves = [leaf(b"entry %d" % i) for i in range(size)]
    leaves[index] = leaf(entry)
    claims = {"v": 1, "size": size, "iat": int(NOW.timestamp()), "chain": b64u(bytes(32))}
    claims |= {"root": b64u(tree(leaves))}
    return {
        "entry": entry.decode(),
        "index": index,
        "path": [b64u(sibling) for sibling in path(leaves, index)],
        "head": document(claims, kind, key=key),
    }


def proof_base() -> Case:
    """Return a proof that the licence of the first vector stands in the log."""
    return {
        "kind": "log_proof",
        "outcome": "ok",
        "issuer_public": b64u(ISSUER.public.to_bytes()),
        "document": base("licence")["licence"],
        "proof": _proof(_entry()),
    }


def _entry(**change: object) -> bytes:
    licence = base("licence")["licence"]
    named = b64u(hashlib.sha256(licence.encode()).digest())
    said = {"kind": "licence", "at": int(NOW.timestamp()), "licence": claims_in(licence)["id"]}
    return canonical_json(said | {"hash": named} | change)


def log_proofs() -> Iterator[Row]:
    """Proofs out of the log (section 14.3)."""
    good = _proof(_entry())
    yield "in-the-middle", "ok", {}
    for index, size in ((0, 1), (0, 2), (6, 7), (8, 9)):
        yield f"entry-{index}-of-{size}", "ok", {"proof": _proof(_entry(), index, size)}
    yield "of-another-kind-of-entry", "ok", {"proof": _proof(_entry(kind="imported"))}
    refused: dict[str, Case] = {
        "other-index": good | {"index": 1},
        "index-outside": good | {"index": 5},
        "path-too-short": good | {"path": good["path"][:-1]},
        "path-of-another": good | {"path": good["path"][::-1]},
        "other-head": good | {"head": _proof(_entry(at=0))["head"]},
        "entry-changed": good | {"entry": _entry(at=0).decode()},
        "entry-spelt-otherwise": good | {"entry": good["entry"].replace(":", ": ", 1)},
        "entry-of-another-document": _proof(_entry(hash=b64u(bytes(32)))),
    }
    for name, proof in refused.items():
        yield name, "bad_signature", {"proof": proof}
    again = base("licence-rental")["licence"]
    yield "other-document", "bad_signature", {"document": again}
    forged = document(claims_in(good["head"]), HEAD, key=STRANGER)
    yield "head-by-a-stranger", "bad_signature", {"proof": good | {"head": forged}}
    malformed = {f"without-{name}": without(good, name) for name in good}
    malformed |= {
        "index-as-text": good | {"index": "2"},
        "path-is-a-text": good | {"path": good["path"][0]},
        "path-of-65": good | {"path": good["path"][:1] * 65},
        "short-hash": good | {"path": [*good["path"][:-1], b64u(bytes(31))]},
        "padded-hash": good | {"path": [*good["path"][:-1], good["path"][-1] + "="]},
        "entry-without-hash": _proof(canonical_json({"kind": "granted", "at": 0})),
        "entry-is-no-json": _proof(b"licence"),
    }
    for name, proof in malformed.items():
        yield name, "bad_format", {"proof": proof}


def issued_base() -> Case:
    """Return a licence with the certificate of its issuer."""
    certificate = base("issuer-certificate")["jws"]
    return {
        "kind": "issued",
        "outcome": "ok",
        "root_public": b64u(ROOT.public.to_bytes()),
        "certificates": [certificate],
        "licence": base("licence")["licence"],
    }


def issued() -> Iterator[Row]:
    """A licence judged by the time it was issued (sections 3.2 and 8)."""
    claims = claims_in(base("licence")["licence"])
    kind = "geobuk-licence+jws"
    begins, ends = (claims_in(base("issuer-certificate")["jws"])[name] for name in ("nbf", "exp"))
    moments = {"first-second": (begins, "ok"), "last-second": (ends, "ok")}
    moments["second-before"] = (begins - 1, "bad_signature")
    moments["second-after"] = (ends + 1, "bad_signature")
    for name, (moment, outcome) in moments.items():
        yield name, outcome, {"licence": document(claims | {"iat": moment}, kind)}
    own = base("issuer-certificate")["jws"]
    said = claims_in(own)
    stranger = said | {"kid": STRANGER.public.thumbprint, "key": STRANGER.public.jwk()}
    its = document(stranger, "geobuk-issuer+jws", key=ROOT)
    self_made = document(said, "geobuk-issuer+jws", key=ISSUER)
    yield "second-of-two", "ok", {"certificates": [its, own]}
    yield "forged-one-passed-over", "ok", {"certificates": [self_made, own]}
    yield "no-certificate", "bad_signature", {"certificates": []}
    yield "of-another-issuer", "bad_signature", {"certificates": [its]}
    yield "certified-by-itself", "bad_signature", {"certificates": [self_made]}
    yield "other-root", "bad_signature", {"root_public": b64u(STRANGER.public.to_bytes())}
    named = {"alg": "EdDSA", "typ": kind, "kid": ISSUER.public.thumbprint}
    pretended = document(claims, kind, key=STRANGER, header=named)
    yield "name-of-another", "bad_signature", {"licence": pretended}
    unnamed = document(claims, kind, header={"alg": "EdDSA", "typ": kind})
    yield "no-name", "bad_format", {"licence": unnamed}
    root = flipped(ROOT.public.to_bytes(), 0)
    yield "root-that-is-no-key", "bad_signature", {"root_public": b64u(root)}
