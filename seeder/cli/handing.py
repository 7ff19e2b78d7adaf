"""geobuk handovers."""

from __future__ import annotations

from typing import Any

from seeder.cli.output import JsonOption, ShopOption, emit, reporting, say

__all__ = ["handovers"]

_KINDS = {
    "loan": "you lend it",
    "gift": "you give it away",
    "transfer": "you pass it on",
    "return": "you return it to its owner",
}


def handovers(shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """List what this device is to give back, as you lend, return or pass it on."""
    with reporting(as_json):
        from seeder.cli.seat import connect, open_seat
        from seeder.config import utc_now
        from seeder.handovers import pending_words, waiting_requests
        from seeder.library import load_library

        seat = open_seat(shop)
        with connect(seat) as client:
            waiting = waiting_requests(client, seat.device, now=utc_now())
        known = load_library(seat.folder)
        titles = {item.package: item.title for item in known.items} if known else {}
        listed: list[dict[str, Any]] = [
            {
                "id": request.handover_id,
                "kind": request.kind,
                "package": request.package_id,
                "title": titles.get(request.package_id, request.package_id[:8]),
            }
            for request in waiting
        ]
        unheard = len(pending_words(seat.folder))
        if as_json:
            emit({"handovers": listed, "unheard": unheard})
            return
        for one in listed:
            say(f"{one['title']}: {_KINDS[one['kind']]}; this device has not let go of it yet.")
        if unheard:
            say(f"Let go of, but not heard by the shop yet: {unheard}.")
        if listed or unheard:
            say("It is done by the running seeder, or now with: geobuk sync")
        else:
            say("Nothing waits for this device.")
