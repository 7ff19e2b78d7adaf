"""Licences, leases and decisions a second on one core, against the bare cryptography of each.

A licence is one Ed25519 signature and one HPKE seal (X25519) with claims around them; the
reference does those two alone, with the same libraries. With a database, what a shop
does for one licence is counted: locks, custody, the row and the entry in the audit log.
Both figures are medians of rounds by turns.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from benchmarks.results import Result
from drm.decision import Clock, Usage, decide
from drm.hpke import seal
from drm.keys import ContentKey, IdentityKey, SealingKey
from drm.lease import Lease, sign_lease, verify_lease
from drm.licence import DeviceKeys, issue_licence, peek_licence
from drm.manifest import FileEntry, Manifest
from drm.package import make_manifest, seal_files
from drm.rights import LeaseTerms, Rights
from seeder.config import utc_now
from tests.on_postgres import postgres

__all__ = ["House", "run"]

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
ROUND_SECONDS = 0.25
KEPT = 150  # licences of one run with a database
# Most of a licence is its cryptography.
BAR = 0.6
RENTAL = Rights(play=True, play_window=172_800, lease=LeaseTerms(duration=259_200, grace=86_400))
NONCE = "0123456789abcdef"


@dataclass(frozen=True)
class House:
    """A shop with one sealed package, and one device."""

    issuer: IdentityKey
    identity: IdentityKey
    sealing: SealingKey
    key: ContentKey
    manifest: Manifest
    package_id: str

    @classmethod
    def build(cls, suite: str = "X25519") -> House:
        """Return a house with new keys."""
        key, plain = ContentKey.generate(), os.urandom(1000)
        entry = FileEntry(name="song.flac", media_type="audio/flac", size=len(plain), index=0)
        sealed = seal_files(
            [(entry, io.BytesIO(plain))], lambda _index: io.BytesIO(), key=key, piece_length=65536
        )
        return cls(
            issuer=IdentityKey.generate(),
            identity=IdentityKey.generate(),
            sealing=SealingKey.generate(suite),
            key=key,
            manifest=make_manifest(sealed, version=1),
            package_id="ab" * 32,
        )

    @cached_property
    def device(self) -> DeviceKeys:
        """The public keys of the device."""
        return DeviceKeys(identity_public=self.identity.public, sealing_public=self.sealing.public)

    def licence(self, rights: Rights | None = None) -> str:
        """Return a licence of the package for the device, as a shop issues it."""
        return issue_licence(
            issuer=self.issuer,
            kid=self.issuer.public.thumbprint,
            licence_id="11111111-2222-3333-4444-555555555555",
            issuer_name="https://shop.example",
            device=self.device,
            subject="0123456789abcdef0123456789abcdef",
            package_id=self.package_id,
            manifest=self.manifest,
            version=1,
            rights=rights or Rights(play=True, save=True),
            key=self.key,
            now=utc_now(),
            links={"status": "https://shop.example/api/v1/licences/1/status"},
        )

    def lease(self, licence: str) -> str:
        """Return a lease of a licence, as a shop signs it."""
        now = utc_now()
        return sign_lease(
            issuer=self.issuer,
            kid=self.issuer.public.thumbprint,
            lease_id="99999999-2222-3333-4444-555555555555",
            licence=licence,
            device=self.device,
            key=self.key,
            now=now,
            expires=now + timedelta(days=3),
            counter=1,
            epoch=0,
            nonce=NONCE,
        )

    def read_lease(self, lease: str, licence: str) -> Lease:
        """Verify a lease as the device does."""
        return verify_lease(
            lease,
            issuer_public=self.issuer.public,
            licence=licence,
            device=self.identity.public.thumbprint,
            nonce=NONCE,
        )


def run() -> list[Result]:
    """Count licences, leases and decisions; per second on one core."""
    house = House.build()
    device, rental = house.device, house.licence(RENTAL)
    signed = bytes(1000)  # as many as a licence signs

    def bare() -> None:
        house.issuer.sign(signed)
        seal(house.key.to_bytes(), recipient=device.sealing_public, info=bytes(50))

    licences, leases, reference = _by_turns(house.licence, lambda: house.lease(rental), bare)
    post_quantum = _by_turns(House.build("X-Wing").licence)[0]
    results = [
        Result(
            name="licences, against a bare signature and seal",
            value=licences,
            unit="/s",
            reference=reference,
            ratio=licences / reference,
            bar=BAR,
        ),
        Result(
            name="leases, against a bare signature and seal",
            value=leases,
            unit="/s",
            reference=reference,
            ratio=leases / reference,
            bar=BAR,
        ),
        Result(
            name="licences in the suite X-Wing, against X25519",
            value=post_quantum,
            unit="/s",
            reference=licences,
            ratio=post_quantum / licences,
        ),
    ]
    for name, server in (("SQLite", nullcontext({})), ("PostgreSQL", postgres())):
        with server as address:
            kept = _with_database(address)
        results.append(
            Result(
                name=f"licences that a shop issues and keeps, on {name}",
                value=kept,
                unit="/s",
                reference=reference,
                ratio=kept / reference,
            )
        )
    return [*results, Result(name="decisions", value=_decisions(house, rental), unit="/s")]


def _by_turns(*works: Callable[[], object]) -> list[float]:
    """Calls of each per second."""
    for work in works:
        work()
    counted = [[_count(work) for work in works] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*counted, strict=True)]


def _count(work: Callable[[], object]) -> float:
    # Of the processor's time, so that what else the machine does is not counted.
    done, began = 0, time.process_time()
    while (elapsed := time.process_time() - began) < ROUND_SECONDS:
        work()
        done += 1
    return done / elapsed


def _decisions(house: House, rental: str) -> float:
    claims = peek_licence(rental, issuer_public=house.issuer.public)
    lease = house.read_lease(house.lease(rental), rental)
    clock = Clock(now=utc_now(), high_water=utc_now())
    usage = Usage(first_play=utc_now())

    def once() -> None:
        answer = decide(
            "play",
            rights=claims.rights,
            not_before=None,
            expires=None,
            lease=lease,
            status=None,
            usage=usage,
            clock=clock,
        )
        if not answer.allowed:
            raise RuntimeError(answer.message)

    return _by_turns(once)[0]


def _with_database(address: dict[str, str]) -> float:
    """A Django of its own, since a process has one database."""
    environment = {**os.environ, **address}
    if address:
        environment["GEOBUK_PG_NAME"] = "geobuk"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kept_licences", str(KEPT)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1])["per_second"])
