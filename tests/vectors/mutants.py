"""Vectors gone wrong at random, the same each time: what two readers must agree about."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any, Final

from drm.encoding import b64u, canonical_json, from_b64u, parse_object
from drm.errors import FormatError
from drm.keys import IdentityKey
from drm.stream import plaintext_size
from tests.drm.house import DEVICE, ISSUER, ROOT
from tests.vectors.tools import Case, claims_in, document, vectors, without, wrapped

# The vectors that are mutated: which member holds the document, and who signs it again.
ORIGINALS: Final[dict[str, tuple[str, str, IdentityKey]]] = {
    "licence": ("licence", "geobuk-licence+jws", ISSUER),
    "licence-rental": ("licence", "geobuk-licence+jws", ISSUER),
    "rental/every-limit": ("licence", "geobuk-licence+jws", ISSUER),
    "rental/leased": ("lease", "geobuk-lease+jws", ISSUER),
    "lease/fresh": ("jws", "geobuk-lease+jws", ISSUER),
    "manifest": ("manifest", "geobuk-manifest+jws", ISSUER),
    "status/sequence-and-reason": ("jws", "geobuk-status+jws", ISSUER),
    "issuer-certificate": ("jws", "geobuk-issuer+jws", ROOT),
    "issued/first-second": ("licence", "geobuk-licence+jws", ISSUER),
    "head/seven-entries": ("jws", "geobuk-head+jws", ISSUER),
    "proof": ("jws", "dpop+jwt", DEVICE),
    "checkpoint/good": ("jws", "geobuk-checkpoint+jws", ROOT),
    "surrender/good": ("jws", "geobuk-surrender+jws", DEVICE),
    "surrender-request/loan": ("jws", "geobuk-surrender-request+jws", ISSUER),
    "keyring/two-issuers": ("jws", "geobuk-keyring+jws", ROOT),
    "root-change/good": ("jws", "geobuk-root+jws", ROOT),
    "unlock/play": ("jws", "geobuk-unlock+jws", ISSUER),
}
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2, 3, 300, 65536, 86400, 2**31, 2**32),
    *(2**53 - 1, 2**53, -(2**53), 253402300799, 253402300800, -62135596800, 1.5, 1e300),
    *("", "1", "a", "거북", "\ud800", "A" * 43, "-_", "=", "x" * 16, "x" * 128, "x" * 129),
    *([], {}, [None], ["a"], {"v": 1}, [[[]]], ["rights.lease"], ["id", "moon"], "X-Wing"),
)
NAMES: Final = ("v", "crit", "moon", "lease", "play", "save", "exp", "nbf", "__proto__", "é", "")
SPANS: Final = (0, 1, 59, 60, 299, 300, 301, 86399, 86400, 172800, 259200, 345600, 10**9)


def mutants(seed: int, count: int) -> list[Case]:
    """Return `count` vectors with a random fault each, of which a few change nothing at all."""
    dice = random.Random(seed)
    known = vectors()
    made = []
    for _ in range(count):
        if dice.random() < 0.25:
            made.append(dice.choice(OTHERS)(known, dice))
            continue
        name = dice.choice(list(ORIGINALS))
        case = dict(known[name]) | {"outcome": "mutant", "name": name}
        dice.choice(WAYS)(case, name, dice)
        made.append(case)
    return made


def _spelt(case: Case, name: str, dice: random.Random) -> None:
    """Change a character of the document."""
    field = ORIGINALS[name][0]
    case[field] = _changed(case[field].encode(), dice).decode("latin-1")


def _resigned(case: Case, name: str, dice: random.Random) -> None:
    """Say something else, and sign it."""
    field, kind, key = ORIGINALS[name]
    claims = claims_in(case[field])
    _mutate(claims, dice)
    # Now and then the key is sealed under what is said now, so that it is the last to refuse.
    if dice.random() < 0.5 and isinstance(claims.get("wrapped_key"), dict) and _plain(claims):
        bound = without(claims, "wrapped_key")
        label = kind.removesuffix("+jws") + "-v1"
        claims["wrapped_key"] = wrapped(bound, label=label.encode())
    text = json.dumps(claims, separators=(",", ":")).encode()
    case[field] = document(text, kind, key=key, header=_header(case, name))


def _written(case: Case, name: str, dice: random.Random) -> None:
    """Change a byte of what is said, and sign it."""
    field, kind, key = ORIGINALS[name]
    text = _changed(canonical_json(claims_in(case[field])), dice)
    case[field] = document(text, kind, key=key, header=_header(case, name))


def _headed(case: Case, name: str, dice: random.Random) -> None:
    """Change the header, and sign it."""
    field, kind, key = ORIGINALS[name]
    header = _header(case, name)
    _mutate(header, dice)
    text = json.dumps(header, separators=(",", ":")).encode()
    case[field] = document(claims_in(case[field]), kind, key=key, header=text)


def _asked(case: Case, name: str, dice: random.Random) -> None:
    """Ask at another time, on another device or with another record."""
    start = case.get("now", 1795608000)
    moment = start + dice.choice((1, -1)) * dice.choice(SPANS)
    changes: dict[str, Any] = {
        "now": moment,
        "high_water": start + dice.choice((1, -1)) * dice.choice(SPANS),
        "action": dice.choice(("play", "save")),
        "usage": {
            "first_play": dice.choice((None, moment, start - dice.choice(SPANS))),
            "plays": dice.choice((0, 1, 2, 3, 4)),
            "known": dice.random() < 0.9,
        },
        "lowest_sequence": dice.choice((0, 6, 7, 8)),
        "lease": case.get("lease") if dice.random() < 0.8 else None,
        "method": dice.choice(("GET", "get", "POST")),
        "access_token": dice.choice((None, "token", "other")),
    }
    for change in dice.sample(sorted(changes), 3):
        case[change] = changes[change]


WAYS: Final[tuple[Callable[[Case, str, random.Random], None], ...]] = (
    _spelt,
    _resigned,
    _resigned,
    _resigned,
    _written,
    _headed,
    _asked,
)


def _texts(known: dict[str, Case], dice: random.Random) -> Case:
    """JSON with a changed byte; where it is still in order, its canonical form is told."""
    name = dice.choice([name for name in known if name.startswith("json/")])
    text = _changed(from_b64u(known[name]["text"]) or b"{}", dice)
    case = known[name] | {"outcome": "mutant", "name": name, "text": b64u(text)}
    with contextlib.suppress(FormatError):
        case["canonical"] = b64u(canonical_json(parse_object(text)))
    return case


def _sizes(known: dict[str, Case], dice: random.Random) -> Case:
    """Sizes of which a few are those of no file."""
    name = dice.choice([name for name in known if name.startswith("size/")])
    size = known[name]["ciphertext_size"] + dice.choice((-40, -17, -16, -1, 1, 15, 16, 17, 65536))
    case = known[name] | {"outcome": "mutant", "name": name, "ciphertext_size": size}
    with contextlib.suppress(FormatError):
        case["plain_size"] = plaintext_size(size)
    return case


def _streams(known: dict[str, Case], dice: random.Random) -> Case:
    """A small stream with a fault, or with a size of its own."""
    case = known["stream-one-byte"] | {"outcome": "mutant", "name": "stream-one-byte"}
    cipher = from_b64u(case["ciphertext"])
    if dice.random() < 0.3:
        return case | {"size": len(cipher) + dice.choice((-1, 0, 1, 40))}
    return case | {"ciphertext": b64u(_changed(cipher, dice))}


def _codes(known: dict[str, Case], dice: random.Random) -> Case:
    """A recovery code with a changed character."""
    case = known["recovery/good"] | {"outcome": "mutant", "name": "recovery/good"}
    changed = _changed(case["code"].encode(), dice).decode("latin-1")
    return case | {"code": changed}


def _proofs(known: dict[str, Case], dice: random.Random) -> Case:
    """A proof of the log with a fault."""
    name = dice.choice([name for name in known if name.startswith("log-proof/entry-")])
    case = known[name] | {"outcome": "mutant", "name": name}
    proof = json.loads(json.dumps(case["proof"]))
    _mutate(proof, dice)
    # It comes as JSON of this format, or is refused before.
    return case | {"proof": proof if _plain(proof) else case["proof"]}


def _rentals(known: dict[str, Case], dice: random.Random) -> Case:
    """A licence with every limit, asked at any time with any record."""
    name = dice.choice(("rental/every-limit", "rental/last-play", "rental/window-with-soft-end"))
    case = known[name] | {"outcome": "mutant", "name": name}
    _asked(case, name, dice)
    return case | {"action": "play"}


OTHERS: Final = (_texts, _texts, _texts, _sizes, _streams, _codes, _proofs, _rentals, _rentals)


def _header(case: Case, name: str) -> Case:
    _, kind, key = ORIGINALS[name]
    if name == "proof":
        return {"alg": "EdDSA", "typ": kind, "jwk": key.public.jwk()}
    return {"alg": "EdDSA", "typ": kind, "kid": key.public.thumbprint}


def _changed(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    at = dice.randrange(len(changed))
    match dice.randrange(5):
        case 0:
            changed[at] ^= 1 << dice.randrange(8)
        case 1:
            del changed[at : at + dice.choice((1, 1, 2, 50))]
        case 2:
            changed.insert(at, dice.choice(b'.=-_Aa0 "\\{}[],:\n\x00\xc3'))
        case 3:
            changed[at:at] = changed[at : at + dice.choice((1, 4, 40))]
        case _:
            del changed[at:]
    return bytes(changed)


def _mutate(claims: Case, dice: random.Random) -> None:
    """Change one member, here or further in."""
    places: list[tuple[Any, Any]] = []
    _collect(claims, places)
    holder, place = dice.choice(places)
    roll = dice.random()
    if roll < 0.15:
        del holder[place]
    elif roll < 0.25 and isinstance(holder, dict):
        holder[dice.choice(NAMES)] = holder.pop(place)
    elif roll < 0.4 and isinstance(holder, dict):
        holder[dice.choice(NAMES)] = dice.choice(VALUES)
    elif roll < 0.5 and isinstance(holder[place], int):
        holder[place] += dice.choice((1, -1)) * dice.choice(SPANS)
    else:
        holder[place] = dice.choice(VALUES)


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for place, held in inside:
        places.append((value, place))
        if isinstance(held, dict | list):
            _collect(held, places)


def _plain(value: Case) -> bool:
    try:
        canonical_json(value)
    except Exception:  # noqa: BLE001 - whatever cannot be sealed is signed as it is
        return False
    return True
