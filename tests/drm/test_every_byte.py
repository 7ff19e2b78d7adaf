"""Whatever byte of a small document is changed, it is refused, and by a name of ours."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.checks import judge
from tests.vectors.tools import flipped, vectors

VECTORS = vectors()
BITS = (1, 2, 4, 0x20)
# One of each kind that is a signed document, with the member that holds it.
DOCUMENTS = {
    "licence": "licence",
    "rental/leased": "licence",
    "rental/every-limit": "lease",
    "rental/status-active": "status",
    "lease/fresh": "jws",
    "status/sequence-and-reason": "jws",
    "manifest": "manifest",
    "head/seven-entries": "jws",
    "issuer-certificate": "jws",
    "proof": "jws",
    "checkpoint/good": "jws",
    "surrender/good": "jws",
    "surrender-request/loan": "jws",
    "keyring/none-retired": "jws",
    "root-change/good": "jws",
    "unlock/play": "jws",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_changed_byte_is_refused(name: str) -> None:
    case, field = VECTORS[name], DOCUMENTS[name]
    assert judge(case) == "ok"

    for position in range(len(case[field])):
        changed = bytearray(case[field].encode())
        changed[position] ^= BITS[position % len(BITS)]
        text = changed.decode("latin-1")
        refusal = judge(case | {field: text, "outcome": "changed"})
        assert refusal in ("bad_format", "bad_signature", "unsupported"), position


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_beginning_and_every_end_is_refused(name: str) -> None:
    case, field = VECTORS[name], DOCUMENTS[name]

    for length in range(0, len(case[field]), 3):
        for part in (case[field][:length], case[field][length + 1 :]):
            refusal = judge(case | {field: part, "outcome": "cut"})
            assert refusal in ("bad_format", "bad_signature"), length


@pytest.mark.parametrize("name", ["log-proof/in-the-middle", "log-proof/entry-6-of-7"])
def test_every_changed_byte_of_a_proof_of_the_log_is_refused(name: str) -> None:
    case = VECTORS[name]
    proof: dict[str, Any] = case["proof"]
    changes: list[dict[str, Any]] = []
    for position in range(len(proof["entry"].encode())):
        entry = flipped(proof["entry"].encode(), position)
        changes.append(proof | {"entry": entry.decode("latin-1")})
    for step, sibling in enumerate(proof["path"]):
        for position in range(len(sibling)):
            path = list(proof["path"])
            path[step] = flipped(sibling.encode(), position).decode()
            changes.append(proof | {"path": path})
    changes += [proof | {"index": index} for index in range(20) if index != proof["index"]]

    for changed in changes:
        refusal = judge(case | {"proof": changed, "outcome": "changed"})
        assert refusal in ("bad_format", "bad_signature")
