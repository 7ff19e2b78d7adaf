"""100,000 licences, leases and statuses that somebody changed: how many open?

The changes are drawn anew in each run, from a seed that is printed, so that a run can be
made again: `SEED=… make bench ARGS=mutations`.
"""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.licences import NONCE, RENTAL, House
from benchmarks.results import Result
from drm.encoding import b64u
from drm.errors import DrmError
from drm.keys import IdentityKey
from drm.lease import KIND as LEASE_KIND
from drm.licence import KIND as LICENCE_KIND
from drm.licence import open_licence
from drm.signed import sign
from drm.status import KIND as STATUS_KIND
from drm.status import sign_status, verify_status
from seeder.config import utc_now

__all__ = ["COUNT", "changed", "run", "try_all"]

COUNT = 100_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\x00é"


@dataclass(frozen=True)
class Target:
    """A genuine document, its claims' kind, and what its reader does with another in its place."""

    name: str
    jws: str
    kind: str
    read: Callable[[str], object]
    others: tuple[str, ...] = field(default=())


def run() -> list[Result]:
    """Read COUNT changed documents; the figure is how many were taken for genuine."""
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    print(f"mutations of seed {seed}", flush=True)
    accepted = try_all(COUNT, seed=seed)
    return [
        Result(
            name=f"changed licences, leases and statuses that open, of {COUNT:,}",
            value=accepted,
            unit="",
            bar=0,
            bar_is_most=True,
            must=True,
        )
    ]


def try_all(count: int, *, seed: int) -> int:
    """Change documents `count` times and read each; return how many passed as genuine."""
    draw = random.Random(seed)  # noqa: S311 - repeatable on purpose, and no secret
    targets, accepted = _targets(), 0
    for number in range(count):
        target = targets[number % len(targets)]
        document = changed(target, draw)
        try:
            target.read(document)
        except DrmError:
            continue
        accepted += 1
        print(f"accepted: {target.name}: {document!r}", flush=True)
    return accepted


def changed(target: Target, draw: random.Random) -> str:
    """Return the document with one change, never the same bytes."""
    while True:
        document = draw.choice(CHANGES)(target, draw)
        if document != target.jws:
            return document


def _targets() -> list[Target]:
    made = []
    for suite in ("X25519", "X-Wing"):
        house = House.build(suite)
        owned, other = house.licence(), house.licence()
        rental = house.licence(RENTAL)
        lease = house.lease(rental)
        status, revoked = (_status(house, word) for word in ("active", "revoked"))
        made += [
            Target(f"licence in {suite}", owned, LICENCE_KIND, _opener(house), (other, rental)),
            Target(f"lease in {suite}", lease, LEASE_KIND, _lessee(house, rental), (owned,)),
            Target(f"status in {suite}", status, STATUS_KIND, _asker(house), (revoked, owned)),
        ]
    for target in made:
        target.read(target.jws)  # the genuine one opens
    return made


def _opener(house: House) -> Callable[[str], object]:
    return lambda jws: open_licence(
        jws,
        issuer_public=house.issuer.public,
        identity=house.identity.public,
        sealing_key=house.sealing,
        package_id=house.package_id,
        manifest=house.manifest,
        now=utc_now(),
        action="play",
    )


def _lessee(house: House, rental: str) -> Callable[[str], object]:
    return lambda jws: open_licence(
        rental,
        issuer_public=house.issuer.public,
        identity=house.identity.public,
        sealing_key=house.sealing,
        package_id=house.package_id,
        manifest=house.manifest,
        now=utc_now(),
        action="play",
        lease=house.read_lease(jws, rental),
    )


def _asker(house: House) -> Callable[[str], object]:
    def read(jws: str) -> object:
        return verify_status(
            jws,
            issuer_public=house.issuer.public,
            licence_id="11111111-2222-3333-4444-555555555555",
            nonce=NONCE,
            now=utc_now(),
        )

    return read


def _status(house: House, word: str) -> str:
    return sign_status(
        issuer=house.issuer,
        kid=house.issuer.public.thumbprint,
        licence_id="11111111-2222-3333-4444-555555555555",
        status=word,
        message="",
        now=utc_now(),
        updated=utc_now(),
        nonce=NONCE,
        sequence=5,
    )


def _flip(target: Target, draw: random.Random) -> str:
    raw = bytearray(target.jws.encode())
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
    return raw.decode("latin-1")


def _replace(target: Target, draw: random.Random) -> str:
    at = draw.randrange(len(target.jws))
    return target.jws[:at] + draw.choice(ALPHABET) + target.jws[at + 1 :]


def _insert(target: Target, draw: random.Random) -> str:
    at = draw.randrange(len(target.jws) + 1)
    return target.jws[:at] + draw.choice(ALPHABET) + target.jws[at:]


def _remove(target: Target, draw: random.Random) -> str:
    at = draw.randrange(len(target.jws))
    return target.jws[:at] + target.jws[at + draw.choice((1, 1, 4, 64)) :]


def _cut(target: Target, draw: random.Random) -> str:
    at = draw.randrange(len(target.jws))
    return draw.choice((target.jws[:at], target.jws[at:]))


def _part_of_another(target: Target, draw: random.Random) -> str:
    parts, others = target.jws.split("."), draw.choice(target.others).split(".")
    at = draw.randrange(3)
    parts[at] = others[at]
    return ".".join(parts)


def _last_bits(target: Target, draw: random.Random) -> str:
    """The bits after the last byte, which a careless decoder drops."""
    parts = target.jws.split(".")
    at = draw.randrange(3)
    parts[at] = parts[at][:-1] + draw.choice(ALPHABET[:64])
    return ".".join(parts)


def _claim(target: Target, draw: random.Random) -> str:
    """Other claims under the old signature, or under a stranger's."""
    head, payload, signature = target.jws.split(".")
    claims: dict[str, Any] = json.loads(_decoded(payload))
    name = draw.choice(sorted(claims))
    value: Any = draw.choice((None, 0, 1, "", "x", True, [], {}, 2**53 - 1, claims[name]))
    if draw.randrange(2):
        claims[name] = value
    else:
        del claims[name]
    if draw.randrange(2):
        return sign(claims, key=IdentityKey.generate(), kind=target.kind)
    return ".".join((head, b64u(json.dumps(claims).encode()), signature))


def _header(target: Target, draw: random.Random) -> str:
    """The algorithm, the kind or the key by the header's own word."""
    _head, payload, signature = target.jws.split(".")
    stranger = IdentityKey.generate()
    header = {
        "alg": draw.choice(("EdDSA", "none", "HS256", "ES256", "Ed25519")),
        "typ": draw.choice((target.kind, LICENCE_KIND, LEASE_KIND, "JWT")),
        "jwk": stranger.public.jwk(),
        "kid": stranger.public.thumbprint,
    }
    for name in draw.sample(sorted(header), draw.randrange(3)):
        del header[name]
    head = b64u(json.dumps(header).encode())
    made = b64u(stranger.sign(f"{head}.{payload}".encode()))
    return ".".join((head, payload, draw.choice((signature, made, ""))))


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


CHANGES = (
    _flip, _replace, _insert, _remove, _cut, _part_of_another, _last_bits, _claim, _header,
)  # fmt: skip
