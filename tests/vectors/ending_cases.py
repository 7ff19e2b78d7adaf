"""The end of the service: unlock documents, the activation, shares and recovery codes (section
17)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drm.encoding import b64u, canonical_json, from_b64u
from tests.drm.house import (
    DEVICE,
    DEVICE_SEALING,
    ISSUER,
    KEY,
    NOW,
    OTHER_KEY,
    ROOT,
    STRANGER,
)
from tests.vectors.tools import (
    Case,
    Row,
    base,
    claims_in,
    document,
    drawn,
    flipped,
    hpke_seal,
    without,
)

UNLOCK: Final = "geobuk-unlock+jws"
SHARE: Final = "geobuk-share+jws"
SECRET: Final = bytes(range(50, 82))
OTHER_SECRET: Final = bytes(range(51, 83))
PLAY: Final = {"play": True, "save": False}
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def commitment_of(secret: bytes) -> bytes:
    """Return what a secret is known by (section 17.2)."""
    return hashlib.sha256(b"geobuk-activation-commitment-v1\x00" + secret).digest()


def _unlock_claims(rights: Case | None = None) -> Case:
    claims = claims_in(base("manifest")["manifest"])
    named = {
        "package": base("manifest")["package_id"],
        "version": claims["version"],
        "key_commitment": claims["key_commitment"],
        "title": "거북의 노래",
        "rights": PLAY if rights is None else rights,
    }
    other = named | {"package": "00" * 32, "key_commitment": b64u(bytes(32)), "title": "Other"}
    return {
        "v": 1,
        "id": "unlock 1",
        "issuer": "거북 상점",
        "iat": int(NOW.timestamp()),
        "sub": "buyer-1",
        "device": DEVICE.public.thumbprint,
        "commitment": b64u(commitment_of(SECRET)),
        "grants": [other, named],
    }


def _locked(
    claims: Case,
    *,
    keys: bytes = OTHER_KEY.value + KEY.value,
    secret: bytes | None = SECRET,
    label: bytes = b"geobuk-unlock-v1",
) -> Case:
    text = canonical_json(claims)
    psk = None if secret is None else (secret, commitment_of(secret))
    info = label + hashlib.sha256(text).digest()
    enc, ct = hpke_seal(keys, info=info, ephemeral=drawn(32, label, text), psk=psk)
    return claims | {"wrapped_keys": {"suite": "X25519", "enc": b64u(enc), "ct": b64u(ct)}}


def _unlock(claims: Case, **how: object) -> Case:
    return {"jws": document(_locked(claims, **how), UNLOCK)}  # type: ignore[arg-type]  # by name


def unlock_base() -> Case:
    """Return an unlock document of two purchases, of which the second is opened."""
    return {
        "kind": "unlock",
        "outcome": "ok",
        "issuer_public": b64u(ISSUER.public.to_bytes()),
        "identity_public": b64u(DEVICE.public.to_bytes()),
        "sealing_key": b64u(DEVICE_SEALING.to_bytes()),
        "manifest": base("manifest")["manifest"],
        "package": base("manifest")["package_id"],
        "secret": b64u(SECRET),
        "action": "play",
        "content_key": b64u(KEY.value),
    } | _unlock(_unlock_claims())


def unlocks() -> Iterator[Row]:
    """Unlock documents (section 17.1)."""
    claims = _unlock_claims()
    yield "play", "ok", {}
    yield "every-claim-critical", "ok", _unlock(claims | {"crit": [*claims, "wrapped_keys"]})
    saving = _unlock(_unlock_claims(PLAY | {"save": True}))
    yield "save", "ok", saving | {"action": "save"}
    yield "save-denied", "right_absent", {"action": "save"}
    yield "other-activation", "bad_signature", {"secret": b64u(OTHER_SECRET)}
    yield "other-recipient", "other_device", {"identity_public": b64u(STRANGER.public.to_bytes())}
    yield "other-sealing-key", "wrong_key", {"sealing_key": b64u(bytes(range(1, 33)))}
    yield "package-not-named", "other_content", {"package": "11" * 32}
    yield "package-of-another-manifest", "other_content", {"package": "00" * 32}
    version = [claims["grants"][0], claims["grants"][1] | {"version": 2}]
    yield "other-version", "other_content", _unlock(claims | {"grants": version})
    yield "other-issuer", "bad_signature", {"jws": document(_locked(claims), UNLOCK, key=STRANGER)}
    yield "as-a-licence", "bad_signature", {"jws": document(_locked(claims), "geobuk-licence+jws")}
    yield "without-psk", "wrong_key", _unlock(claims, secret=None)
    yield "other-psk", "wrong_key", _unlock(claims, secret=OTHER_SECRET)
    yield "label-of-a-licence", "wrong_key", _unlock(claims, label=b"geobuk-licence-v1")
    yield "keys-in-another-order", "wrong_key", _unlock(claims, keys=KEY.value + OTHER_KEY.value)
    yield "a-key-too-few", "bad_format", _unlock(claims, keys=KEY.value)
    moved = document(_locked(claims) | {"sub": "buyer-2"}, UNLOCK)
    yield "keys-moved", "wrong_key", {"jws": moved}
    leased = PLAY | {"lease": {"duration": 86400}}
    yield "grant-with-lease", "bad_format", _unlock(_unlock_claims(leased))
    for name in claims:
        yield f"without-{name}", "bad_format", _unlock(without(claims, name))
    yield "without-wrapped_keys", "bad_format", {"jws": document(claims, UNLOCK)}
    yield "commitment-too-short", "bad_format", _unlock(claims | {"commitment": b64u(bytes(31))})
    for name in claims["grants"][1]:
        grants = [claims["grants"][0], without(claims["grants"][1], name)]
        yield f"grant-without-{name}", "bad_format", _unlock(claims | {"grants": grants})
    yield "version-2-of-the-format", "unsupported", _unlock(claims | {"v": 2})
    yield "critical-unknown", "unsupported", _unlock(claims | {"crit": ["moon"]})


def _activation(**change: object) -> Case:
    said: Case = {
        "kind": "geobuk-activation",
        "v": 1,
        "shop": "거북 상점",
        "root_key": b64u(ROOT.public.to_bytes()),
        "commitment": b64u(commitment_of(SECRET)),
        "secret": b64u(SECRET),
    }
    kept = {name: value for name, value in (said | change).items() if value != "lost"}
    return {"file": b64u(canonical_json(kept))}


def activation_base() -> Case:
    """Return an activation file."""
    return {
        "kind": "activation",
        "outcome": "ok",
        "secret": b64u(SECRET),
        "shop": "거북 상점",
        "root_public": b64u(ROOT.public.to_bytes()),
    } | _activation()


def activations() -> Iterator[Row]:
    """Activation files (section 17.2)."""
    yield "good", "ok", {}
    spelt = from_b64u(_activation()["file"]).replace(b",", b" ,\n")
    yield "spelt-otherwise", "ok", {"file": b64u(spelt)}
    yield "secret-changed", "bad_signature", _activation(secret=b64u(OTHER_SECRET))
    other = b64u(commitment_of(OTHER_SECRET))
    yield "commitment-changed", "bad_signature", _activation(commitment=other)
    for name in ("kind", "v", "shop", "root_key", "commitment", "secret"):
        yield f"without-{name}", "bad_format", _activation(**{name: "lost"})
    yield "another-kind", "bad_format", _activation(kind="geobuk-recovery")
    yield "short-secret", "bad_format", _activation(secret=b64u(SECRET[:31]))
    yield "short-root", "bad_format", _activation(root_key=b64u(bytes(31)))
    yield "version-2", "unsupported", _activation(v=2)
    yield "no-json", "bad_format", {"file": b64u(b"activation")}
    long = from_b64u(_activation()["file"]) + b" " * 65536
    yield "too-large", "bad_format", {"file": b64u(long)}


def _times(left: int, right: int) -> int:
    # GF(2^128), x^128 + x^7 + x^2 + x + 1
    product = 0
    while right:
        if right & 1:
            product ^= left
        left = left << 1 ^ ((1 << 128) | 0x87 if left >> 127 else 0)
        right >>= 1
    return product


def _at(index: int, half: bytes, seed: str, threshold: int) -> bytes:
    """The value at `index` of the polynomial whose value at 0 is `half`."""
    value = 0
    for power in range(threshold - 1, 0, -1):
        value = _times(value, index) ^ int.from_bytes(drawn(16, seed, str(power)))
    return (_times(value, index) ^ int.from_bytes(half)).to_bytes(16)


def share(index: int, *, threshold: int = 3, seed: str = "set", secret: bytes = SECRET) -> Case:
    """Return the claims of a share (section 17.3)."""
    halves = [
        _at(index, secret[:16], f"{seed} first", threshold),
        _at(index, secret[16:], f"{seed} second", threshold),
    ]
    return {
        "v": 1,
        "iat": int(NOW.timestamp()),
        "set": drawn(16, seed).hex(),
        "index": index,
        "threshold": threshold,
        "total": 5,
        "share": b64u(b"".join(halves)),
        "commitment": b64u(commitment_of(secret)),
    }


def _signed(*claims: Case) -> Case:
    return {"shares": [document(one, SHARE) for one in claims]}


def shares_base() -> Case:
    """Return three shares of which three are needed."""
    return {
        "kind": "shares",
        "outcome": "ok",
        "signer_public": b64u(ISSUER.public.to_bytes()),
        "commitment": b64u(commitment_of(SECRET)),
        "secret": b64u(SECRET),
    } | _signed(*(share(index) for index in (1, 2, 3)))


def shares() -> Iterator[Row]:
    """Shares of the activation secret (section 17.3)."""
    one, two, three = (share(index) for index in (1, 2, 3))
    for indices in ((1, 2, 3), (5, 3, 1), (4, 2, 5), (1, 2, 3, 4, 5)):
        name = "-".join(map(str, indices))
        yield f"of-{name}", "ok", _signed(*(share(index) for index in indices))
    yield "no-commitment-at-hand", "ok", {"commitment": None}
    pair = _signed(*(share(index, threshold=2, seed="pair") for index in (2, 5)))
    yield "two-of-five", "ok", pair
    yield "too-few", "bad_format", _signed(one, two)
    yield "every-claim-critical", "ok", _signed(one, two, three | {"crit": list(three)})
    yield "none", "bad_format", _signed()
    yield "one-twice", "bad_format", _signed(one, two, two)
    yield "of-another-set", "bad_format", _signed(one, two, share(3, seed="another"))
    yield "of-another-threshold", "bad_format", _signed(one, two, three | {"threshold": 2})
    other = {"commitment": b64u(commitment_of(OTHER_SECRET))}
    yield "of-another-secret", "bad_signature", other
    false = three | {"share": b64u(flipped(from_b64u(three["share"]), 0))}
    yield "false-value", "bad_signature", _signed(one, two, false)
    by_stranger = _signed(one, two)["shares"] + [document(three, SHARE, key=STRANGER)]
    yield "by-a-stranger", "bad_signature", {"shares": by_stranger}
    malformed: dict[str, Case] = {f"without-{name}": without(three, name) for name in three}
    malformed |= {
        "index-0": three | {"index": 0},
        "index-past-the-total": three | {"index": 6},
        "threshold-1": three | {"threshold": 1},
        "threshold-past-the-total": three | {"threshold": 6},
        "total-256": three | {"total": 256},
        "short-value": three | {"share": b64u(bytes(31))},
    }
    for name, claims in malformed.items():
        yield name, "bad_format", _signed(one, two, claims)
    yield "version-2", "unsupported", _signed(one, two, three | {"v": 2})


def _check(position: int, values: Sequence[int]) -> int:
    state = position + 1
    for value in (*values, 0):
        state = (state << 1 ^ (0x25 if state & 16 else 0)) ^ value
    return state


def code(payload: bytes) -> str:
    """Return the code of 37 bytes (section 17.4)."""
    check = hashlib.sha256(b"geobuk-recovery-code-v1" + payload).digest()[0] >> 4
    bits = f"{int.from_bytes(payload):0296b}{check:04b}"
    values = [int(bits[at : at + 5], 2) for at in range(0, 300, 5)]
    groups = []
    for position in range(12):
        part = values[5 * position : 5 * position + 5]
        groups.append("".join(ALPHABET[value] for value in (*part, _check(position, part))))
    return "-".join(groups)


def recovery_base() -> Case:
    """Return a recovery code with what it stands for."""
    return {"kind": "recovery", "outcome": "ok"} | _recovery(bytes(range(60, 92)))


def _recovery(key: bytes) -> Case:
    hint = from_b64u(ROOT.public.thumbprint)[:5]
    made = {"key": key, "root_hint": hint}
    labels = {
        "identity_seed": b"geobuk-recovery-identity-v1",
        "sealing_key": b"geobuk-recovery-sealing-v1\x00X25519",
    }
    made |= {
        name: HKDF(hashes.SHA256(), 32, None, label).derive(key) for name, label in labels.items()
    }
    return {"code": code(key + hint)} | {name: b64u(value) for name, value in made.items()}


def recoveries() -> Iterator[Row]:
    """Recovery codes (section 17.4)."""
    good = recovery_base()["code"]
    yield "good", "ok", {}
    yield "zeros", "ok", _recovery(bytes(32))
    yield "ones", "ok", _recovery(b"\xff" * 32)
    yield "small-letters", "ok", {"code": good.lower()}
    yield "spaces", "ok", {"code": f" {good.replace('-', '  ')}\n"}
    yield "no-hyphens", "ok", {"code": good.replace("-", "")}
    zero = _recovery(bytes(32))
    yield (
        "letters-for-digits",
        "ok",
        zero | {"code": zero["code"].replace("0", "O").replace("1", "l")},
    )
    groups = good.split("-")
    wrong = "0" if groups[4][2] != "0" else "1"
    typo = [*groups[:4], groups[4][:2] + wrong + groups[4][3:], *groups[5:]]
    yield "a-wrong-character", "bad_format", {"code": "-".join(typo)}
    exchanged = [groups[1], groups[0], *groups[2:]]
    yield "groups-exchanged", "bad_format", {"code": "-".join(exchanged)}
    yield "a-group-lost", "bad_format", {"code": "-".join(groups[:-1])}
    yield "a-group-too-many", "bad_format", {"code": f"{good}-{groups[0]}"}
    yield "letter-u", "bad_format", {"code": "U" + good[1:]}
    yield "nothing", "bad_format", {"code": ""}
    payload = bytes(range(60, 92)) + from_b64u(ROOT.public.thumbprint)[:5]
    other = code(flipped(payload, 0))
    mixed = groups[:11] + other.split("-")[11:]
    yield "end-of-another-code", "bad_format", {"code": "-".join(mixed)}
