"""The WebSocket of a seeder: it hears at once what it would else find at its next look."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.handlers.asgi import ASGIRequest
from django.utils import timezone

from marketplace.accounts import queries as accounts_queries
from marketplace.accounts import services as accounts
from marketplace.accounts.errors import DeviceNotFoundError, SeederRefusedError
from marketplace.accounts.types import Device, User
from marketplace.messaging.services import user_group

__all__ = ["SeederConsumer"]

NOT_AUTHORISED = 4401
FOR_SEEDERS = {
    "handover.requested",
    "library.changed",
    "licence.changed",
    "licence.revoked",
    "swarm.changed",
}


class SeederConsumer(AsyncJsonWebsocketConsumer):
    """Tells a device of library.changed, licence.revoked and of its own removal."""

    group: str | None = None
    device_id: uuid.UUID | None = None

    async def connect(self) -> None:
        try:
            user, device = await database_sync_to_async(_authenticate)(self.scope)
        except SeederRefusedError as error:
            await self._refuse(error)
            return
        self.device_id = device.pk
        self.group = user_group(user.pk)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        # It may have been removed after it was let in and before it listened.
        if not await database_sync_to_async(_is_active)(user, device):
            await self._say_removed()

    async def disconnect(self, code: int) -> None:
        if self.group is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Seeders only listen here; what they say is dropped."""

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        # What is not JSON is dropped like all else, instead of ending the connection.
        return None

    async def relay_event(self, message: dict[str, Any]) -> None:
        kind, payload = message["kind"], message["payload"]
        if kind in FOR_SEEDERS:
            await self.send_json({"kind": kind, **payload})
        elif kind == "device.removed" and payload["device"] == str(self.device_id):
            await self._say_removed()

    async def _say_removed(self) -> None:
        await self.send_json({"kind": "device.removed"})
        await self.close(code=NOT_AUTHORISED)

    async def _refuse(self, error: SeederRefusedError) -> None:
        """Answer the handshake with 401 and the reason; a bare close would be a dumb 403."""
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close(code=NOT_AUTHORISED)
            return
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        body = json.dumps({"code": error.code, "message": str(error)}).encode()
        await self.base_send(
            {"type": "websocket.http.response.start", "status": 401, "headers": headers}
        )
        await self.base_send({"type": "websocket.http.response.body", "body": body})


def _authenticate(scope: dict[str, Any]) -> tuple[User, Device]:
    # The handshake is a GET: read it as one, so that headers and proxies mean the same.
    request = ASGIRequest({**scope, "method": "GET"}, io.BytesIO())
    return accounts.authenticate_seeder(
        authorization=request.headers.get("Authorization", ""),
        proof=request.headers.get("DPoP", ""),
        method="GET",
        url=request.path,
        now=timezone.now(),
        address=accounts.client_address(request),
    )


def _is_active(user: User, device: Device) -> bool:
    try:
        accounts_queries.device(user, device.pk)
    except DeviceNotFoundError:
        return False
    return True
