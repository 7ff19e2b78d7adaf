"""The signed manifest, whose hash is the package's name (docs/format-v1.md, section 5).

It tells the world the sizes and roots of the sealed files, which a torrent shows anyway.
Names, types and plain sizes are details that the content key opens.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drm.encoding import b64u, canonical_json, from_b64u, member, parse_object
from drm.errors import AuthenticationError, FormatError, KeyMismatchError
from drm.keys import ContentKey, IdentityKey, IdentityPublicKey
from drm.signed import require_version, sign, verify
from drm.stream import SEGMENT_SIZE, ciphertext_size, encrypt, open_reader, plaintext_size

__all__ = [
    "DETAILS_INDEX",
    "FileEntry",
    "Manifest",
    "SealedFile",
    "associated_data",
    "check_entry",
    "check_key",
    "open_details",
    "package_id",
    "read_manifest",
    "seal_details",
    "sign_manifest",
]

KIND: Final = "geobuk-manifest+jws"
VERSION: Final = 1
KNOWN: Final = frozenset(
    {
        "v",
        "seal_id",
        "version",
        "piece_length",
        "segment_size",
        "files",
        "key_commitment",
        "details",
        "crit",
    }
)
DETAILS_VERSION: Final = 1
# Section 4.4: the label and the index of the stream that holds the details.
STREAM_CONTEXT: Final = b"geobuk-stream-v1"
DETAILS_INDEX: Final = 0xFFFFFFFF
# Section 5.4: limits that a reader may count on.
MAX_FILES: Final = 10_000
MAX_NAME_BYTES: Final = 1024
MAX_MEDIA_TYPE: Final = 255
MAX_DETAILS_SIZE: Final = 4 * 2**20
MAX_PIECE_LENGTH: Final = 2**27
_HIDDEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, half a character, line breaks
_BIDI_CONTROLS: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_SEAL_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """What a buyer sees of one file. `size` counts plain bytes, `index` from 0."""

    name: str
    media_type: str
    size: int
    index: int


@dataclass(frozen=True, kw_only=True)
class SealedFile:
    """What the world sees of one file: ciphertext bytes, and its BEP 52 root."""

    size: int
    root: bytes


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One sealed version of a listing. `details` is the encrypted list of entries."""

    seal_id: str
    version: int
    piece_length: int
    files: tuple[SealedFile, ...]
    key_commitment: bytes
    details: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _require(_SEAL_ID.fullmatch(self.seal_id) is not None, "seal id")
        _require(1 <= self.version < 2**31, "version")
        piece = self.piece_length
        _require(
            SEGMENT_SIZE <= piece <= MAX_PIECE_LENGTH and not piece & (piece - 1), "piece length"
        )
        _require(1 <= len(self.files) <= MAX_FILES, "number of files")
        _require(all(len(file.root) == 32 for file in self.files), "root of a file")
        _require(len(self.key_commitment) == 32, "key commitment")
        for file in self.files:
            plaintext_size(file.size)
        plaintext_size(len(self.details))
        _require(len(self.details) <= MAX_DETAILS_SIZE, "list of names")

    @property
    def size(self) -> int:
        """The ciphertext bytes of all files."""
        return sum(file.size for file in self.files)


def associated_data(seal_id: str, index: int) -> bytes:
    """Return what binds a stream to its place: label ‖ seal id(16) ‖ index u32 (section 4.4)."""
    _require(_SEAL_ID.fullmatch(seal_id) is not None, "seal id")
    return STREAM_CONTEXT + bytes.fromhex(seal_id) + index.to_bytes(4, "big")


def sign_manifest(manifest: Manifest, *, issuer: IdentityKey) -> bytes:
    """Return the manifest as ASCII bytes of a compact JWS, signed by `issuer`."""
    claims = {
        "v": VERSION,
        "seal_id": manifest.seal_id,
        "version": manifest.version,
        "piece_length": manifest.piece_length,
        "segment_size": SEGMENT_SIZE,
        "files": [{"size": file.size, "root": b64u(file.root)} for file in manifest.files],
        "key_commitment": b64u(manifest.key_commitment),
        "details": b64u(manifest.details),
    }
    token = sign(claims, key=issuer, kind=KIND, header={"kid": issuer.public.thumbprint})
    return token.encode("ascii")


def read_manifest(jws: bytes | str, *, issuer_public: IdentityPublicKey) -> Manifest:
    """Return the manifest that `issuer_public` signed.

    Raises AuthenticationError, FormatError, UnsupportedError.
    """
    claims = verify(jws, public=issuer_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    _require(member(claims, "segment_size", int) == SEGMENT_SIZE, "segment size")
    return Manifest(
        seal_id=member(claims, "seal_id", str),
        version=member(claims, "version", int),
        piece_length=member(claims, "piece_length", int),
        files=tuple(_sealed_file(item) for item in member(claims, "files", list)),
        key_commitment=from_b64u(claims.get("key_commitment")),
        details=from_b64u(claims.get("details")),
    )


def package_id(jws: bytes | str) -> str:
    """Return the package's name: SHA-256 of the exact bytes of the manifest, in hexadecimal."""
    return hashlib.sha256(jws.encode("ascii") if isinstance(jws, str) else jws).hexdigest()


def check_key(manifest: Manifest, key: ContentKey) -> None:
    """Raises KeyMismatchError where `key` is not the one that `manifest` commits to."""
    if not hmac.compare_digest(key.commitment(manifest.seal_id), manifest.key_commitment):
        raise KeyMismatchError("This key does not belong to this content. Fetch the licence again.")


def seal_details(entries: Sequence[FileEntry], *, seal_id: str, key: ContentKey) -> bytes:
    """Return `entries` as an encrypted stream (section 5.3)."""
    document = {
        "v": DETAILS_VERSION,
        "files": [
            {"name": entry.name, "media_type": entry.media_type, "size": entry.size}
            for entry in entries
        ],
    }
    sink = io.BytesIO()
    encrypt(
        io.BytesIO(canonical_json(document)),
        sink,
        key=key,
        associated_data=associated_data(seal_id, DETAILS_INDEX),
    )
    _require(sink.tell() <= MAX_DETAILS_SIZE, "list of names")
    return sink.getvalue()


def open_details(manifest: Manifest, key: ContentKey) -> tuple[FileEntry, ...]:
    """Return names, types and plain sizes of the files, in their order.

    Raises KeyMismatchError for another key, AuthenticationError or FormatError where the
    details and the manifest do not fit together.
    """
    check_key(manifest, key)
    reader = open_reader(
        io.BytesIO(manifest.details),
        size=len(manifest.details),
        key=key,
        associated_data=associated_data(manifest.seal_id, DETAILS_INDEX),
    )
    document = parse_object(reader.read_at(0, reader.size))
    require_version(document, version=DETAILS_VERSION, known=frozenset({"v", "files", "crit"}))
    entries = tuple(
        _entry(item, index) for index, item in enumerate(member(document, "files", list))
    )
    if [ciphertext_size(entry.size) for entry in entries] != [f.size for f in manifest.files]:
        raise AuthenticationError(
            "The list of names does not fit the files. Get the package again."
        )
    return entries


def _sealed_file(item: object) -> SealedFile:
    if not isinstance(item, dict):
        raise FormatError("A file of the manifest is malformed. Get it again from the shop.")
    return SealedFile(size=member(item, "size", int), root=from_b64u(item.get("root")))


def _entry(item: Any, index: int) -> FileEntry:
    if not isinstance(item, dict):
        raise FormatError("A name of the manifest is malformed. Get it again from the shop.")
    entry = FileEntry(
        name=member(item, "name", str),
        media_type=member(item, "media_type", str),
        size=member(item, "size", int),
        index=index,
    )
    check_entry(entry)
    return entry


def check_entry(entry: FileEntry) -> None:
    """Raises FormatError where an entry is outside the limits of section 5.4.

    A name is one part of a path, and shows as what it is: no control characters, and none
    that turn the direction of writing, which make “exe.gpj” read as “jpg.exe”.
    """
    name = entry.name
    shown = not any(
        char in _BIDI_CONTROLS or unicodedata.category(char) in _HIDDEN for char in name
    )
    size = len(name.encode("utf-8")) if shown else 0
    one_part = name not in (".", "..") and not set(name) & {"/", "\\"}
    _require(shown and one_part and 1 <= size <= MAX_NAME_BYTES, f"file name “{name[:80]!r}”")
    media_type = entry.media_type
    plain_text = media_type.isascii() and media_type.isprintable()
    _require(plain_text and len(media_type) <= MAX_MEDIA_TYPE, "media type of a file")
    ciphertext_size(entry.size)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise FormatError(f"The manifest's {what} is outside the format's limits.")
