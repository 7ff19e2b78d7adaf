"""Keys, bytes and packages for the tests of drm."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from drm.encoding import from_b64u, parse_object
from drm.keys import ContentKey, IdentityKey, SealingKey
from drm.licence import DeviceKeys, OpenedLicence, issue_licence, open_licence
from drm.manifest import FileEntry, Manifest, package_id, read_manifest, sign_manifest
from drm.package import SealedPackage, make_manifest, seal_files
from drm.rights import Rights
from drm.signed import sign

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

ROOT = IdentityKey(bytes(range(32)))
ISSUER = IdentityKey(bytes(range(1, 33)))
STRANGER = IdentityKey(bytes(range(2, 34)))
DEVICE = IdentityKey(bytes(range(3, 35)))
DEVICE_SEALING = SealingKey(bytes(range(4, 36)))
OTHER_DEVICE = IdentityKey(bytes(range(5, 37)))
OTHER_SEALING = SealingKey(bytes(range(6, 38)))
KEY = ContentKey(bytes(range(7, 39)))
OTHER_KEY = ContentKey(bytes(range(8, 40)))
PLAY = Rights(play=True)
DEVICE_KEYS = DeviceKeys(identity_public=DEVICE.public, sealing_public=DEVICE_SEALING.public)


def pattern(size: int, seed: str = "") -> bytes:
    """Return bytes that are the same each time and never repeat within a file."""
    return hashlib.shake_256(f"geobuk {seed}".encode()).digest(size)


class KeptSink(io.BytesIO):
    """A sink whose bytes outlive `close`."""

    kept = b""

    def close(self) -> None:
        if not self.closed:
            self.kept = self.getvalue()
        super().close()


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A sealed package with everything that belongs to it."""

    sealed: SealedPackage
    jws: bytes
    manifest: Manifest
    package_id: str
    ciphertexts: tuple[bytes, ...]


def seal(
    plains: Sequence[bytes],
    *,
    key: ContentKey = KEY,
    piece_length: int = 65536,
    version: int = 1,
) -> Shelf:
    """Seal `plains` under names of their own, and sign the manifest by ISSUER."""
    sinks: dict[int, KeptSink] = {}

    def open_sink(index: int) -> KeptSink:
        sinks[index] = KeptSink()
        return sinks[index]

    entries = [
        FileEntry(name=f"file {i}.bin", media_type="application/octet-stream", size=len(p), index=i)
        for i, p in enumerate(plains)
    ]
    sources = [(entry, io.BytesIO(p)) for entry, p in zip(entries, plains, strict=True)]
    sealed = seal_files(sources, open_sink, key=key, piece_length=piece_length)
    jws = sign_manifest(make_manifest(sealed, version=version), issuer=ISSUER)
    return Shelf(
        sealed=sealed,
        jws=jws,
        manifest=read_manifest(jws, issuer_public=ISSUER.public),
        package_id=package_id(jws),
        ciphertexts=tuple(sinks[i].kept for i in range(len(plains))),
    )


def licence_for(
    shelf: Shelf,
    *,
    issuer: IdentityKey = ISSUER,
    device: DeviceKeys = DEVICE_KEYS,
    rights: Rights = PLAY,
    not_before: datetime | None = None,
    expires: datetime | None = None,
) -> str:
    """Issue a licence for `shelf`."""
    return issue_licence(
        issuer=issuer,
        kid=issuer.public.thumbprint,
        licence_id="11111111-2222-3333-4444-555555555555",
        issuer_name="거북 상점",
        device=device,
        subject="buyer-1",
        package_id=shelf.package_id,
        manifest=shelf.manifest,
        version=shelf.manifest.version,
        rights=rights,
        key=shelf.sealed.key,
        now=NOW,
        not_before=not_before,
        expires=expires,
        links={"status": "https://shop.example/api/v1/licences/1/status"},
    )


def opened(jws: str, shelf: Shelf, **changes: Any) -> OpenedLicence:
    arguments: dict[str, Any] = {
        "issuer_public": ISSUER.public,
        "identity": DEVICE.public,
        "sealing_key": DEVICE_SEALING,
        "package_id": shelf.package_id,
        "manifest": shelf.manifest,
        "now": NOW,
        "action": "play",
    }
    return open_licence(jws, **(arguments | changes))


def claims_of(jws: str) -> dict[str, Any]:
    return parse_object(from_b64u(jws.split(".")[1]))


def signed_again(claims: dict[str, Any], **changes: Any) -> str:
    """What an issuer would have to sign to say something else with the same wrapped key."""
    return sign(claims | changes, key=ISSUER, kind="geobuk-licence+jws")
