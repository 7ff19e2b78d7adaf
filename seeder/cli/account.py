"""geobuk login, logout, devices."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from seeder.cli.output import JsonOption, ShopOption, emit, reporting, say

if TYPE_CHECKING:
    from seeder.login import PendingLogin

__all__ = ["devices", "login", "logout"]


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="The shop's address.")],
    name: Annotated[
        str, typer.Option("--name", help="What to call this device; the computer's name if none.")
    ] = "",
    browser: Annotated[
        bool, typer.Option("--browser", help="Open the page for the code in the browser.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Log this machine in to a shop, with a code that you type on the shop's page."""
    with reporting(as_json):
        from seeder.config import Home
        from seeder.device import default_name
        from seeder.login import log_in

        def show(pending: PendingLogin) -> None:
            _show_code(pending, as_json=as_json)
            if browser:
                import webbrowser

                webbrowser.open(pending.code.verification_uri)

        shop, _folder, device = log_in(
            Home.from_environment(os.environ), url, name=name or default_name(), show=show
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
        from seeder.errors import DeviceRemovedError, NotLoggedInError, ShopUnreachableError

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
        forget_login(seat.folder)
        if as_json:
            emit({"logged_out": seat.shop.site})
        else:
            say(f"Logged out of {seat.shop.name}.")


def devices(shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """Show how the shop knows this device."""
    with reporting(as_json):
        from seeder.cli.seat import open_seat, reach
        from seeder.errors import ShopUnreachableError

        seat = open_seat(shop)
        account = None
        with reach(seat) as client:
            if client is not None:
                try:
                    account = client.me().get("user", {}).get("email")
                except ShopUnreachableError:
                    account = None
        if as_json:
            emit(
                {
                    "shop": seat.shop.site,
                    "name": seat.device.name,
                    "thumbprint": seat.device.thumbprint,
                    "account": account,
                }
            )
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(show_header=False, box=None)
        table.add_row("Shop", f"{seat.shop.name} ({seat.shop.site})")
        table.add_row("Account", account or "the shop cannot be asked just now")
        table.add_row("This device", seat.device.name)
        table.add_row("Key fingerprint", _fingerprint(seat.device.thumbprint))
        Console().print(table)
        say(f"All devices: {seat.shop.site}/accounts/devices/ · log out here: geobuk logout")
