"""Bringing packages here: by a session of our own, or by waiting for the daemon that has one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypedDict
from urllib.parse import urlsplit

from seeder.cli.progress import Progress, make_progress
from seeder.cli.seat import Seat
from seeder.client import ShopClient
from seeder.config import exclusive, is_held, is_loopback, read_json, utc_now, write_json
from seeder.daemon import RunState
from seeder.downloads import Downloads
from seeder.errors import AlreadyRunningError, NotCompleteError, ShopUnreachableError
from seeder.governor import Governor, Most
from seeder.item_state import ItemState
from seeder.listening import listen_on
from seeder.moving import claim_store
from seeder.receipts import Receipting
from seeder.reporting import ProgressReporter
from seeder.session import Session, SessionSettings
from seeder.swarming import Swarming, first_label
from seeder.tending import tend

__all__ = [
    "Limits",
    "daemon_record",
    "daemon_states",
    "fetch",
    "govern",
    "open_downloads",
    "require_hope",
    "settings_for",
]

STEP = 0.5
GOODBYE = 1.5  # seconds for the last word to the shop
PATIENCE = 60.0  # seconds without any news of the daemon before it counts as gone
MEGA = 1_000_000


class Limits(TypedDict):
    """What a session may take: MB a second, 0 for no limit, and the port for peers, 0 for any."""

    down: float
    up: float
    port: int


def settings_for(
    seat: Seat, *, down: float, up: float, open_swarms: bool = False
) -> tuple[SessionSettings, Most, bool]:
    """Session settings for a shop; a shop on this machine is a matter of loopback alone.

    The session begins without limits and without asking anybody: the governor that follows
    at once lets it do what the owner's preferences and `Most` allow.
    """
    local = is_loopback(urlsplit(seat.shop.site).hostname or "")
    most = Most(
        up=int(up * MEGA),
        down=int(down * MEGA),
        router=not local,
        open_swarms=open_swarms and not local,
    )
    return SessionSettings(tcp_only=local), most, local


@contextmanager
def open_downloads(
    seat: Seat,
    client: ShopClient,
    *,
    only: frozenset[str] | None = None,
    down: float = 0,
    up: float = 0,
    port: int = 0,
) -> Iterator[tuple[Session, Downloads]]:
    """A session over this shop's store. AlreadyRunningError where another process has one."""
    with exclusive(seat.home.lock_file, wait=False) as alone:
        if not alone:
            raise AlreadyRunningError(
                "A seeder is running already for this folder. See what it does with: geobuk status"
            )
        settings, most, local = settings_for(seat, down=down, up=up)
        listen = listen_on(port=port, local=local, tls=True)
        store = claim_store(seat.folder)
        label = first_label(client)
        settings = replace(settings, label=label.text if label else "")
        with (
            Session(listen, store.session_folder, settings=settings) as session,
            govern(seat, session, most) as governor,
            _taking_part(Swarming(client, session, label=label, clock=utc_now)) as swarming,
            Receipting(client, seat.folder, seat.device, session, clock=utc_now) as receipting,
        ):
            downloads = Downloads(
                seat.folder, seat.device, client, session, store, clock=utc_now, only=only
            )
            downloads.governor, downloads.swarming = governor, swarming
            downloads.receipting = receipting
            with tend(session, store, downloads.papers, clock=utc_now):
                yield session, downloads


@contextmanager
def _taking_part(swarming: Swarming) -> Iterator[Swarming]:
    """Leave all swarms at the end, unless the shop is slow to hear of it: the end does not wait."""
    try:
        yield swarming
    finally:
        goodbye = threading.Thread(target=swarming.stop, name="goodbye", daemon=True)
        goodbye.start()
        goodbye.join(GOODBYE)


def govern(seat: Seat, session: Session, most: Most) -> Governor:
    """The owner's limits for a session, to be entered before anything is added to it."""
    return Governor(
        seat.home,
        session,
        whole=lambda package: seat.papers(package).complete,
        clock=utc_now,
        most=most,
    )


def daemon_record(seat: Seat) -> dict[str, Any] | None:
    """What the running daemon last said; None where none runs, {} where it is another shop's."""
    if not is_held(seat.home.lock_file):
        return None
    record = read_json(seat.home.state_file) or {}
    return record if record.get("shop") == seat.shop.site else {}


def daemon_states(seat: Seat) -> dict[str, ItemState] | None:
    """What the running daemon last said of each package; None where none runs."""
    record = daemon_record(seat)
    if not record:
        return record
    try:
        states = [ItemState(**item) for item in record["items"]]
    except (KeyError, TypeError):
        return {}
    return {state.package: state for state in states}


def fetch(
    seat: Seat, client: ShopClient | None, *, only: frozenset[str] | None, as_json: bool
) -> tuple[ItemState, ...]:
    """Wait until the packages (all active ones where `only` is None) are here, with progress.

    A running daemon does the work where there is one. Raises NotCompleteError with the
    reason where nothing goes on.
    """
    with make_progress(as_json=as_json) as progress:
        if daemon_states(seat) is not None:
            return _follow(seat, progress, only)
        if client is None:
            raise NotCompleteError(
                "This is not all on this machine yet, and the shop cannot be reached. "
                "Try again when you are connected."
            )
        with open_downloads(seat, client, only=only) as (session, downloads):
            reporter = ProgressReporter(client, session, clock=utc_now)
            downloads.refresh()
            while True:
                downloads.step()
                states = downloads.states()
                progress.update(states, {"shop": seat.shop.site})
                _write_state(seat, downloads, states)
                # The library page shows it; a shop that is away stops no download.
                with suppress(ShopUnreachableError):
                    reporter.report()
                if all(state.complete for state in states):
                    return states
                require_hope(states)
                time.sleep(STEP)


def _write_state(seat: Seat, downloads: Downloads, states: tuple[ItemState, ...]) -> None:
    """Let `geobuk status` and the player page tell what this command sends and fetches."""
    state = RunState(
        pid=os.getpid(),
        shop=seat.shop.site,
        updated_at=utc_now().isoformat(),
        online=True,
        listening=False,
        note="",
        items=states,
        bandwidth=downloads.bandwidth(),
    )
    write_json(seat.home.state_file, state.to_json(), durable=False)


def require_hope(states: tuple[ItemState, ...]) -> None:
    """NotCompleteError where all that is missing is kept back by something."""
    missing = [state for state in states if not state.complete]
    stuck = [s for s in missing if s.state in {"waiting", "error", "paused"} and s.note]
    if missing and len(stuck) == len(missing):
        notes = "; ".join(f"{state.title}: {state.note}" for state in stuck)
        raise NotCompleteError(notes)


def _follow(seat: Seat, progress: Progress, only: frozenset[str] | None) -> tuple[ItemState, ...]:
    silent_since: float | None = None
    while True:
        known = daemon_states(seat)
        if known is None:
            raise NotCompleteError(
                "The seeder has stopped before everything was here. Go on with: geobuk sync"
            )
        wanted = set(known) if only is None else only
        states = tuple(known[p] for p in known if p in wanted)
        progress.update(states, {"shop": seat.shop.site})
        if states and wanted <= set(known) and all(state.complete for state in states):
            return states
        if not states:
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > PATIENCE:
                raise NotCompleteError(
                    "The running seeder does not know of this yet. Is it one of another shop? "
                    "See: geobuk status"
                )
        time.sleep(STEP)
