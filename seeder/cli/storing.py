"""geobuk store: where what you bought lies, how much it fills, and moving it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seeder.cli.output import JsonOption, ShopOption, emit, reporting, say, show_size

if TYPE_CHECKING:
    from seeder.cli.seat import Seat
    from seeder.config import ShopFolder

__all__ = ["store"]

store = typer.Typer(
    help="Where what you bought lies on this computer, and how much of the disk it may fill.",
    invoke_without_command=True,
)

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the store lies. Sizes in bytes; `most` and `checked` are null where there is none."""

    folder: str
    there: bool
    packages: int
    used: int
    most: int | None
    free: int
    checked: str | None  # until when every package was compared with what was bought
    moving_to: str | None  # of a move that was cut short


@store.callback()
def show(context: typer.Context, shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """Show where it lies, how much it fills, and when it was last checked."""
    if context.invoked_subcommand is not None:
        return
    with reporting(as_json):
        from seeder.cli.seat import open_seat

        place = _look(open_seat(shop))
        if as_json:
            emit(asdict(place))
            return
        for line in _sentences(place):
            say(line)


@store.command("move")
def move(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New, or on another disk.")],
    start_empty: Annotated[
        bool,
        typer.Option("--start-empty", help="The disk is lost: begin anew, and fetch all again."),
    ] = False,
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move what you bought to another folder or disk. Cut short, it is where it was."""
    with reporting(as_json):
        from seeder.cli.seat import open_seat
        from seeder.config import exclusive
        from seeder.errors import AlreadyRunningError
        from seeder.moving import start_empty as begin_anew

        seat = open_seat(shop)
        with exclusive(seat.home.lock_file, wait=False) as alone:
            if not alone:
                raise AlreadyRunningError(
                    "A seeder is running and uses what should be moved. Stop it, with Ctrl-C where "
                    "geobuk run was started, and try again."
                )
            work = begin_anew if start_empty else _move_with_bar
            place = work(seat.folder, folder)
        if as_json:
            emit({"folder": str(place)})
        else:
            say(f"What you bought lies in {place} now. Go on with: geobuk run")


@store.command("limit")
def limit(
    size: Annotated[
        str, typer.Argument(metavar="SIZE", help="As in 200GB; none for what the disk has.")
    ],
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how much of the disk this shop may fill. A running seeder follows at once."""
    with reporting(as_json):
        from seeder.cli.seat import open_seat
        from seeder.placement import set_most

        most = _read_size(size)
        seat = open_seat(shop)
        set_most(seat.folder, most)
        if as_json:
            emit({"most": most})
            return
        say("This shop may fill what the disk has." if most is None else _may_fill(most))
        used = seat.store.used()
        if most is not None and used > most:
            say(
                f"{show_size(used)} are here already. They stay, and nothing more is fetched "
                "that does not fit."
            )


def _look(seat: Seat) -> _Place:
    from seeder.placement import read_placement
    from seeder.scrubbing import ScrubMemory

    packages = seat.store.packages()
    memory = ScrubMemory.read(seat.store.scrub_file)
    whole = [package for package in packages if seat.papers(package).complete]
    moments = [memory.checked.get(package) for package in whole]
    oldest = min((m for m in moments if m is not None), default=None)
    checked = None if oldest is None or None in moments else datetime.fromtimestamp(oldest, UTC)
    going = read_placement(seat.folder).move_to
    return _Place(
        folder=str(seat.store.folder),
        there=not seat.store.missing,
        packages=len(packages),
        used=seat.store.used(),
        most=seat.store.most,
        free=seat.store.free(),
        checked=checked.isoformat() if checked else None,
        moving_to=str(going) if going else None,
    )


def _sentences(place: _Place) -> list[str]:
    if not place.there:
        return [
            f"What you bought lies in {place.folder}, which is not there just now. Attach its disk.",
            "If it is lost for good: geobuk store move FOLDER --start-empty",
        ]
    packages = "1 package" if place.packages == 1 else f"{place.packages} packages"
    used, free = show_size(place.used), show_size(place.free)
    lines = [
        f"What you bought lies in {place.folder}.",
        f"{packages}, {used}; {free} more may be filled.",
    ]
    if place.most is not None:
        lines.append(_may_fill(place.most))
    if place.checked is not None:
        day = datetime.fromisoformat(place.checked).astimezone().date()
        lines.append(f"All of it was compared with what you bought, at the latest on {day}.")
    if place.moving_to is not None:
        lines += [
            f"A move to {place.moving_to} was cut short. Go on with it, or drop the copy:",
            f"  geobuk store move {place.moving_to}",
            f"  geobuk store move {place.folder}",
        ]
    return lines


def _may_fill(most: int) -> str:
    return f"This shop may fill {show_size(most)} in all."


def _read_size(text: str) -> int | None:
    from seeder.errors import StoreError

    if text.strip().lower() == "none":
        return None
    match = re.fullmatch(
        r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*([KMGT]?B)?\s*", text, re.ASCII | re.IGNORECASE
    )
    size = round(float(match[1]) * _UNITS[(match[2] or "").upper()]) if match else 0
    if not size:
        raise StoreError(f"{text!r} is no size. Give it as in 200GB, or none for no limit.")
    return size


def _move_with_bar(shop: ShopFolder, folder: Path) -> Path:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from seeder.moving import move_store

    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return move_store(shop, folder, progress=show_progress)
