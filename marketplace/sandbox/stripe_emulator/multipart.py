"""The body of an upload (RFC 7578), turned into the form that the rest of the emulator reads."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import urlencode

from marketplace.sandbox.stripe_emulator.errors import ApiError, ValidationError

__all__ = ["as_form", "file_of", "is_multipart"]

_DISPOSITION = re.compile(rb'content-disposition: *form-data; *name="([^"]*)"(.*)', re.IGNORECASE)
_FILENAME = re.compile(rb'filename="([^"]*)"')


def is_multipart(content_type: str) -> bool:
    return content_type.startswith("multipart/form-data")


def as_form(body: bytes, content_type: str) -> str:
    """Write a multipart/form-data body (RFC 7578) as a form, for the rest of the emulator.

    A file becomes a field whose text is JSON: its name, and its bytes in base64. So a request
    that is repeated with another boundary is still the same request. Raises ValidationError.
    """
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if boundary is None:
        raise ValidationError("Invalid request (the multipart body names no boundary)")
    mark = b"--" + boundary[1].encode()
    # The first piece stands before the parts, the last one after the closing mark.
    return urlencode([_field(part) for part in body.split(mark)[1:-1]])


def _field(part: bytes) -> tuple[str, str]:
    head, separator, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    found = _DISPOSITION.search(head)
    if not separator or found is None:
        raise ValidationError("Invalid request (a part of the multipart body has no name)")
    content = content.removesuffix(b"\r\n")
    name = found[1].decode(errors="replace")
    filename = _FILENAME.search(found[2])
    if filename is None:
        return name, content.decode(errors="replace")
    told = {
        "name": filename[1].decode(errors="replace"),
        "data": base64.b64encode(content).decode(),
    }
    return name, json.dumps(told)


def file_of(told: str) -> tuple[str, bytes]:
    """The name and the bytes of a file that `as_form` wrote down. Raises ApiError for another text."""
    try:
        parts = json.loads(told)
        return str(parts["name"]), base64.b64decode(parts["data"], validate=True)
    except (ValueError, KeyError, TypeError):
        raise ApiError("Invalid file: must be an uploaded file", param="file") from None
