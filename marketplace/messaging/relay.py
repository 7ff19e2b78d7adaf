"""From the outbox table to the sockets of this process.

Each web process runs one relay on its own event loop. It reads the events that
were committed since it last looked, and sends each to the channel group it names.
So an event written by the job worker, or by another web process, reaches every
open page, with the database alone in between (docs/decisions/0001-outbox.md).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from marketplace.messaging.models import Event

__all__ = ["Relay"]

logger = logging.getLogger(__name__)

PAUSE = 0.2  # seconds between two looks at the table
KEEP = dt.timedelta(minutes=10)
SWEEP_EVERY = 300  # looks
BATCH = 500
# Ids are given out before they are committed: a row may appear behind one that is
# already seen. A look goes back this far and skips what it has sent.
OVERLAP = 200


class Relay:
    """Send committed events to the local channel layer until cancelled."""

    def __init__(self) -> None:
        self._last_id = 0
        self._sent: dict[int, None] = {}

    async def run(self) -> None:
        """Begin behind the newest event, and go on for ever."""
        self._last_id = await sync_to_async(_newest_id)()
        self._sent = dict.fromkeys(range(max(0, self._last_id - OVERLAP), self._last_id + 1))
        looks = 0
        while True:
            try:
                await self.relay_once()
                looks += 1
                if looks % SWEEP_EVERY == 0:
                    await sync_to_async(_sweep)(timezone.now() - KEEP)
            except DatabaseError:
                # A database that restarts is back in a moment; the rows wait.
                logger.warning("the event relay could not read the outbox; it tries again")
                await asyncio.sleep(2)
            await asyncio.sleep(PAUSE)

    async def relay_once(self) -> int:
        """Send what is new. Returns how many events that were."""
        events = await sync_to_async(_events_after)(max(0, self._last_id - OVERLAP))
        layer = get_channel_layer()
        assert layer is not None
        fresh = [event for event in events if event.pk not in self._sent]
        for event in fresh:
            message = {"type": "relay.event", "kind": event.kind, "payload": event.payload}
            await layer.group_send(event.group, message)
            self._sent[event.pk] = None
            self._last_id = max(self._last_id, event.pk)
        while len(self._sent) > 4 * OVERLAP + BATCH:
            del self._sent[next(iter(self._sent))]
        return len(fresh)


def _newest_id() -> int:
    return Event.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _events_after(event_id: int) -> list[Event]:
    close_old_connections()
    return list(Event.objects.filter(id__gt=event_id).order_by("id")[: BATCH + OVERLAP])


def _sweep(before: dt.datetime) -> None:
    Event.objects.filter(created_at__lt=before).delete()
