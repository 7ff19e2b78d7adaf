"""geobuk login, logout, devices."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seeder.cli.keys import KeysAt, KeysOption, NewKeysOption
from seeder.cli.output import JsonOption, ShopOption, emit, reporting, say

if TYPE_CHECKING:
    from seeder.account_devices import AccountDevices
    from seeder.cli.seat import Seat
    from seeder.login import PendingLogin

__all__ = ["devices", "login", "logout"]

devices = typer.Typer(help="Show the devices of your account, or remove one.")


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="The shop's address.")],
    name: Annotated[
        str, typer.Option("--name", help="What to call this device; the computer's name if none.")
    ] = "",
    browser: Annotated[
        bool, typer.Option("--browser", help="Open the page for the code in the browser.")
    ] = False,
    keys: KeysOption = KeysAt.AUTO,
    new_keys: NewKeysOption = False,
    as_json: JsonOption = False,
) -> None:
    """Log this machine in to a shop, with a code that you type on the shop's page."""
    with reporting(as_json):
        from seeder.cli.keys import choice_of_keys
        from seeder.config import Home
        from seeder.device import default_name
        from seeder.login import log_in

        def show(pending: PendingLogin) -> None:
            _show_code(pending, as_json=as_json)
            if browser:
                import webbrowser

                webbrowser.open(pending.code.verification_uri)

        shop, _folder, device = log_in(
            Home.from_environment(os.environ),
            url,
            name=name or default_name(),
            show=show,
            suite=os.environ.get("GEOBUK_SUITE", ""),
            keys=choice_of_keys(keys, fresh=new_keys, as_json=as_json),
        )
        if as_json:
            emit({"shop": shop.site, "name": shop.name, "device": device.thumbprint})
        else:
            say(f"Logged in to {shop.name}. Next: geobuk run")


def _show_code(pending: PendingLogin, *, as_json: bool) -> None:
    code, device = pending.code, pending.device
    if as_json:
        emit(
            {
                "user_code": code.user_code,
                "verification_uri": code.verification_uri,
                "expires_in": code.expires_in,
                "device": device.thumbprint,
                "device_name": device.name,
            }
        )
        return
    from rich.align import Align
    from rich.console import Console, Group
    from rich.panel import Panel
    from rich.text import Text

    console = Console(stderr=True)
    spaced = "  ".join(code.user_code)
    body = Group(
        Align.center(Text("Open this page and type the code:")),
        Align.center(Text(code.verification_uri, style="underline")),
        Text(),
        Align.center(Text(spaced, style="bold reverse")),
        Text(),
        Align.center(Text(f"This device: {device.name}")),
        Text(),
        Align.center(Text("Key fingerprint, which the page must show too:")),
        Align.center(Text(_fingerprint(device.thumbprint))),
    )
    console.print(Panel(body, title=pending.shop.name, width=min(console.width, 66)))
    minutes = max(1, round(code.expires_in / 60))
    console.print(f"Waiting for you to approve it, for {minutes} minutes. Ctrl-C gives up.")


def _fingerprint(thumbprint: str) -> str:
    """In groups of four, as the shop's page shows it."""
    return " ".join(thumbprint[i : i + 4] for i in range(0, len(thumbprint), 4))


def logout(
    shop: ShopOption = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Forget the login here even if the shop cannot be told."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take this device off your account. What you bought stays bought."""
    with reporting(as_json):
        from seeder.cli.seat import connect, open_seat
        from seeder.device import forget_login
        from seeder.errors import (
            DeviceRemovedError,
            NotLoggedInError,
            ShopError,
            ShopUnreachableError,
        )

        seat = open_seat(shop)
        try:
            with connect(seat) as client:
                client.forget_device()
        except (DeviceRemovedError, NotLoggedInError):
            pass  # the shop knows no such login: nothing is left to tell
        except ShopUnreachableError as error:
            if not force:
                raise ShopUnreachableError(
                    f"{error} To forget the login here all the same, add --force, and remove "
                    "the device on the shop's page later."
                ) from error
        except ShopError:
            if not force:
                raise
        forget_login(seat.folder)
        if as_json:
            emit({"logged_out": seat.shop.site})
        else:
            say(f"Logged out of {seat.shop.name}.")


@devices.callback(invoke_without_command=True)
def _devices(context: typer.Context, shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """Show the devices of your account, this one marked; or remove one."""
    if context.invoked_subcommand is not None:
        context.obj = (shop, as_json)
        return
    with reporting(as_json):
        from seeder.cli.seat import open_seat, reach
        from seeder.errors import ShopUnreachableError

        seat = open_seat(shop)
        account, listed = None, None
        with reach(seat) as client:
            if client is not None:
                try:
                    account = client.me().get("user", {}).get("email")
                    listed = client.devices()
                except ShopUnreachableError:
                    pass  # what is known here is shown all the same
        if as_json:
            emit(_as_json(seat, account, listed))
        else:
            _show_devices(seat, account, listed)


@devices.command("remove")
def _remove(
    context: typer.Context,
    device: Annotated[
        str, typer.Argument(metavar="NAME|ID", help="Its name, or the beginning of its id.")
    ],
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a device off your account: it fetches nothing any more, at once."""
    above_shop, above_json = context.obj or (None, False)
    as_json = as_json or above_json
    with reporting(as_json):
        from seeder.account_devices import find_device
        from seeder.cli.seat import connect, open_seat
        from seeder.device import forget_login

        seat = open_seat(shop or above_shop)
        with connect(seat) as client:
            found = find_device(client.devices().devices, device)
            client.remove_device(found.id)
        if found.current:
            forget_login(seat.folder)
        if as_json:
            emit({"removed": found.id, "name": found.name, "current": found.current})
        elif found.current:
            say(f"This device is removed, so it is logged out of {seat.shop.name}.")
        else:
            say(
                f"“{found.name}” is removed and can fetch nothing any more. A licence that it "
                "already holds goes when it next connects."
            )


def _as_json(seat: Seat, account: str | None, listed: AccountDevices | None) -> dict[str, Any]:
    return {
        "shop": seat.shop.site,
        "name": seat.device.name,
        "thumbprint": seat.device.thumbprint,
        "account": account,
        "devices": [asdict(device) for device in listed.devices] if listed else None,
        "limit": listed.limit if listed else None,
        "new_keys_left": listed.new_keys_left if listed else None,
    }


def _show_devices(seat: Seat, account: str | None, listed: AccountDevices | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None)
    table.add_row("Shop", f"{seat.shop.name} ({seat.shop.site})")
    table.add_row("Account", account or "the shop cannot be asked just now")
    table.add_row("This device", Text(seat.device.name))
    table.add_row("Key fingerprint", _fingerprint(seat.device.thumbprint))
    console = Console()
    console.print(table)
    if listed is None:
        return
    console.print(f"\n{len(listed.devices)} of {listed.limit} devices")
    every = Table("", "Name", "Id", "Registered", "Last seen", box=None)
    for device in listed.devices:
        every.add_row(
            "*" if device.current else "",
            Text(device.name),
            device.id[:8],
            device.registered_at[:10],
            device.last_seen_at[:10] or "not yet",
        )
    console.print(every)
    say(f"* is this device. New devices that you can still add: {listed.new_keys_left}.")
    say("Remove one: geobuk devices remove NAME · log out here: geobuk logout")
