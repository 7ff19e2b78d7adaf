"""`manage.py origin`: seed what is on sale and what buyers have bought, until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketplace.distribution.origin import Origin
from seeder.session import Session, SessionError, SessionSettings

__all__ = ["Command"]

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run the origin seeder until SIGTERM or Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()

        def on_signal(number: int, frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)
        # TCP alone: on a server and on loopback uTP is many times slower.
        limits = SessionSettings(
            tcp_only=True,
            connections=settings.ORIGIN_CONNECTIONS,
            upload_rate=settings.ORIGIN_UP,
            user_agent="geobuk-origin",
        )
        listen = f"{settings.ORIGIN_LISTEN},{settings.ORIGIN_TLS_LISTEN}s"
        try:
            session = Session(listen, settings.ORIGIN_DIR, settings=limits)
        except SessionError as error:
            raise CommandError(f"The origin cannot start: {error}") from error
        with session:
            logger.info("The origin listens on %s.", listen)
            Origin(session).run(stop.wait)
        logger.info("The origin has stopped.")
