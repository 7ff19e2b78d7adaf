"""geobuk run."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from seeder.cli.output import JsonOption, PeerOption, ShopOption, reporting, say, stop_on_sigterm

__all__ = ["run"]

TICK = 1.0


def run(
    shop: ShopOption = None,
    up: Annotated[
        float, typer.Option("--up", min=0, help="Most to send, in MB a second; 0 is no limit.")
    ] = 0,
    down: Annotated[
        float, typer.Option("--down", min=0, help="Most to fetch, in MB a second; 0 is no limit.")
    ] = 0,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port for peers; 0 takes a free one.")
    ] = 0,
    peer: PeerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep running: fetch what you buy, share it, and follow new purchases. Ctrl-C stops."""
    with reporting(as_json):
        from seeder.cli.fetching import open_downloads
        from seeder.cli.open_fetching import run_openly, unlocked_items
        from seeder.cli.progress import make_progress
        from seeder.cli.seat import open_seat, persist
        from seeder.config import utc_now
        from seeder.daemon import Daemon, WebSocketEvents
        from seeder.renewals import Renewals

        stop_on_sigterm()
        seat = open_seat(shop)
        try:
            unlocked = unlocked_items(seat)
            if unlocked is not None:
                run_openly(
                    seat, unlocked, peers=peer or (), down=down, up=up, port=port, as_json=as_json
                )
            with (
                persist(seat) as client,
                open_downloads(seat, client, up=up, down=down, port=port) as (session, downloads),
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
                while daemon.ended is None:
                    state = daemon.tick()
                    head = state.to_json()
                    del head["items"], head["updated_at"]
                    progress.update(state.items, head)
                    time.sleep(TICK)
                raise daemon.ended
        except KeyboardInterrupt:
            if not as_json:
                say("Stopped. What is here stays here; go on with: geobuk run")
