"""Surrenders, and what the root signs: keyrings, changes of the root, checkpoints (sections 14.4,
15 and 16)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from drm.encoding import b64u
from drm.keys import IdentityKey
from tests.drm.house import DEVICE, ISSUER, NOW, ROOT, STRANGER
from tests.vectors.log_cases import HEAD, head_claims, licence_proof
from tests.vectors.tools import Case, Row, base, claims_in, document, without

START: Final = int(NOW.timestamp())
YEAR: Final = 365 * 86400
NONCE: Final = "0123456789abcdef"
SURRENDER: Final = "geobuk-surrender+jws"
REQUEST: Final = "geobuk-surrender-request+jws"
KEYRING: Final = "geobuk-keyring+jws"
CHANGE: Final = "geobuk-root+jws"
CHECKPOINT: Final = "geobuk-checkpoint+jws"
SECOND_ROOT: Final = IdentityKey(bytes(range(40, 72)))
THIRD_ROOT: Final = IdentityKey(bytes(range(41, 73)))


def _asked() -> Case:
    licence = base("licence")["licence"]
    return {
        "handover": "handover 1",
        "licence": claims_in(licence)["id"],
        "licence_hash": b64u(hashlib.sha256(licence.encode()).digest()),
        "device": DEVICE.public.thumbprint,
        "iat": START,
        "v": 1,
    }


def surrender_base() -> Case:
    """Return a device's word that it deleted a licence."""
    claims = _asked()
    return {
        "kind": "surrender",
        "outcome": "ok",
        "identity_public": b64u(DEVICE.public.to_bytes()),
        "jws": document(claims, SURRENDER, key=DEVICE),
        "handover": claims["handover"],
        "licence_id": claims["licence"],
        "licence_hash": claims["licence_hash"],
    }


def surrenders() -> Iterator[Row]:
    """Surrenders (section 15.2)."""
    claims = _asked()
    yield "good", "ok", {}
    known = document(claims | {"crit": list(claims)}, SURRENDER, key=DEVICE)
    yield "every-claim-critical", "ok", {"jws": known}
    for name in claims:
        lost = document(without(claims, name), SURRENDER, key=DEVICE)
        yield f"without-{name}", "bad_format", {"jws": lost}
    other = document(claims | {"device": STRANGER.public.thumbprint}, SURRENDER, key=DEVICE)
    yield "of-another-device", "bad_signature", {"jws": other}
    named = {"alg": "EdDSA", "typ": SURRENDER, "kid": DEVICE.public.thumbprint}
    forged = document(claims, SURRENDER, key=STRANGER, header=named)
    yield "forged", "bad_signature", {"jws": forged}
    request = document(claims | {"nonce": NONCE}, REQUEST, key=DEVICE)
    yield "request-as-surrender", "bad_signature", {"jws": request}
    later = document(claims | {"v": 2}, SURRENDER, key=DEVICE)
    yield "version-2", "unsupported", {"jws": later}
    critical = document(claims | {"crit": ["nonce"]}, SURRENDER, key=DEVICE)
    yield "critical-unknown", "unsupported", {"jws": critical}


def request_base() -> Case:
    """Return the shop's request that a device gives a licence back."""
    claims = _request()
    return surrender_base() | {
        "kind": "surrender_request",
        "issuer_public": b64u(ISSUER.public.to_bytes()),
        "device": DEVICE.public.thumbprint,
        "nonce": NONCE,
        "jws": document(claims, REQUEST),
        "purpose": claims["kind"],
        "package": claims["package"],
    }


def _request() -> Case:
    package = base("manifest")["package_id"]
    return _asked() | {"kind": "loan", "package": package, "nonce": NONCE}


def requests() -> Iterator[Row]:
    """Requests of a surrender (section 15.1)."""
    claims = _request()
    for kind in ("loan", "gift", "transfer", "return"):
        made = document(claims | {"kind": kind}, REQUEST)
        yield kind, "ok", {"jws": made, "purpose": kind}
    known = document(claims | {"crit": list(claims)}, REQUEST)
    yield "every-claim-critical", "ok", {"jws": known}
    for name in claims:
        yield f"without-{name}", "bad_format", {"jws": document(without(claims, name), REQUEST)}
    unknown = document(claims | {"kind": "theft"}, REQUEST)
    yield "unknown-handover", "bad_format", {"jws": unknown}
    yield "other-question", "bad_signature", {"nonce": "fedcba9876543210"}
    yield "short-question", "bad_format", {"nonce": NONCE[:15]}
    yield "other-device", "bad_signature", {"device": STRANGER.public.thumbprint}
    yield "by-a-stranger", "bad_signature", {"jws": document(claims, REQUEST, key=STRANGER)}
    yield "by-the-device", "bad_signature", {"jws": document(claims, REQUEST, key=DEVICE)}
    yield "surrender-as-request", "bad_signature", {"jws": document(claims, SURRENDER)}


def _certificate(key: IdentityKey, begins: int = START, *, root: IdentityKey = ROOT) -> str:
    claims = {
        "v": 1,
        "kid": key.public.thumbprint,
        "key": key.public.jwk(),
        "nbf": begins,
        "exp": begins + YEAR,
    }
    return document(claims, "geobuk-issuer+jws", key=root)


def _keyring_claims() -> Case:
    return {
        "v": 1,
        "sequence": 7,
        "iat": START + YEAR,
        "issuers": [_certificate(ISSUER), _certificate(STRANGER, START + YEAR)],
        "retired": {ISSUER.public.thumbprint: START + YEAR},
    }


def _keyring(**change: object) -> str:
    return document(_keyring_claims() | change, KEYRING, key=ROOT)


def keyring_base() -> Case:
    """Return a keyring of two issuers, of which one is retired."""
    claims = _keyring_claims()
    return {
        "kind": "keyring",
        "outcome": "ok",
        "root_public": b64u(ROOT.public.to_bytes()),
        "jws": _keyring(),
        "sequence": claims["sequence"],
        "kids": [ISSUER.public.thumbprint, STRANGER.public.thumbprint],
        "retired": claims["retired"],
    }


def keyrings() -> Iterator[Row]:
    """Keyrings (section 16.1)."""
    claims = _keyring_claims()
    yield "two-issuers", "ok", {}
    yield "every-claim-critical", "ok", {"jws": _keyring(crit=list(claims))}
    yield "as-high-as-seen", "ok", {"lowest_sequence": 7}
    yield "lower-than-seen", "bad_signature", {"lowest_sequence": 8}
    none_retired = {"jws": _keyring(retired={}), "retired": {}}
    yield "none-retired", "ok", none_retired
    for name in claims:
        lost = document(without(claims, name), KEYRING, key=ROOT)
        yield f"without-{name}", "bad_format", {"jws": lost}
    first = claims["issuers"][0]
    malformed: dict[str, Case] = {
        "sequence-below-zero": {"sequence": -1},
        "no-issuers": {"issuers": [], "retired": {}},
        "too-many-issuers": {"issuers": [first] * 257},
        "issuer-is-a-number": {"issuers": [first, 1]},
        "issuer-twice": {"issuers": [first, first]},
        "retired-and-not-listed": {"retired": {DEVICE.public.thumbprint: START}},
        "retired-as-text": {"retired": {ISSUER.public.thumbprint: "now"}},
        "issuer-is-no-document": {"issuers": ["certificate"], "retired": {}},
    }
    for name, change in malformed.items():
        yield name, "bad_format", {"jws": _keyring(**change)}
    foreign = _certificate(DEVICE, root=STRANGER)
    yield "certificate-of-another-root", "bad_signature", {"jws": _keyring(issuers=[foreign])}
    by_issuer = document(claims, KEYRING, key=ISSUER)
    yield "by-an-issuer", "bad_signature", {"jws": by_issuer}
    yield "version-2", "unsupported", {"jws": _keyring(v=2)}
    yield "critical-unknown", "unsupported", {"jws": _keyring(crit=["moon"])}


def judged_base() -> Case:
    """Return a licence of an issuer that is retired by now, stored before."""
    return {
        "kind": "judged",
        "outcome": "ok",
        "root_public": b64u(ROOT.public.to_bytes()),
        "keyring": _keyring(),
        "licence": base("licence")["licence"],
        "now": START + YEAR + 60,
        "stored": True,
        "proof": None,
    }


def judged() -> Iterator[Row]:
    """What is believed of an issuer that signs no more (section 16.3)."""
    yield "stored-before", "ok", {}
    unseen = {"stored": False}
    yield "retired-and-unseen", "retired_issuer", unseen
    yield "retired-in-a-checkpoint", "ok", unseen | {"proof": licence_proof(CHECKPOINT, ROOT)}
    head = licence_proof(HEAD, ISSUER)
    yield "retired-in-its-own-head", "retired_issuer", unseen | {"proof": head}
    own = licence_proof(CHECKPOINT, ISSUER)
    yield "retired-in-its-own-checkpoint", "retired_issuer", unseen | {"proof": own}
    other = licence_proof(CHECKPOINT, ROOT, document=base("licence-rental")["licence"])
    yield "checkpoint-of-another", "retired_issuer", unseen | {"proof": other}
    fresh = {"keyring": _keyring(retired={}), "now": START + 60, "stored": False}
    yield "not-retired", "ok", fresh
    yield "last-second-of-the-certificate", "ok", fresh | {"now": START + YEAR}
    yield "certificate-over", "retired_issuer", fresh | {"now": START + YEAR + 1}
    claims = claims_in(base("licence")["licence"])
    late = document(claims | {"iat": START + YEAR + 1}, "geobuk-licence+jws")
    yield "issued-after-its-time", "bad_signature", {"licence": late}
    early = document(claims | {"iat": START - 1}, "geobuk-licence+jws")
    yield "issued-before-its-time", "bad_signature", fresh | {"licence": early}
    foreign = document(claims, "geobuk-licence+jws", key=DEVICE)
    yield "of-no-listed-key", "bad_signature", {"licence": foreign}


def _change(
    old: IdentityKey = ROOT,
    new: IdentityKey = SECOND_ROOT,
    sequence: int = 1,
    *,
    statement: bytes | None = None,
    signer: IdentityKey | None = None,
    **more: object,
) -> str:
    keys = old.public.to_bytes() + new.public.to_bytes()
    usual = b"geobuk-root-acceptance-v1\x00" + keys + sequence.to_bytes(8, "big")
    claims: Case = {
        "v": 1,
        "sequence": sequence,
        "iat": START,
        "old": old.public.jwk(),
        "new": new.public.jwk(),
        "acceptance": b64u((signer or new).sign(statement or usual)),
    }
    return document(claims | more, CHANGE, key=old)


def change_base() -> Case:
    """Return the change from ROOT to SECOND_ROOT."""
    return {
        "kind": "root_change",
        "outcome": "ok",
        "root_public": b64u(ROOT.public.to_bytes()),
        "jws": _change(),
        "new_root": b64u(SECOND_ROOT.public.to_bytes()),
    }


def changes() -> Iterator[Row]:
    """Changes of the root (section 16.2)."""
    yield "good", "ok", {}
    yield "every-claim-critical", "ok", {"jws": _change(crit=list(claims_in(_change())))}
    yield "sequence-0", "ok", {"jws": _change(sequence=0)}
    yield "sequence-past-32-bits", "ok", {"jws": _change(sequence=2**32 + 5)}
    yield "largest-sequence", "ok", {"jws": _change(sequence=2**53 - 1)}
    whole = claims_in(_change())
    for name in whole:
        lost = document(without(whole, name), CHANGE, key=ROOT)
        yield f"without-{name}", "bad_format", {"jws": lost}
    other = STRANGER.public.jwk()
    renamed = document(claims_in(_change()) | {"old": other}, CHANGE, key=ROOT)
    yield "other-old-root", "bad_format", {"jws": renamed}
    yield "to-itself", "bad_format", {"jws": _change(new=ROOT)}
    yield "not-accepted", "bad_signature", {"jws": _change(signer=ROOT)}
    bare = SECOND_ROOT.public.to_bytes()
    yield "other-statement", "bad_signature", {"jws": _change(statement=bare)}
    second = claims_in(_change(sequence=1)) | {"sequence": 2}
    yield (
        "acceptance-of-another-change",
        "bad_signature",
        {"jws": document(second, CHANGE, key=ROOT)},
    )
    by_new = document(claims_in(_change()), CHANGE, key=SECOND_ROOT)
    yield "by-the-new-root-alone", "bad_signature", {"jws": by_new}
    yield "version-2", "unsupported", {"jws": _change(v=2)}
    yield "critical-unknown", "unsupported", {"jws": _change(crit=["moon"])}


def roots_base() -> Case:
    """Return a pinned root and no change."""
    pinned = b64u(ROOT.public.to_bytes())
    return {"kind": "roots", "outcome": "ok", "pinned": pinned, "changes": [], "root": pinned}


def roots() -> Iterator[Row]:
    """From a pinned root to the present one (section 16.2)."""
    second, third = (b64u(key.public.to_bytes()) for key in (SECOND_ROOT, THIRD_ROOT))
    one, two = _change(), _change(SECOND_ROOT, THIRD_ROOT, 2)
    yield "none", "ok", {}
    yield "one", "ok", {"changes": [one], "root": second}
    yield "two", "ok", {"changes": [one, two], "root": third}
    yield "two-in-another-order", "ok", {"changes": [two, one], "root": third}
    yield "pinned-in-the-middle", "ok", {"pinned": second, "changes": [one, two], "root": third}
    yield "not-of-this-root", "ok", {"changes": [two]}
    yield "not-accepted", "ok", {"changes": [_change(signer=ROOT)]}
    yield (
        "same-sequence-again",
        "ok",
        {
            "changes": [one, _change(SECOND_ROOT, THIRD_ROOT, 1)],
            "root": second,
        },
    )
    yield "back-again", "ok", {"changes": [one, _change(SECOND_ROOT, ROOT, 2)]}
    forked = [one, _change(ROOT, THIRD_ROOT, 2)]
    yield "two-that-follow-one", "bad_signature", {"changes": forked}
    yield "too-many", "bad_format", {"changes": [one] * 65}


def checkpoint_base() -> Case:
    """Return a head that the root signed."""
    claims = head_claims()
    return {
        "kind": "checkpoint",
        "outcome": "ok",
        "root_public": b64u(ROOT.public.to_bytes()),
        "jws": document(claims, CHECKPOINT, key=ROOT),
    } | without(claims, "v")


def checkpoints() -> Iterator[Row]:
    """Checkpoints (section 14.4)."""
    claims = head_claims()
    yield "good", "ok", {}
    yield "by-an-issuer", "bad_signature", {"jws": document(claims, CHECKPOINT)}
    yield "head-as-checkpoint", "bad_signature", {"jws": document(claims, HEAD, key=ROOT)}
    short = document(claims | {"root": b64u(bytes(31))}, CHECKPOINT, key=ROOT)
    yield "short-root", "bad_format", {"jws": short}
    below = document(claims | {"size": -1}, CHECKPOINT, key=ROOT)
    yield "size-below-zero", "bad_format", {"jws": below}
