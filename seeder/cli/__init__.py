"""The `geobuk` program. Commands import what they need when they run: help is instant."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from seeder.cli import (
    account,
    handing,
    items,
    keys,
    limits,
    playing,
    proving,
    recovery,
    running,
    storing,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="geobuk",
    help="Fetch what you bought from a Geobuk shop, share it with other buyers, and play it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"geobuk {version('geobuk')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


app.command("login")(account.login)
app.command("logout")(account.logout)
app.add_typer(account.devices, name="devices")
app.add_typer(keys.keys, name="keys")
app.command("library")(items.library)
app.command("sync")(items.sync)
app.command("handovers")(handing.handovers)
app.command("proof")(proving.proof)
app.command("status")(items.status)
app.command("run")(running.run)
app.command("limits")(limits.limits)
app.add_typer(storing.store, name="store")
app.command("play")(playing.play)
app.command("save")(playing.save)
app.add_typer(recovery.recovery, name="recovery")
app.command("activate")(recovery.activate)
app.command("recover")(recovery.recover)
app.add_typer(recovery.trustees, name="trustees")


def main() -> None:
    """Entry point of the `geobuk` script."""
    app()
