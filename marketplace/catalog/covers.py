"""Covers: whatever a seller sends is decoded, stripped and encoded again, or refused.

Only what this module wrote is ever served (views.cover), so a file that is a picture
and something else at once loses the something else.
"""

from __future__ import annotations

import io
import secrets
from typing import BinaryIO

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from marketplace.catalog.errors import CoverError, CoverNotFoundError
from marketplace.catalog.names import COVER_FOLDER, COVER_NAME, small_name
from marketplace.catalog.types import Cover

__all__ = ["MAX_PIXELS", "delete_cover", "read_cover", "render_cover", "store_cover"]

MAX_PIXELS = 50_000_000
LARGE = 1200  # pixels, the longer side
SMALL = 560
_FORMATS = ("JPEG", "PNG", "WEBP")


def render_cover(file: BinaryIO, *, size: int) -> Cover:
    """Decode `file` of `size` bytes and encode it anew in two sizes, without metadata.

    Raises CoverError with a sentence for the seller: too large, too many pixels, no
    JPEG, PNG or WebP, or damaged.
    """
    if size > settings.COVER_MAX_BYTES:
        limit = settings.COVER_MAX_BYTES // 1024**2
        raise CoverError(
            _("The cover is larger than %(limit)d MB. Save it smaller.") % {"limit": limit}
        )
    try:
        with Image.open(file, formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise _too_many_pixels()
            # JPEG can decode straight to a smaller size, which saves time and memory.
            picture.draft("RGB", (2 * LARGE, 2 * LARGE))
            upright = ImageOps.exif_transpose(picture)
            mode = "RGBA" if upright.has_transparency_data else "RGB"
            plain = upright.convert(mode)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    # Pillow's decoders report damage by all of these.
    except (OSError, SyntaxError, ValueError, IndexError, EOFError) as error:
        raise CoverError(
            _("This file is no JPEG, PNG or WebP picture, or it is damaged. Choose another.")
        ) from error
    return Cover(large=_encode(plain, LARGE), small=_encode(plain, SMALL))


def _too_many_pixels() -> CoverError:
    return CoverError(
        _("The picture has more than %(limit)d million pixels. Save it smaller.")
        % {"limit": MAX_PIXELS // 1_000_000}
    )


def _encode(picture: Image.Image, side: int) -> bytes:
    copy = picture.copy()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    # A fresh image has no EXIF, profile or text chunks to leak where a photo was taken.
    bare = Image.new(copy.mode, copy.size)
    bare.paste(copy)
    out = io.BytesIO()
    bare.save(out, "WEBP", quality=84, method=4)
    return out.getvalue()


def store_cover(cover: Cover) -> str:
    """Write both sizes under a name that nobody can guess; return the large one's name."""
    stem = f"{COVER_FOLDER}/{secrets.token_hex(16)}"
    name = default_storage.save(f"{stem}.webp", ContentFile(cover.large))
    default_storage.save(small_name(name), ContentFile(cover.small))
    return name


def delete_cover(name: str) -> None:
    """Delete both sizes. What is gone already is no error."""
    default_storage.delete(name)
    default_storage.delete(small_name(name))


def read_cover(name: str) -> bytes:
    """The bytes of one of our covers. Raises CoverNotFoundError, also for any other file."""
    if not COVER_NAME.fullmatch(name):
        raise CoverNotFoundError(name)
    try:
        with default_storage.open(f"{COVER_FOLDER}/{name}") as file:
            return bytes(file.read())
    except FileNotFoundError:
        raise CoverNotFoundError(name) from None
