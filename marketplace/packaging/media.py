"""What kind of file it is, and whether the player of this shop can show it.

The first bytes decide where they have a signature, because a name can say
anything. Else the name decides, unless it promises a format whose signature is
absent: then the file is just bytes, and nobody is promised a player for it.
"""

from __future__ import annotations

import mimetypes
import re

__all__ = ["HEAD_SIZE", "PLAYABLE", "media_type", "media_type_of_name"]

HEAD_SIZE = 512  # bytes of a file that media_type() wants to see
UNKNOWN = "application/octet-stream"

PLAYABLE = frozenset(
    {
        "application/pdf",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "video/mp4",
        "video/webm",
    }
)

# What the standard table lacks or calls otherwise.
_BY_ENDING = {
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "m4v": "video/mp4",
    "md": "text/markdown",
    "mkv": "video/x-matroska",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
    "webp": "image/webp",
    "zip": "application/zip",
}

_SIGNATURES = (
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"R(?:IFF|F64)....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"....ftyp(?:M4A|M4B) ", re.DOTALL), "audio/mp4"),
    (re.compile(rb"....ftypqt  ", re.DOTALL), "video/quicktime"),
    (re.compile(rb"....ftyp(?:avif|avis)", re.DOTALL), "image/avif"),
    (re.compile(rb"....ftyp(?:heic|heix|mif1|msf1)", re.DOTALL), "image/heic"),
    (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
    (re.compile(rb"\x1aE\xdf\xa3.{0,60}?webm", re.DOTALL), "video/webm"),
    (re.compile(rb"\x1aE\xdf\xa3", re.DOTALL), "video/x-matroska"),
    (
        re.compile(rb"PK\x03\x04.{26}mimetypeapplication/epub\+zip", re.DOTALL),
        "application/epub+zip",
    ),
)
_ZIP = re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)")
# A signature says the container; what is in it is for the name to say.
_NARROWER = {
    "video/mp4": {"audio/mp4"},
    "video/webm": {"audio/webm"},
}
# Formats that are never without their signature. MP3 is not among them: it has none.
_SIGNED = {kind for _, kind in _SIGNATURES} | {"application/zip", "audio/ogg", "video/ogg"}


def media_type_of_name(name: str) -> str:
    """The media type (RFC 6838) that the ending of `name` stands for."""
    ending = name.rpartition(".")[2].lower()
    return _BY_ENDING.get(ending) or mimetypes.guess_type(name, strict=False)[0] or UNKNOWN


def media_type(name: str, head: bytes) -> str:
    """The media type of a file called `name` whose first HEAD_SIZE bytes are `head`."""
    named = media_type_of_name(name)
    for signature, kind in _SIGNATURES:
        if signature.match(head):
            return named if named in _NARROWER.get(kind, set()) else kind
    if head.startswith(b"OggS"):
        return "video/ogg" if named == "video/ogg" else "audio/ogg"
    if _ZIP.match(head):
        # Office documents, comics and apps are zip archives: their names are believed.
        return "application/zip" if named in _SIGNED or named == UNKNOWN else named
    if head.startswith(b"ID3"):
        return "audio/mpeg"
    return UNKNOWN if named in _SIGNED else named
