"""geobuk library, sync, status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seeder.cli.output import JsonOption, PeerOption, ShopOption, emit, reporting, say, show_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from seeder.cli.seat import Seat
    from seeder.item_state import ItemState
    from seeder.library import LibraryItem
    from seeder.terms import Remaining

__all__ = ["library", "status", "sync"]


_WHY = {"refund": "refunded", "chargeback": "not paid", "unpaid": "not paid"}
_GONE = {"expired": "over", "lent": "lent", "transferred": "passed on", "returned": "given back"}


def _where(seat: Seat, item: LibraryItem) -> str:
    if not item.active:
        return _GONE.get(item.state) or _why_revoked(seat, item)
    if item.suspended:
        return "here" if seat.here(item.package) else "payment questioned"
    return "here" if seat.here(item.package) else "not here yet"


def _why_revoked(seat: Seat, item: LibraryItem) -> str:
    """As the shop's page calls it, where its last signed word gives the reason."""
    word = seat.papers(item.package).status()
    reason = word.reason if word is not None and not word.open else ""
    return _WHY.get(reason, "withdrawn")


def _terms(seat: Seat, item: LibraryItem | None) -> Remaining | None:
    """What is left of a purchase that ends; None for one that does not."""
    from seeder.config import utc_now
    from seeder.leases import Leases
    from seeder.terms import remaining_here

    if item is None or not item.active:
        return None
    leases = Leases(seat.shop, seat.folder, seat.device, clock=utc_now)
    return remaining_here(item, seat.papers(item.package), seat.shop, leases)


def _terms_json(seat: Seat, item: LibraryItem | None) -> dict[str, Any] | None:
    terms = _terms(seat, item)
    return terms.to_json() if terms else None


def _sentence(seat: Seat, item: LibraryItem | None) -> str | None:
    from seeder.config import utc_now
    from seeder.terms import tell

    terms = _terms(seat, item)
    return tell(terms, utc_now()) if terms else None


def library(
    everything: Annotated[
        bool, typer.Option("--all", help="List what has ended or was passed on as well.")
    ] = False,
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what you bought."""
    with reporting(as_json):
        from seeder.cli.seat import known_library, open_seat, reach

        seat = open_seat(shop)
        with reach(seat) as client:
            known, fresh = known_library(seat, client)
        if as_json:
            items = [
                item.to_json() | {"here": seat.here(item.package), "terms": _terms_json(seat, item)}
                for item in known.items
            ]
            emit(
                {
                    "shop": seat.shop.site,
                    "offline": not fresh,
                    "fetched_at": known.fetched_at.isoformat(),
                    "items": items,
                }
            )
            return
        _show_library(seat, known.items, everything=everything)
        if not fresh:
            when = known.fetched_at.astimezone().strftime("%Y-%m-%d %H:%M")
            say(f"The shop cannot be reached; this is the list of {when}.")


def _show_library(seat: Seat, items: tuple[LibraryItem, ...], *, everything: bool) -> None:
    if not items:
        say(f"Nothing bought yet. The shop: {seat.shop.site}")
        return
    # What is lent comes back by itself, so it has not ended.
    shown = [item for item in items if everything or item.active or item.state == "lent"]
    if shown:
        _show_items(seat, shown)
    if len(shown) < len(items):
        say(f"{len(items) - len(shown)} ended: geobuk library --all")


def _show_items(seat: Seat, items: Sequence[LibraryItem]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("Title", "Seller"):
        table.add_column(heading, overflow="fold")
    for heading in ("Files", "Size"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("On this machine", no_wrap=True)
    table.add_column("Name for commands", no_wrap=True)
    for item in items:
        table.add_row(
            Text(item.title if item.version == 1 else f"{item.title} (version {item.version})"),
            Text(item.seller),
            str(len(item.files)),
            show_size(sum(file.size for file in item.files)),
            _where(seat, item),
            item.package[:8],
        )
    Console().print(table)
    _show_notes((item.title, _sentence(seat, item)) for item in items)


def _show_notes(notes: Iterable[tuple[str, str | None]]) -> None:
    """What is to be said of single titles, below their table, where a line has room for it."""
    from rich.console import Console
    from rich.text import Text

    lines = [Text(f"{title} – {note}") for title, note in notes if note]
    if lines:
        Console().print("", *lines, sep="\n")


def sync(peer: PeerOption = None, shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """Download everything you bought, and stop when all of it is here."""
    with reporting(as_json):
        from seeder.cli.fetching import fetch
        from seeder.cli.output import stop_on_sigterm
        from seeder.cli.seat import connect, open_seat
        from seeder.errors import DeviceRemovedError, ShopError, ShopUnreachableError

        stop_on_sigterm()
        seat = open_seat(shop)
        offline = False
        try:
            with connect(seat) as client:
                states = fetch(seat, client, only=None, as_json=as_json)
            packages = [state.package for state in states]
        except DeviceRemovedError:
            raise
        except ShopError as error:
            if _sync_openly(seat, peer or (), as_json=as_json):
                return
            packages, offline = _all_here(seat), True
            if not packages or not isinstance(error, ShopUnreachableError):
                raise
        if as_json:
            emit({"complete": True, "offline": offline, "packages": packages})
            return
        count = len(packages)
        say(f"All here: {count} {'purchase' if count == 1 else 'purchases'}.")
        if offline:
            say("The shop cannot be reached; what you bought since is not counted.")


def _all_here(seat: Seat) -> list[str]:
    """The packages of what is known to be bought, where all of it is here; else none."""
    from seeder.library import load_library, without_old_versions

    known = load_library(seat.folder)
    bought = without_old_versions(known.items if known else (), here=seat.here)
    packages = [item.package for item in bought if item.active]
    return packages if all(map(seat.here, packages)) else []


def _sync_openly(seat: Seat, peers: Sequence[str], *, as_json: bool) -> bool:
    """Fetch from other buyers what an activation unlocked; False where there is none."""
    from seeder.cli.open_fetching import fetch_openly, unlocked_items

    items = unlocked_items(seat)
    if items is None:
        return False
    missing = [item for item in items if not seat.here(item.package)]
    if missing:
        fetch_openly(seat, missing, peers=peers, as_json=as_json)
    if as_json:
        emit({"complete": True, "offline": True, "packages": [item.package for item in items]})
    else:
        say(f"All here: {len(items)} {'purchase' if len(items) == 1 else 'purchases'}.")
    return True


def status(shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """Show what the seeder is doing."""
    with reporting(as_json):
        from seeder.cli.fetching import daemon_record, daemon_states
        from seeder.cli.seat import open_seat
        from seeder.library import load_library, without_old_versions

        seat = open_seat(shop)
        running = daemon_states(seat)
        bandwidth = (daemon_record(seat) or {}).get("bandwidth") if running is not None else None
        states = tuple((running or {}).values())
        known = load_library(seat.folder)
        bought = {item.package: item for item in (known.items if known else ()) if item.active}
        if running is None:
            chosen = without_old_versions(known.items if known else (), here=seat.here)
            states = tuple(_idle(seat, item) for item in chosen if item.active)
        if as_json:
            emit(
                {
                    "shop": seat.shop.site,
                    "running": running is not None,
                    "bandwidth": bandwidth,
                    "items": [
                        asdict(state) | {"terms": _terms_json(seat, bought.get(state.package))}
                        for state in states
                    ],
                }
            )
            return
        _say_running(running is not None, bandwidth)
        _show_states(states, lambda package: _sentence(seat, bought.get(package)))


def _say_running(running: bool, bandwidth: dict[str, Any] | None) -> None:
    from seeder.cli.limit_words import tell_fetching, tell_month, tell_reach, tell_sharing

    say("The seeder is running." if running else "The seeder is not running: nothing is sent.")
    if not bandwidth:
        return
    say(tell_sharing(bandwidth))
    if bandwidth.get("down_reason") != "open":
        say(tell_fetching(bandwidth))
    say(tell_month(bandwidth))
    say(tell_reach(bandwidth))


def _idle(seat: Seat, item: LibraryItem) -> ItemState:
    from drm.stream import ciphertext_size
    from seeder.item_state import ItemState

    total = sum(ciphertext_size(file.size) for file in item.files)
    here = seat.here(item.package)
    done = total if here else min(total, seat.store.on_disk(item.package))
    return ItemState(item.package, item.title, "paused" if here else "waiting", done, total)


def _show_states(states: tuple[ItemState, ...], sentence: Callable[[str], str | None]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("Title", overflow="fold")
    for heading in ("State", "Here", "Down", "Up", "Peers"):
        table.add_column(heading, justify="right", no_wrap=True)
    for state in states:
        row: list[Any] = [
            Text(state.title),
            state.state,
            f"{show_size(state.done)} of {show_size(state.total)}",
            f"{show_size(state.down_rate)}/s",
            f"{show_size(state.up_rate)}/s",
            str(state.peers),
        ]
        table.add_row(*row)
    if states:
        Console().print(table)
    _show_notes(
        (state.title, note) for state in states for note in (sentence(state.package), state.note)
    )
