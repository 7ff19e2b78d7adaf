"""Resumable uploads: tus 1.0 as an ASGI app of its own, beside Django's handler.

Django would spool a whole body to disk before a view sees it. Here each PATCH goes
to the file as it comes in, a megabyte in memory at a time; while that is written the
client waits, so memory does not grow with the file. Served: the core protocol and
its extensions creation, termination, checksum and expiration
(https://tus.io/protocols/resumable-upload; docs/decisions/0003-tus.md).

    POST    /uploads/       Upload-Length, Upload-Metadata: filename, draft → Location
    HEAD    /uploads/<id>   → Upload-Offset, Upload-Length
    PATCH   /uploads/<id>   Upload-Offset, body → Upload-Offset
    DELETE  /uploads/<id>

The user comes from Django's session cookie. Since cookies travel with requests from
any page, whatever changes something names its Origin, and that has to be this shop.
"""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from django.conf import settings
from django.utils import timezone, translation
from django.utils.http import http_date
from django.utils.translation import gettext as _

from marketplace.core.errors import (
    ConflictError,
    InvalidError,
    MarketplaceError,
    NotFoundError,
)
from marketplace.packaging import uploads as service
from marketplace.packaging.errors import (
    FileTooLargeError,
    NoSpaceError,
    UploadBusyError,
    UploadOffsetError,
)
from marketplace.packaging.files import upload_path
from marketplace.packaging.models import Upload
from marketplace.packaging.tus.messages import (
    VERSION,
    CutError,
    Receive,
    Refusal,
    Request,
    Response,
    Scope,
    Send,
    language_of,
    parse_metadata,
    require_own_origin,
    send_response,
)
from marketplace.packaging.tus.receiving import CHECKSUMS, Checksum, held, receive_into, record

__all__ = ["uploads"]

EXTENSIONS = "creation,termination,checksum,expiration"
PREFIX = "/uploads/"
BODY_TYPE = "application/offset+octet-stream"

_STATUS: list[tuple[type[MarketplaceError], int]] = [
    (UploadBusyError, 423),
    (FileTooLargeError, 413),
    (NoSpaceError, 507),
    (NotFoundError, 404),
    (ConflictError, 409),
    (InvalidError, 422),
]


async def _tus(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]}
    request = Request(
        method=str(headers.get("x-http-method-override") or scope["method"]).upper(),
        path=scope["path"],
        headers=headers,
        user=scope["user"],
        receive=receive,
    )
    with translation.override(language_of(scope, headers)):
        try:
            response = await _answer(request)
        except CutError:
            return
        except Refusal as refusal:
            response = Response(refusal.status, refusal.headers, str(refusal))
        except MarketplaceError as error:
            response = _of_error(error)
        except OSError:
            response = _of_error(
                NoSpaceError(_("The shop could not write to its disk. Try again later."))
            )
    if response.status >= 400:
        # The rest of a refused body is not read.
        response.headers["Connection"] = "close"
    await send_response(send, response, bodiless=scope["method"] == "HEAD")


async def _answer(request: Request) -> Response:
    """Dispatch by method. Raises Refusal, MarketplaceError, CutError, OSError."""
    if request.method == "OPTIONS":
        return _options()
    if request.headers.get("tus-resumable") != VERSION:
        raise Refusal(
            412,
            _("This address speaks tus %(version)s.") % {"version": VERSION},
            Tus_Version=VERSION,
        )
    if not request.user.is_authenticated:
        raise Refusal(401, _("You are logged out. Log in again, then resume the upload."))
    if request.method != "HEAD":
        require_own_origin(request.headers)
    name = request.path.removeprefix(PREFIX)
    if not name:
        if request.method != "POST":
            raise Refusal(405, _("An upload begins with POST."), Allow="OPTIONS, POST")
        return await _create(request)
    handler = {"HEAD": _head, "PATCH": _patch, "DELETE": _delete}.get(request.method)
    if handler is None:
        raise Refusal(405, _("An upload knows HEAD, PATCH, DELETE."), Allow="HEAD, PATCH, DELETE")
    try:
        upload_id = uuid.UUID(name.rstrip("/"))
    except ValueError:
        raise Refusal(404, _("There is no such upload.")) from None
    return await handler(request, upload_id)


def _options() -> Response:
    return Response(
        204,
        {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(settings.UPLOAD_MAX_BYTES),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        },
    )


async def _create(request: Request) -> Response:
    if "upload-defer-length" in request.headers:
        raise Refusal(400, _("The length of the file must be known when its upload begins."))
    size = request.integer("upload-length")
    metadata = parse_metadata(request.headers.get("upload-metadata", ""))
    try:
        draft_id = uuid.UUID(metadata.get("draft", ""))
    except ValueError:
        raise Refusal(400, _("The upload does not say which listing it is for.")) from None
    upload = await database_sync_to_async(service.begin_upload)(
        owner=request.user, draft_id=draft_id, name=metadata.get("filename", ""), size=size
    )
    return Response(201, {"Location": f"{PREFIX}{upload.pk}", **await _expiry(upload)})


async def _head(request: Request, upload_id: uuid.UUID) -> Response:
    upload = await _find(request, upload_id, service.find_upload)
    offset = await asyncio.to_thread(service.offset_of, upload)
    if offset == upload.size and upload.completed_at is None:
        # All bytes had come when the server ended, before it could write that down.
        async with held(upload_path(upload.draft_id, upload.pk)) as file:
            offset = await record(file, upload)
    name = base64.b64encode(upload.name.encode()).decode()
    return Response(
        200,
        {
            "Upload-Offset": str(offset),
            "Upload-Length": str(upload.size),
            "Upload-Metadata": f"filename {name}",
            "Cache-Control": "no-store",
            **await _expiry(upload),
        },
    )


async def _patch(request: Request, upload_id: uuid.UUID) -> Response:
    if request.headers.get("content-type") != BODY_TYPE:
        raise Refusal(415, _("The body must be %(type)s.") % {"type": BODY_TYPE})
    offset = request.integer("upload-offset")
    checksum = Checksum.asked_for(request.headers.get("upload-checksum"))
    upload = await _find(request, upload_id, service.find_open_upload)
    async with held(upload_path(upload.draft_id, upload.pk)) as file:
        if file.offset != offset:
            raise UploadOffsetError(
                _("The next byte of this file is number %(offset)d.") % {"offset": file.offset}
            )
        try:
            await receive_into(file, upload, checksum, request)
        finally:
            received = await record(file, upload)
    return Response(204, {"Upload-Offset": str(received), **await _expiry(upload)})


async def _delete(request: Request, upload_id: uuid.UUID) -> Response:
    await database_sync_to_async(service.remove_upload)(owner=request.user, upload_id=upload_id)
    return Response(204)


async def _find(request: Request, upload_id: uuid.UUID, find: Callable[..., Upload]) -> Upload:
    upload: Upload = await database_sync_to_async(find)(
        owner=request.user, upload_id=upload_id, now=timezone.now()
    )
    return upload


async def _expiry(upload: Upload) -> dict[str, str]:
    expiry = await asyncio.to_thread(service.expires_at, upload)
    return {} if expiry is None else {"Upload-Expires": http_date(expiry.timestamp())}


def _of_error(error: MarketplaceError) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    # What is not found is not described: its existence is nobody's business.
    sentence = _("There is no such upload.") if status == 404 else str(error)
    return Response(status, body=sentence)


uploads = AuthMiddlewareStack(_tus)
