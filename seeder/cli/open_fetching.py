"""Downloading and sharing what is unlocked, while the shop cannot be reached."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Unpack

from seeder.cli.fetching import (
    STEP,
    Limits,
    daemon_states,
    fetch,
    govern,
    require_hope,
    settings_for,
)
from seeder.cli.limit_words import tell_sharing
from seeder.cli.progress import make_progress
from seeder.cli.seat import Seat, connect
from seeder.config import exclusive, utc_now, write_json
from seeder.daemon import RunState
from seeder.errors import AlreadyRunningError, ShopError
from seeder.item_state import ItemState
from seeder.library import LibraryItem, load_library
from seeder.listening import listen_on
from seeder.moving import claim_store
from seeder.open_swarm import OpenSwarm, parse_peer
from seeder.session import Session
from seeder.tending import tend
from seeder.unlocking import activated

__all__ = ["fetch_openly", "open_openly", "run_openly", "shop_answers", "unlocked_items"]

ENDED = "The shop cannot be reached: what you own is shared openly, from buyer to buyer."


def unlocked_items(seat: Seat) -> tuple[LibraryItem, ...] | None:
    """What an activation has unlocked for this device; None where there is none.

    What the shop's last signed word ended stays shut, and is not shared either.
    """
    ended = activated(seat.folder, seat.shop, thumbprint=seat.device.thumbprint)
    if ended is None:
        return None
    granted = {grant.package_id for grant in ended.unlock.grants}
    known = load_library(seat.folder)
    items = known.items if known is not None else ()
    return tuple(
        item
        for item in items
        if item.package in granted and seat.papers(item.package).revocation() is None
    )


def shop_answers(seat: Seat) -> bool:
    """Whether the shop is there, under the pinned root, and this device has a login to it."""
    try:
        connect(seat).close()
    except ShopError:
        return False
    return True


@contextmanager
def open_openly(
    seat: Seat,
    items: Sequence[LibraryItem],
    *,
    peers: Sequence[str],
    down: float = 0,
    up: float = 0,
    port: int = 0,
) -> Iterator[OpenSwarm]:
    """A session over this shop's store, in open swarms. AlreadyRunningError where one is."""
    addresses = [parse_peer(peer) for peer in peers]
    with exclusive(seat.home.lock_file, wait=False) as alone:
        if not alone:
            raise AlreadyRunningError(
                "A seeder is running already for this folder. See what it does with: geobuk status"
            )
        settings, most, local = settings_for(seat, down=down, up=up, open_swarms=True)
        listen = listen_on(port=port, local=local)
        store = claim_store(seat.folder)
        with (
            Session(listen, store.session_folder, settings=settings) as session,
            govern(seat, session, most) as governor,
            tend(session, store, seat.papers, clock=utc_now, private=False),
        ):
            yield OpenSwarm(
                items,
                session,
                store,
                seat.papers,
                peers=addresses,
                clock=utc_now,
                governor=governor,
            )


def fetch_openly(
    seat: Seat, items: Sequence[LibraryItem], *, peers: Sequence[str], as_json: bool
) -> tuple[ItemState, ...]:
    """Wait until the items are here; a running seeder does the work where there is one.

    Raises NotCompleteError where nothing can go on.
    """
    if daemon_states(seat) is not None:
        wanted = frozenset(item.package for item in items)
        return fetch(seat, None, only=wanted, as_json=as_json)
    with (
        make_progress(as_json=as_json) as progress,
        open_openly(seat, items, peers=peers) as swarm,
    ):
        while True:
            swarm.step()
            states = swarm.states()
            progress.update(states, {"shop": seat.shop.site})
            if all(state.complete for state in states):
                return states
            require_hope(states)
            time.sleep(STEP)


def run_openly(
    seat: Seat,
    items: Sequence[LibraryItem],
    *,
    peers: Sequence[str],
    as_json: bool,
    until: Callable[[], bool],
    **limits: Unpack[Limits],
) -> None:
    """Share until `until` holds or Ctrl-C, and say how it goes as the daemon does."""
    with (
        make_progress(as_json=as_json) as progress,
        open_openly(seat, items, peers=peers, **limits) as swarm,
    ):
        while not until():
            swarm.step()
            state = RunState(
                pid=os.getpid(),
                shop=seat.shop.site,
                updated_at=utc_now().isoformat(),
                online=False,
                listening=False,
                note=ENDED,
                items=swarm.states(),
                bandwidth=swarm.bandwidth(),
            )
            write_json(seat.home.state_file, state.to_json(), durable=False)
            head = state.head()
            head["limits"] = tell_sharing(head.pop("bandwidth"))
            progress.update(state.items, head)
            time.sleep(STEP)
