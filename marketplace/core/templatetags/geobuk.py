"""Template filters of every page: sizes, prices, kinds of files, Markdown."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import template
from django.http import HttpRequest
from django.utils import formats
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.core.money import Money
from marketplace.core.text import render_markdown

__all__ = ["back_address", "initial", "markdown", "media_kind", "price", "size"]

register = template.Library()
_UNITS = ["KB", "MB", "GB", "TB"]
_ENDINGS = {
    "application/pdf": "PDF",
    "application/zip": "ZIP",
    "application/epub+zip": "EPUB",
    "application/octet-stream": "",
    "audio/mpeg": "MP3",
    "audio/x-flac": "FLAC",
    "image/svg+xml": "SVG",
    "text/plain": "TXT",
    "video/quicktime": "MOV",
    "video/x-matroska": "MKV",
}


@register.simple_tag(takes_context=True)
def back_address(context: dict[str, Any]) -> str:
    """Where to try again after an error: the page that sent the form, or the page asked for."""
    request: HttpRequest = context["request"]
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    came_from = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        parts = urlsplit(came_from)
        # Two slashes at the start would name another host.
        path = "/" + parts.path.lstrip("/\\")
        return path + (f"?{parts.query}" if parts.query else "")
    return "/"


@register.filter
def size(count: int) -> str:
    """Bytes in words: 1,500,000 is "1.5 MB". Units are decimal, as disks and browsers count."""
    if count < 1000:
        return ngettext("%(count)d byte", "%(count)d bytes", count) % {"count": count}
    value = float(count)
    unit = ""
    for unit in _UNITS:  # noqa: B007  # the last one stays where none is large enough
        value /= 1000
        if value < 999.5:
            break
    digits = 1 if value < 9.95 else 0
    # A no-break space keeps the number and its unit on one line.
    # number_format cuts digits off, so rounding comes first.
    return f"{formats.number_format(round(value, digits), digits, use_l10n=True)}\u00a0{unit}"


@register.filter
def price(money: Money) -> str:
    """A price as a buyer reads it: "₩1,500", or that it is free."""
    return money.localised() if money.minor else _("Free")


@register.filter
def media_kind(media_type: str) -> str:
    """What kind of file a media type is, in words: "Video · MP4"."""
    family, _slash, kind = media_type.partition("/")
    ending = _ENDINGS.get(media_type, kind.removeprefix("x-").split("+")[0].upper())
    words = {
        "video": _("Video"),
        "audio": _("Audio"),
        "image": _("Picture"),
        "text": _("Text"),
    }.get(family, _("Document") if ending in {"PDF", "EPUB"} else _("File"))
    return f"{words} · {ending}" if ending and len(ending) <= 8 else words


@register.filter
def initial(name: str) -> str:
    """The first letter or digit of a name, for where a picture is missing."""
    return next((c.upper() for c in name if c.isalnum()), "·")


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown of a person as HTML; render_markdown has made it safe."""
    return mark_safe(render_markdown(text))  # noqa: S308
