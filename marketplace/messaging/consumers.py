"""The WebSocket of a page that is open in a browser."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from marketplace.messaging.services import user_group

__all__ = ["UserConsumer"]


class UserConsumer(AsyncJsonWebsocketConsumer):
    """Pushes the events of the logged-in user: {"kind": …, "payload": {…}}."""

    group: str | None = None

    async def connect(self) -> None:
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(code=4401)
            return
        self.group = user_group(user.pk)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if self.group is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Pages only listen; what they say is dropped."""

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        # What is not JSON is dropped like all else, instead of ending the connection.
        return None

    async def relay_event(self, message: dict[str, Any]) -> None:
        await self.send_json({"kind": message["kind"], "payload": message["payload"]})
