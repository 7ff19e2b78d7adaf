"""Start the emulator: python -m marketplace.sandbox.stripe_emulator --port 8010 --data FILE"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import uvicorn

from marketplace.sandbox.stripe_emulator.app import create_app
from marketplace.sandbox.stripe_emulator.events import configure_endpoint
from marketplace.sandbox.stripe_emulator.store import Store
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["main"]

HOST = "127.0.0.1"  # never more than this machine


def main() -> None:
    options = _options()
    options.data.parent.mkdir(parents=True, exist_ok=True)
    world = World(
        store=Store(options.data),
        base_url=f"http://{HOST}:{options.port}",
        clock=time.time,  # noqa: TID251  the edge of the process gives the clock to the rest
        settle_after=options.settle_after,
        retry_base=options.retry_base,
    )
    if options.webhook:
        configure_endpoint(world, url=options.webhook, secret=options.secret)
    logging.basicConfig(level=logging.INFO, format="stripe emulator: %(message)s")
    uvicorn.run(
        create_app(world),
        host=HOST,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stripe_emulator", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="SQLite file; made when missing")
    parser.add_argument("--webhook", help="address that every event is posted to")
    parser.add_argument("--secret", help="signing secret of that address, whsec_…")
    parser.add_argument(
        "--settle-after", type=float, default=10, help="seconds until slow money arrives"
    )
    parser.add_argument(
        "--retry-base", type=float, default=1, help="seconds until the first redelivery"
    )
    options = parser.parse_args()
    if bool(options.webhook) != bool(options.secret):
        parser.error("--webhook and --secret go together")
    return options


if __name__ == "__main__":
    main()
