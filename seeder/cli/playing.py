"""geobuk play and save."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seeder.cli.output import (
    JsonOption,
    ShopOption,
    emit,
    reporting,
    say,
    show_size,
    stop_on_sigterm,
)

if TYPE_CHECKING:
    from seeder.cli.seat import Seat
    from seeder.client import ShopClient
    from seeder.library import LibraryItem
    from seeder.opened import OpenedPackage

__all__ = ["play", "save"]

ItemArgument = Annotated[
    str, typer.Argument(metavar="ITEM", help="Part of the title, or the name that library shows.")
]


def _open(
    seat: Seat,
    client: ShopClient | None,
    wanted: str,
    *,
    action: Literal["play", "save"],
    as_json: bool,
) -> OpenedPackage:
    """Find what is meant, fetch what is missing, and check everything."""
    from seeder.cli.seat import known_library
    from seeder.errors import LicenceRefusedError
    from seeder.library import find_item, newest_version
    from seeder.papers import why_gone

    known, _fresh = known_library(seat, client)
    item = find_item(known.items, wanted, here=seat.here)
    newer = newest_version(known.items, item)
    if newer is not item and not as_json:
        say(
            f"This is version {item.version}. Version {newer.version} is out: geobuk sync fetches "
            f"it, and geobuk play {newer.package[:12]} plays it."
        )
    if not item.active:
        message = seat.papers(item.package).revocation() or why_gone(item.state)
        raise LicenceRefusedError(message, code="revoked")
    return _open_item(seat, client, item, action=action, as_json=as_json)


def _open_item(
    seat: Seat,
    client: ShopClient | None,
    item: LibraryItem,
    *,
    action: Literal["play", "save"],
    as_json: bool,
) -> OpenedPackage:
    """By its licence while the shop answers; by the unlock document where that fails."""
    from seeder.cli.open_fetching import fetch_openly
    from seeder.errors import DeviceRemovedError, LicenceRefusedError, ShopError
    from seeder.unlocked import unlocked_opener

    unlocked = unlocked_opener(seat.shop, seat.folder, seat.device)
    if unlocked is None or not unlocked.names(item.package):
        return _open_licensed(seat, client, item, action=action, as_json=as_json)
    if client is not None:
        try:
            return _open_licensed(seat, client, item, action=action, as_json=as_json)
        except DeviceRemovedError:
            raise
        except (ShopError, LicenceRefusedError):
            pass  # where the shop signed that it has ended, the other opener refuses as well
    if not seat.here(item.package):
        fetch_openly(seat, [item], peers=(), as_json=as_json)
    content = seat.store.package_folder(item.package)
    return unlocked.open(item, content=content, action=action)


def _open_licensed(
    seat: Seat,
    client: ShopClient | None,
    item: LibraryItem,
    *,
    action: Literal["play", "save"],
    as_json: bool,
) -> OpenedPackage:
    from seeder.cli.fetching import fetch

    if not seat.here(item.package):
        fetch(seat, client, only=frozenset({item.package}), as_json=as_json)
    content = seat.store.package_folder(item.package)
    return seat.opener(client).open(item, content=content, action=action)


def play(
    item: ItemArgument,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the player in the browser.")
    ] = True,
    file: Annotated[
        int, typer.Option("--file", min=1, help="Which file to begin with, counted from 1.")
    ] = 1,
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play what you bought, in the browser or in any player on this machine. Ctrl-C stops."""
    with reporting(as_json):
        from seeder.cli.seat import open_seat, reach, reading
        from seeder.errors import ItemNotFoundError

        stop_on_sigterm()
        with reading(open_seat(shop)) as seat, reach(seat) as client:
            package = _open(seat, client, item, action="play", as_json=as_json)
            if file > len(package.entries):
                raise ItemNotFoundError(
                    f"“{package.item.title}” has {len(package.entries)} files; choose one of them."
                )
            # The line to the shop stays: a long play renews its lease.
            _serve(seat, package, start=file - 1, browser=browser, as_json=as_json)


def _serve(seat: Seat, package: OpenedPackage, *, start: int, browser: bool, as_json: bool) -> None:
    from seeder.config import utc_now
    from seeder.terms import tell
    from seeder.web.plays import Plays
    from seeder.web.server import PlayerServer
    from seeder.web.sharing import sharing_record

    terms = package.permit.remaining(package.item) if package.permit else None
    plays = Plays(clock=utc_now)
    token = plays.add(package, start=start, shop_name=seat.shop.name)
    with PlayerServer(plays, sharing=lambda: sharing_record(seat.home, now=utc_now())) as server:
        page = server.page_url(token)
        urls = [server.file_url(token, entry.index, entry.name) for entry in package.entries]
        if as_json:
            files = [
                {
                    "index": entry.index,
                    "name": entry.name,
                    "media_type": entry.media_type,
                    "size": entry.size,
                    "url": urls[entry.index],
                }
                for entry in package.entries
            ]
            emit(
                {
                    "url": urls[start],
                    "page": page,
                    "title": package.item.title,
                    "package": package.item.package,
                    "online": package.online,
                    "terms": terms.to_json() if terms else None,
                    "files": files,
                }
            )
        else:
            say(f"“{package.item.title}” is open: licence checked, for this device.")
            if terms:
                say(tell(terms, utc_now()))
            say("The player page, then the address for another player:")
            typer.echo(page)
            typer.echo(urls[start])
            say("Ctrl-C closes it.")
        if browser and not as_json:
            import webbrowser

            webbrowser.open(page)
        try:
            _wait(package, as_json=as_json)
        except KeyboardInterrupt:
            if not as_json:
                say("Closed.")


def _wait(package: OpenedPackage, *, as_json: bool) -> None:
    """Serve until Ctrl-C; say once when a play that ends has ended."""
    from seeder.errors import LicenceRefusedError

    told = package.permit is None
    while True:
        time.sleep(3600 if told else 1)
        if package.permit is None or told or not package.permit.begun:
            continue
        try:
            package.check()
        except LicenceRefusedError as refusal:
            told = True
            if as_json:
                emit({"stopped": {"code": refusal.code, "message": str(refusal)}})
            else:
                say(str(refusal))


def save(
    item: ItemArgument,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save plain copies, where the seller permits it."""
    with reporting(as_json):
        from seeder.cli.seat import open_seat, reach, reading
        from seeder.saving import save_package, save_target

        stop_on_sigterm()
        with reading(open_seat(shop)) as seat:
            with reach(seat) as client:
                package = _open(seat, client, item, action="save", as_json=as_json)
            save_target(package, path, force=force)
            total = sum(entry.size for entry in package.entries)
            files = _with_bar(
                total,
                package.item.title,
                lambda progress: save_package(package, path, force=force, progress=progress),
            )
        if as_json:
            emit({"saved": [str(file) for file in files], "size": total})
        else:
            place = files[0] if len(files) == 1 else files[0].parent
            say(f"Saved {show_size(total)} to {place}")


if TYPE_CHECKING:
    from collections.abc import Callable


def _with_bar(
    total: int, title: str, work: Callable[[Callable[[int], None]], list[Path]]
) -> list[Path]:
    """Run `work` with a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(title), total=total)
        return work(lambda done: bar.update(task, completed=done))
