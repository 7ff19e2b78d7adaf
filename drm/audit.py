"""The audit log: a Merkle tree over every entry, its signed heads, and proofs out of it
(docs/format-v1.md, section 14).

The tree is that of Certificate Transparency (RFC 9162, section 2.1, the same hashes as RFC
6962): leaves are hashed as 0x00 ‖ entry and nodes as 0x01 ‖ left ‖ right, so that neither
passes for the other. Hashes are 32 bytes of SHA-256; indexes count from 0.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from drm.encoding import b64u, from_b64u, member, parse_object, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import document_hash, require_version, sign, verify

__all__ = [
    "CHAIN_START",
    "Head",
    "LogProof",
    "chain_hash",
    "consistency_path",
    "inclusion_path",
    "leaf_hash",
    "sign_checkpoint",
    "sign_head",
    "tree_root",
    "verify_checkpoint",
    "verify_consistency",
    "verify_head",
    "verify_inclusion",
]

KIND: Final = "geobuk-head+jws"
CHECKPOINT_KIND: Final = "geobuk-checkpoint+jws"
VERSION: Final = 1
KNOWN: Final = frozenset({"v", "size", "root", "chain", "iat", "crit"})
HASH_SIZE: Final = 32
# A path has a hash for each level: 64 levels are more entries than anybody writes.
LONGEST_PATH: Final = 64
# Section 14.1: what stands before the first entry of the chain.
CHAIN_START: Final = bytes(HASH_SIZE)


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry's bytes (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def chain_hash(previous: bytes, entry: bytes) -> bytes:
    """Return the chain after `entry`; `previous` is the chain before it, at first CHAIN_START."""
    return hashlib.sha256(b"\x02" + _hash(previous) + leaf_hash(entry)).digest()


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over these leaf hashes; of none, SHA-256 of nothing (section 2.1.1)."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    # Pairing level by level and carrying the odd one up makes the same tree as splitting
    # at the largest power of two, without recursion.
    while len(level) > 1:
        paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) & ~1 :]
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the hashes by which leaf `index` leads to the root (section 2.1.3.1).

    Raises IndexError where there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"the log has no entry {index}")
    path: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) & ~1 :]
        index >>= 1
    return tuple(path)


def verify_inclusion(
    *, leaf: bytes, index: int, tree_size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that `leaf` stands at `index` of the tree (RFC 9162, section 2.1.3.2).

    Raises AuthenticationError where it does not.
    """
    if not 0 <= index < tree_size:
        raise AuthenticationError("The proof names an entry outside the log. Ask for a new one.")
    fn, sn, computed = index, tree_size - 1, leaf
    for sibling in path:
        if sn == 0:
            raise _unproved()
        if fn & 1 or fn == sn:
            computed = _node(sibling, computed)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = _node(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or not hmac.compare_digest(computed, root):
        raise _unproved()


def consistency_path(leaves: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """Return the hashes that prove the first `old_size` leaves unchanged (section 2.1.4.1).

    Raises IndexError unless 0 < old_size <= len(leaves).
    """
    if not 0 < old_size <= len(leaves):
        raise IndexError(f"the log never had {old_size} of its entries")
    return tuple(_subproof(old_size, list(leaves), whole=True))


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that the new tree only appends to the old one (RFC 9162, section 2.1.4.2).

    Raises AuthenticationError where it does not.
    """
    if not 0 < old_size <= new_size:
        raise _rewritten()
    if old_size == new_size:
        if path or not hmac.compare_digest(old_root, new_root):
            raise _rewritten()
        return
    # Of a complete subtree the path leaves out the root, which whoever checks has already.
    hashes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    old, new = _grown(hashes, old_size - 1, new_size - 1)
    if not (hmac.compare_digest(old, old_root) and hmac.compare_digest(new, new_root)):
        raise _rewritten()


def _grown(hashes: list[bytes], fn: int, sn: int) -> tuple[bytes, bytes]:
    """The old and the new root that the path leads to, by the names of RFC 9162."""
    if not hashes:
        raise _rewritten()
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if sn == 0:
            raise _rewritten()
        if fn & 1 or fn == sn:
            old, new = _node(sibling, old), _node(sibling, new)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = _node(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise _rewritten()
    return old, new


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the shop signed of its log: how many entries, their root, and the chain's end."""

    tree_size: int
    root: bytes
    chain: bytes
    issued_at: datetime


def sign_head(
    *, issuer: IdentityKey, kid: str, tree_size: int, root: bytes, chain: bytes, now: datetime
) -> str:
    """Return the head over the first `tree_size` entries, signed. Raises FormatError."""
    claims = _head_claims(tree_size, root, chain, now)
    return sign(claims, key=issuer, kind=KIND, header={"kid": kid})


def verify_head(jws: str, *, issuer_public: IdentityPublicKey) -> Head:
    """Return the head that `issuer_public` signed. Raises AuthenticationError, FormatError."""
    return _read_head(jws, public=issuer_public, kind=KIND)


def sign_checkpoint(
    *, shop_root: IdentityKey, tree_size: int, root: bytes, chain: bytes, now: datetime
) -> str:
    """Return the same word by the shop's root key (section 14.4). Raises FormatError."""
    claims = _head_claims(tree_size, root, chain, now)
    header = {"kid": shop_root.public.thumbprint}
    return sign(claims, key=shop_root, kind=CHECKPOINT_KIND, header=header)


def verify_checkpoint(jws: str, *, root_public: IdentityPublicKey) -> Head:
    """Return the checkpoint that the shop's root signed. Raises what verify_head raises."""
    return _read_head(jws, public=root_public, kind=CHECKPOINT_KIND)


def _head_claims(tree_size: int, root: bytes, chain: bytes, now: datetime) -> dict[str, Any]:
    return {
        "v": VERSION,
        "size": tree_size,
        "root": b64u(_hash(root)),
        "chain": b64u(_hash(chain)),
        "iat": time_to_claim(now),
    }


def _read_head(jws: str, *, public: IdentityPublicKey, kind: str) -> Head:
    claims = verify(jws, public=public, kind=kind)
    require_version(claims, version=VERSION, known=KNOWN)
    size = member(claims, "size", int)
    if size < 0:
        raise FormatError("The head of the log has a size below zero. Get it again from the shop.")
    return Head(
        tree_size=size,
        root=_hash(from_b64u(claims.get("root"))),
        chain=_hash(from_b64u(claims.get("chain"))),
        issued_at=time_from(claims, "iat"),
    )


@dataclass(frozen=True, kw_only=True)
class LogProof:
    """That an entry stands in the log under a signed head (section 14.3)."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    head: str

    def to_json(self) -> dict[str, Any]:
        """Return the proof as an object for JSON."""
        return {
            "entry": self.entry.decode("utf-8"),
            "index": self.index,
            "path": [b64u(sibling) for sibling in self.path],
            "head": self.head,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a proof; nothing is verified yet. Raises FormatError."""
        path = member(value, "path", list)
        if len(path) > LONGEST_PATH:
            raise FormatError("The proof is too long. Ask the shop for a new one.")
        try:
            entry = member(value, "entry", str).encode()
        except UnicodeEncodeError as error:
            raise FormatError("The entry of the proof is not valid Unicode.") from error
        return cls(
            entry=entry,
            index=member(value, "index", int),
            path=tuple(_hash(from_b64u(sibling)) for sibling in path),
            head=member(value, "head", str),
        )

    def verify(self, document: str, *, issuer_public: IdentityPublicKey) -> Head:
        """Return the head under which the log names `document`, a JWS exactly as received.

        Who verifies must know from elsewhere that `issuer_public` is of the shop. Raises
        AuthenticationError for another document, another log or a forged head, FormatError.
        """
        return self._lead(document, verify_head(self.head, issuer_public=issuer_public))

    def verify_checkpoint(self, document: str, *, root_public: IdentityPublicKey) -> Head:
        """The same where `head` is a checkpoint, by the shop's root key (section 14.4)."""
        return self._lead(document, verify_checkpoint(self.head, root_public=root_public))

    def _lead(self, document: str, head: Head) -> Head:
        named = member(parse_object(self.entry), "hash", str)
        if not hmac.compare_digest(named.encode(), document_hash(document).encode()):
            raise AuthenticationError(
                "The proof is of another document. Ask the shop for that of this one."
            )
        verify_inclusion(
            leaf=leaf_hash(self.entry),
            index=self.index,
            tree_size=head.tree_size,
            path=self.path,
            root=head.root,
        )
        return head


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _subproof(size: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162; `whole` while the old tree is a complete subtree so far."""
    if size == len(leaves):
        return [] if whole else [tree_root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = leaves[:split], leaves[split:]
    if size <= split:
        return [*_subproof(size, left, whole=whole), tree_root(right)]
    return [*_subproof(size - split, right, whole=False), tree_root(left)]


def _hash(value: bytes) -> bytes:
    if len(value) != HASH_SIZE:
        raise FormatError("A hash of the log must be 32 bytes long. Ask the shop again.")
    return value


def _unproved() -> AuthenticationError:
    return AuthenticationError(
        "The proof does not lead to the signed head of the log. Ask the shop for a new one."
    )


def _rewritten() -> AuthenticationError:
    return AuthenticationError(
        "The log is not a continuation of the one seen before. Keep both heads and ask the shop."
    )
