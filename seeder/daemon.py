"""The seeder as a daemon: one loop with the shop, one ear on its event socket.

    listener thread ──kinds of events──► queue ──► worker thread: library, engine, leases, progress
    main thread: tick() each second ──► state.json, and whatever is shown

Events only say that something changed; what changed is asked for. So a lost socket costs
time and nothing else: a slow poll finds the same.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
from websockets.sync.client import reconnect

from drm.errors import DrmError
from seeder.client import ShopClient
from seeder.config import Home, is_loopback, write_json
from seeder.downloads import Downloads, is_final
from seeder.errors import FaultError, SeederError, ShopError
from seeder.item_state import ItemState
from seeder.receipts import trouble
from seeder.renewals import Renewals
from seeder.reporting import ProgressReporter
from seeder.session import Session

__all__ = ["Daemon", "EventSource", "RunState", "WebSocketEvents"]

POLL_WITH_SOCKET = timedelta(minutes=10)
POLL_WITHOUT_SOCKET = timedelta(minutes=1)
POLL_AFTER_FAILURE = timedelta(seconds=15)
STEP_SECONDS = 1.0
WRITE = timedelta(seconds=10)  # at the latest, where nothing has changed
FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
LARGEST_EVENT = 64 * 1024
# Not of the protocol: the socket stands and may have missed something; it is gone.
LISTENING, DEAF = "listening", "deaf"
SWARM = "swarm.changed"  # the one event that asks for nothing but another announce


@dataclass(frozen=True, slots=True)
class RunState:
    """The daemon at one moment, as state.json tells it."""

    pid: int
    shop: str
    updated_at: str
    online: bool
    listening: bool
    note: str
    items: tuple[ItemState, ...]
    bandwidth: dict[str, Any] = field(default_factory=dict)  # seeder.governor

    def to_json(self) -> dict[str, Any]:
        return self.head() | {
            "updated_at": self.updated_at,
            "items": [item.to_json() for item in self.items],
        }

    def head(self) -> dict[str, Any]:
        """All but the items and the moment: what changes seldom."""
        left_out = {"items", "updated_at"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}


class EventSource(Protocol):
    """Where the shop's events come from: calls `heard` with each kind until `stop` is set."""

    def listen(self, heard: Callable[[str], None], stop: threading.Event) -> None: ...


class _Straight(reconnect):
    """A connection to the address it was given: a redirect would carry our headers elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocketEvents:
    """The shop's event socket: connects again with growing pauses, for ever."""

    def __init__(self, client: ShopClient) -> None:
        self._client = client

    def listen(self, heard: Callable[[str], None], stop: threading.Event) -> None:
        pause = FIRST_BACKOFF
        while not stop.is_set():
            try:
                self._listen_once(heard, stop)
                pause = FIRST_BACKOFF  # it stood: the next try may come soon
            except (OSError, WebSocketException, InvalidHandshake, ShopError):
                # The worker meets the same trouble at its next call, and says it.
                pass
            heard(DEAF)
            # Spread out: all seeders lose their socket at once when the shop restarts.
            stop.wait(pause * (0.5 + secrets.randbelow(1000) / 1000))
            pause = min(pause * 2, LONGEST_BACKOFF)

    def _listen_once(self, heard: Callable[[str], None], stop: threading.Event) -> None:
        url, headers = self._client.websocket_handshake()
        with _Straight(
            url,
            additional_headers=headers,
            user_agent_header="geobuk",
            open_timeout=10,
            close_timeout=1,
            max_size=LARGEST_EVENT,
            proxy=None if is_loopback(urlsplit(url).hostname or "") else True,
        ) as socket:
            heard(LISTENING)
            while not stop.is_set():
                try:
                    message = socket.recv(timeout=1.0)
                except TimeoutError:
                    continue
                except ConnectionClosed:
                    return
                heard(_kind(message))


def _kind(message: str | bytes) -> str:
    try:
        value = json.loads(message)
    except ValueError:
        return ""
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return ""
    package = value.get("package")
    return f"{kind} {package}" if kind == SWARM and isinstance(package, str) else kind


def _fault(error: Exception) -> FaultError:
    fault = FaultError(
        f"The seeder has met what it cannot deal with ({type(error).__name__}: {error}) and has "
        "stopped. Start it again; where it stops again, report this line."
    )
    fault.__cause__ = error
    return fault


class Daemon:
    """Runs between `with` and its end; `ended` says why it cannot go on, where it cannot."""

    def __init__(
        self,
        home: Home,
        client: ShopClient,
        session: Session,
        downloads: Downloads,
        events: EventSource,
        renewals: Renewals,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._home = home
        self._client = client
        self._reporter = ProgressReporter(client, session, clock=clock)
        self._downloads = downloads
        self._events = events
        self._renewals = renewals
        self._clock = clock
        self._stop = threading.Event()
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._online = False
        self._listening = False
        self._note = ""
        self._written: RunState | None = None
        self._write_at = clock()
        self._refresh_at = clock()
        self.ended: SeederError | None = None
        self._threads = [
            threading.Thread(target=self._work, name="shop", daemon=True),
            threading.Thread(target=self._listen, name="events", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._heard.put("")
        for thread in self._threads:
            thread.join(5)

    def tick(self) -> RunState:
        """The state now; also written to state.json."""
        state = RunState(
            pid=os.getpid(),
            shop=self._client.shop.site,
            updated_at=self._clock().isoformat(),
            online=self._online,
            listening=self._listening,
            note=self._note,
            items=self._downloads.states(),
            bandwidth=self._downloads.bandwidth(),
        )
        if replace(state, updated_at="") != self._written or self._clock() >= self._write_at:
            self._written, self._write_at = replace(state, updated_at=""), self._clock() + WRITE
            try:
                write_json(self._home.state_file, state.to_json(), durable=False)
            except OSError as error:  # a full disk is no reason to end what goes on in memory
                return replace(state, note=state.note or trouble(error))
        return state

    def _listen(self) -> None:
        self._events.listen(self._heard.put, self._stop)

    def _work(self) -> None:
        while not self._stop.is_set():
            self._take_events()
            for part in (self._refresh_if_due, self._downloads.step, self._renew, self._report):
                # Each for itself: while the shop is away, what is here is still shared.
                if self._stop.is_set():
                    return
                try:
                    part()
                except SeederError as error:
                    self._note = str(error)
                    if is_final(error):
                        self.ended = error
                        return
                    self._online = False
                    self._refresh_at = self._clock() + POLL_AFTER_FAILURE
                except (OSError, DrmError) as error:
                    self._note = trouble(error)
                    self._refresh_at = self._clock() + POLL_AFTER_FAILURE
                except Exception as error:  # noqa: BLE001 - a thread that ends is never seen
                    self.ended = _fault(error)
                    return

    def _take_events(self) -> None:
        """Wait a step for the first event, then take all that are there."""
        kinds: list[str] = []
        try:
            kinds.append(self._heard.get(timeout=STEP_SECONDS))
            while True:
                kinds.append(self._heard.get_nowait())
        except queue.Empty:
            pass
        for kind in kinds:
            if kind in {LISTENING, DEAF}:
                self._listening = kind == LISTENING
            if kind.startswith(SWARM):
                self._downloads.hurry_swarm(kind.removeprefix(SWARM).strip())
        if any(kind not in {"", DEAF} and not kind.startswith(SWARM) for kind in kinds):
            self._refresh_at = self._clock()
            self._downloads.hurry()
            self._renewals.hurry(changed="licence.changed" in kinds)

    def _refresh_if_due(self) -> None:
        now = self._clock()
        if now < self._refresh_at:
            return
        self._downloads.refresh()
        self._online, self._note = True, self._downloads.note
        pause = POLL_WITH_SOCKET if self._listening else POLL_WITHOUT_SOCKET
        self._refresh_at = now + pause

    def _renew(self) -> None:
        self._renewals.step(self._downloads.items)

    def _report(self) -> None:
        if self._online:
            self._reporter.report()
