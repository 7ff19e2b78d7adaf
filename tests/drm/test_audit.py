from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.audit import (
    CHAIN_START,
    LogProof,
    chain_hash,
    consistency_path,
    inclusion_path,
    leaf_hash,
    sign_head,
    tree_root,
    verify_consistency,
    verify_head,
    verify_inclusion,
)
from drm.encoding import canonical_json
from drm.errors import AuthenticationError, DrmError, FormatError
from drm.signed import document_hash
from tests.drm.house import ISSUER, NOW, STRANGER

# The entries and roots of the reference tests of certificate-transparency.
KNOWN_ENTRIES = [
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
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
KNOWN_LEAVES = [leaf_hash(entry) for entry in KNOWN_ENTRIES]
DOCUMENT = "eyJh.eyJi.c2ln"


def _leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def _split_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 writes it down, to hold the loop of tree_root against."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + _split_root(leaves[:k]) + _split_root(leaves[k:])).digest()


def _proof(count: int = 5, index: int = 3) -> LogProof:
    entries = [canonical_json({"kind": "x", "number": number}) for number in range(count)]
    entries[index] = canonical_json({"kind": "licence", "hash": document_hash(DOCUMENT)})
    leaves = [leaf_hash(entry) for entry in entries]
    chain = CHAIN_START
    for entry in entries:
        chain = chain_hash(chain, entry)
    head = sign_head(
        issuer=ISSUER,
        kid=ISSUER.public.thumbprint,
        tree_size=count,
        root=tree_root(leaves),
        chain=chain,
        now=NOW,
    )
    return LogProof(
        entry=entries[index], index=index, path=inclusion_path(leaves, index), head=head
    )


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    assert tree_root(KNOWN_LEAVES[:size]).hex() == KNOWN_ROOTS[size]


def test_a_known_path() -> None:
    # By hand from RFC 9162, section 2.1.5: in a tree of seven, d3 is proved by [c, g, l].
    d = KNOWN_LEAVES[:7]

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    g = node(d[0], d[1])
    el = node(node(d[4], d[5]), d[6])
    assert inclusion_path(d, 3) == (d[2], g, el)
    # And the tree of three grows into that of seven by [c, d, g, l].
    assert consistency_path(d, 3) == (d[2], d[3], g, el)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_leaf_is_proved_at_its_own_index_alone(size: int) -> None:
    leaves = _leaves(size)
    root = tree_root(leaves)
    assert root == _split_root(leaves)
    for index in range(size):
        path = inclusion_path(leaves, index)
        verify_inclusion(leaf=leaves[index], index=index, tree_size=size, path=path, root=root)
        for other in (*range(index), *range(index + 1, size + 1), -1):
            with pytest.raises(AuthenticationError):
                verify_inclusion(
                    leaf=leaves[index], index=other, tree_size=size, path=path, root=root
                )


@pytest.mark.parametrize("new", range(1, 26))
def test_every_older_tree_is_proved_a_part(new: int) -> None:
    leaves = _leaves(new)
    root = tree_root(leaves)
    for old in range(1, new + 1):
        path = consistency_path(leaves, old)
        before = tree_root(leaves[:old])
        verify_consistency(old_size=old, old_root=before, new_size=new, new_root=root, path=path)
        forged = tree_root([*leaves[: old - 1], leaf_hash(b"forged")])
        with pytest.raises(AuthenticationError):
            verify_consistency(
                old_size=old, old_root=forged, new_size=new, new_root=root, path=path
            )
        with pytest.raises(AuthenticationError):
            verify_consistency(
                old_size=old, old_root=before, new_size=new, new_root=forged, path=path
            )


@given(st.integers(1, 300), st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_path_proves_nothing(size: int, data: st.DataObject) -> None:
    leaves = _leaves(size)
    index = data.draw(st.integers(0, size - 1))
    path = list(inclusion_path(leaves, index))
    change = data.draw(st.sampled_from(["longer", "shorter", "bit", "order", "leaf"]))
    leaf = leaves[index]
    if change == "longer":
        path.append(bytes(32))
    elif change == "shorter" and path:
        path.pop()
    elif change == "bit" and path:
        place = data.draw(st.integers(0, len(path) - 1))
        path[place] = bytes([path[place][0] ^ 1]) + path[place][1:]
    elif change == "order" and len(path) > 1:
        path.reverse()
    else:
        leaf = leaf_hash(b"another")

    with pytest.raises(AuthenticationError):
        verify_inclusion(leaf=leaf, index=index, tree_size=size, path=path, root=tree_root(leaves))


@given(st.integers(2, 200), st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_consistency_path_proves_nothing(new: int, data: st.DataObject) -> None:
    leaves = _leaves(new)
    old = data.draw(st.integers(1, new - 1))
    path = list(consistency_path(leaves, old))
    place = data.draw(st.integers(0, len(path) - 1))
    change = data.draw(st.sampled_from(["bit", "lost", "more"]))
    if change == "bit":
        path[place] = bytes([path[place][0] ^ 1]) + path[place][1:]
    elif change == "lost":
        del path[place]
    else:
        path.append(bytes(32))

    with pytest.raises(AuthenticationError):
        verify_consistency(
            old_size=old,
            old_root=tree_root(leaves[:old]),
            new_size=new,
            new_root=tree_root(leaves),
            path=path,
        )


def test_no_path_to_what_is_not_there() -> None:
    with pytest.raises(IndexError):
        inclusion_path(_leaves(3), 3)
    for size in (0, 4):
        with pytest.raises(IndexError):
            consistency_path(_leaves(3), size)


def test_an_entry_never_passes_for_a_node() -> None:
    leaves = _leaves(2)

    assert leaf_hash(leaves[0] + leaves[1]) != tree_root(leaves)


def test_the_chain_depends_on_every_entry_and_their_order() -> None:
    one = chain_hash(chain_hash(CHAIN_START, b"a"), b"b")

    assert one != chain_hash(chain_hash(CHAIN_START, b"b"), b"a")
    assert one != chain_hash(CHAIN_START, b"ab")


def test_a_head_comes_back_as_it_was_signed() -> None:
    head = verify_head(_proof().head, issuer_public=ISSUER.public)

    assert head.tree_size == 5
    assert head.issued_at == NOW == datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    with pytest.raises(AuthenticationError):
        verify_head(_proof().head, issuer_public=STRANGER.public)


@pytest.mark.parametrize(("root", "size"), [(bytes(31), 1), (bytes(32), 2**53)])
def test_a_head_that_cannot_be_is_not_signed(root: bytes, size: int) -> None:
    with pytest.raises(FormatError):
        sign_head(issuer=ISSUER, kid="k", tree_size=size, root=root, chain=bytes(32), now=NOW)


def test_a_proof_survives_the_wire_and_holds() -> None:
    proof = LogProof.from_json(json.loads(json.dumps(_proof().to_json())))

    assert proof == _proof()
    assert proof.verify(DOCUMENT, issuer_public=ISSUER.public).tree_size == 5


def test_a_proof_is_of_its_document_entry_and_head_alone() -> None:
    proof = _proof()
    others = [
        (DOCUMENT + "A", proof, ISSUER),
        (DOCUMENT, proof, STRANGER),
        (DOCUMENT, replace(proof, index=2), ISSUER),
        (DOCUMENT, replace(proof, head=_proof(6).head), ISSUER),
        (DOCUMENT, replace(proof, entry=proof.entry.replace(b'"licence"', b'"gift"')), ISSUER),
    ]
    for document, changed, issuer in others:
        with pytest.raises(AuthenticationError):
            changed.verify(document, issuer_public=issuer.public)


def test_every_changed_byte_of_entry_path_or_head_is_refused() -> None:
    proof = _proof()
    for place in range(len(proof.entry)):
        entry = bytearray(proof.entry)
        entry[place] ^= 1
        with pytest.raises(DrmError):
            replace(proof, entry=bytes(entry)).verify(DOCUMENT, issuer_public=ISSUER.public)
    for level, sibling in enumerate(proof.path):
        for place in range(32):
            changed = sibling[:place] + bytes([sibling[place] ^ 1]) + sibling[place + 1 :]
            path = (*proof.path[:level], changed, *proof.path[level + 1 :])
            with pytest.raises(AuthenticationError):
                replace(proof, path=path).verify(DOCUMENT, issuer_public=ISSUER.public)
    for place, letter in enumerate(proof.head):
        head = proof.head[:place] + ("A" if letter != "A" else "B") + proof.head[place + 1 :]
        with pytest.raises(DrmError):
            replace(proof, head=head).verify(DOCUMENT, issuer_public=ISSUER.public)


@given(
    st.dictionaries(
        st.sampled_from(["entry", "index", "path", "head"]),
        st.none() | st.text(max_size=8) | st.integers() | st.lists(st.text(max_size=50)),
    )
)
def test_whatever_comes_for_a_proof_is_a_named_error(value: dict[str, object]) -> None:
    with pytest.raises(DrmError):
        LogProof.from_json(value).verify(DOCUMENT, issuer_public=ISSUER.public)
