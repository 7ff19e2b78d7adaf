"""Requests and answers of the tus protocol: parsed, checked and sent."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.utils import translation
from django.utils.translation import gettext as _

from marketplace.accounts.types import User

__all__ = [
    "VERSION",
    "CutError",
    "Receive",
    "Refusal",
    "Request",
    "Response",
    "Scope",
    "Send",
    "language_of",
    "parse_metadata",
    "require_own_origin",
    "send_response",
]

VERSION = "1.0.0"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Refusal(Exception):  # noqa: N818  # an answer, raised to leave from any depth
    """A request that breaks the protocol: `status` and a sentence."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class CutError(Exception):
    """The client is gone; nobody reads an answer."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    user: User
    receive: Receive

    def integer(self, name: str) -> int:
        """The header `name`, a whole number ≥ 0. Raises Refusal."""
        text = self.headers.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise Refusal(400, _("The header %(name)s must be a number.") % {"name": name})
        return int(text)


@dataclass
class Response:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


def parse_metadata(header: str) -> dict[str, str]:
    """`Upload-Metadata`: pairs of a key and a base64 value, separated by commas."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _space, value = pair.partition(" ")
        try:
            decoded = base64.b64decode(
                value.strip() + "=" * (-len(value.strip()) % 4), validate=True
            )
        except binascii.Error:
            raise Refusal(400, _("Upload-Metadata is not base64.")) from None
        found[key] = decoded.decode(errors="replace")
    return found


def require_own_origin(headers: dict[str, str]) -> None:
    """Raise Refusal unless a page of this shop sends the request."""
    origin, host = headers.get("origin", ""), headers.get("host", "")
    site = urlsplit(settings.SITE_URL)
    if origin == f"{site.scheme}://{site.netloc}":
        return
    allowed = validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
    if not (allowed and origin == f"{site.scheme}://{host}"):
        raise Refusal(403, _("Uploads are accepted from pages of this shop alone."))


def language_of(scope: Scope, headers: dict[str, str]) -> str:
    probe = HttpRequest()
    probe.COOKIES = scope.get("cookies", {})
    probe.META["HTTP_ACCEPT_LANGUAGE"] = headers.get("accept-language", "")
    return translation.get_language_from_request(probe)


async def send_response(send: Send, response: Response, *, bodiless: bool) -> None:
    headers = {"Tus-Resumable": VERSION, "X-Content-Type-Options": "nosniff", **response.headers}
    body = b"" if bodiless else response.body.encode()
    if body:
        headers["Content-Type"] = "text/plain; charset=utf-8"
    if response.status != 204 and not bodiless:
        headers["Content-Length"] = str(len(body))
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
