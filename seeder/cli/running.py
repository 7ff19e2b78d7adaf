"""geobuk run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn, Unpack

import typer

from seeder.cli.output import JsonOption, PeerOption, ShopOption, reporting, say, stop_on_sigterm

if TYPE_CHECKING:
    from seeder.cli.fetching import Limits
    from seeder.cli.seat import Seat

__all__ = ["run"]

TICK = 1.0
SILENCE = 120.0  # seconds without the shop before what is unlocked is shared openly
ASK_SHOP = 120.0  # seconds between two looks whether it is there again


def run(
    shop: ShopOption = None,
    up: Annotated[
        float,
        typer.Option("--up", min=0, help="Most to send, in MB a second, within `geobuk limits`."),
    ] = 0,
    down: Annotated[
        float, typer.Option("--down", min=0, help="Most to fetch, in MB a second, likewise.")
    ] = 0,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port for peers; 0 takes a free one.")
    ] = 0,
    peer: PeerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep running: fetch what you buy, share it, and follow new purchases. Ctrl-C stops."""
    with reporting(as_json):
        from seeder.cli.seat import open_seat

        stop_on_sigterm()
        try:
            _alternate(
                open_seat(shop), peers=peer or (), down=down, up=up, port=port, as_json=as_json
            )
        except KeyboardInterrupt:
            if not as_json:
                say("Stopped. What is here stays here; go on with: geobuk run")


def _alternate(
    seat: Seat, *, peers: Sequence[str], as_json: bool, **limits: Unpack[Limits]
) -> NoReturn:
    """With the shop while it answers; openly while it does not and an activation is here."""
    from seeder.cli.open_fetching import run_openly, shop_answers, unlocked_items
    from seeder.shops import load_shop

    while True:
        items = unlocked_items(seat)
        if items is None or shop_answers(seat):
            _with_shop(seat, as_json=as_json, **limits)
            seat = replace(seat, shop=load_shop(seat.folder))  # it may have new keys by now
            items = unlocked_items(seat)
        run_openly(
            seat,
            items or (),
            peers=peers,
            as_json=as_json,
            until=_every(ASK_SHOP, partial(shop_answers, seat)),
            **limits,
        )


def _with_shop(seat: Seat, *, as_json: bool, **limits: Unpack[Limits]) -> None:
    """Until the shop stays silent, where an activation is here; else for ever.

    Raises what ends all work, unless an activation opens what is here without a login.
    """
    from seeder.cli.fetching import open_downloads
    from seeder.cli.limit_words import tell_sharing
    from seeder.cli.open_fetching import unlocked_items
    from seeder.cli.progress import make_progress
    from seeder.cli.seat import persist
    from seeder.config import utc_now
    from seeder.daemon import Daemon, WebSocketEvents
    from seeder.errors import DeviceRemovedError, FaultError
    from seeder.renewals import Renewals

    with (
        persist(seat) as client,
        open_downloads(seat, client, **limits) as (session, downloads),
        make_progress(as_json=as_json) as progress,
        Daemon(
            seat.home,
            client,
            session,
            downloads,
            WebSocketEvents(client),
            Renewals(client, seat.folder, seat.device, clock=utc_now),
            clock=utc_now,
        ) as daemon,
    ):
        heard = time.monotonic()
        while daemon.ended is None:
            state = daemon.tick()
            head = state.head()
            head["limits"] = tell_sharing(head.pop("bandwidth"))
            progress.update(state.items, head)
            time.sleep(TICK)
            if state.online:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE and unlocked_items(seat) is not None:
                return
        if (
            isinstance(daemon.ended, DeviceRemovedError | FaultError)
            or unlocked_items(seat) is None
        ):
            raise daemon.ended


def _every(seconds: float, question: Callable[[], bool]) -> Callable[[], bool]:
    """Ask a question that costs something, but only after each pause; False in between."""
    asked = time.monotonic()

    def ask() -> bool:
        nonlocal asked
        if time.monotonic() - asked < seconds:
            return False
        answer = question()
        asked = time.monotonic()
        return answer

    return ask
