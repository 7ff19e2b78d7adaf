"""geobuk recovery, trustees, activate, recover: ready for the end of a shop, and after it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seeder.cli.output import JsonOption, ShopOption, emit, reporting, say

if TYPE_CHECKING:
    from drm.recovery import RecoveryKey
    from seeder.kit import Kit

__all__ = ["activate", "recover", "recovery", "trustees"]

TRIES = 5

recovery = typer.Typer(
    help="Make the recovery key and kit that open your purchases if the shop ever ends.",
    no_args_is_help=True,
)
trustees = typer.Typer(
    help="For trustees of a shop: end its service together.", no_args_is_help=True
)


@recovery.command("create")
def _create(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="A page to print: .html, else plain text."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Make a new key in the place of an older one.")
    ] = False,
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make your recovery key. Its code is shown once: print it, or write it down."""
    with reporting(as_json):
        from seeder.cli.seat import connect, open_seat
        from seeder.config import utc_now
        from seeder.recovery import create_recovery_key

        seat = open_seat(shop)
        with connect(seat) as client:
            made = create_recovery_key(
                client,
                seat.folder,
                thumbprint=seat.device.thumbprint,
                out=out,
                replace=replace,
                now=utc_now(),
            )
        if as_json:
            emit({"code": made.code, "recipient": made.recipient, "out": str(out) if out else None})
            return
        say("Your recovery key, shown this once:")
        groups = made.code.split("-")
        for at in range(0, len(groups), 4):
            typer.echo("  " + "  ".join(groups[at : at + 4]))
        if out is not None:
            say(f"To print: {out}. Delete the file when the paper is in a safe place.")
        say("The shop does not know it, and nobody can give it to you again.")
        say("Now write the kit that goes with it: geobuk recovery kit geobuk-kit.zip")


@recovery.command("kit")
def _kit(
    path: Annotated[Path, typer.Argument(metavar="FILE.zip", help="Where to write it.")],
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the recovery kit. Renew it after you buy; without the key on paper it opens nothing."""
    with reporting(as_json):
        from seeder.cli.seat import open_seat, reach
        from seeder.config import utc_now
        from seeder.kit import write_kit
        from seeder.unlocking import fetch_unlock

        seat = open_seat(shop)
        with reach(seat) as client:
            # A shop that does not answer takes nothing away: what is here is believed.
            registered = client is None or fetch_unlock(
                client, seat.folder, thumbprint=seat.device.thumbprint, now=utc_now()
            )
            titles = write_kit(
                path,
                shop=client.shop if client is not None else seat.shop,
                folder=seat.folder,
                store=seat.store,
                client=client,
                opener=seat.opener(client),
            )
        if as_json:
            emit(
                {
                    "kit": str(path),
                    "titles": list(titles),
                    "offline": client is None,
                    "registered": registered,
                }
            )
            return
        count = len(titles)
        say(f"{path} covers {count} {'purchase' if count == 1 else 'purchases'}.")
        if client is None:
            say("The shop cannot be reached; what you bought since is not in it.")
        if not registered:
            say(
                "Your account has no recovery key any more, as it was removed: this kit goes with "
                "the old paper, without what you bought since. Make a new key, with: geobuk "
                "recovery create"
            )


@recovery.command("remove")
def _remove(shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """Let the shop forget your recovery key: the paper is lost, or somebody has seen it."""
    with reporting(as_json):
        from seeder.cli.seat import connect, open_seat
        from seeder.recovery import forget_recovery_key

        seat = open_seat(shop)
        with connect(seat) as client:
            forget_recovery_key(client, seat.folder)
        if as_json:
            emit({"removed": True})
        else:
            say("The recovery key is removed. Destroy the old kits too: they stay what they are.")


@trustees.command("combine")
def _combine(
    shares: Annotated[list[Path], typer.Argument(metavar="SHARE...", help="The trustees' files.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The activation file.")],
    as_json: JsonOption = False,
) -> None:
    """Make the activation file that ends a shop, of enough trustees' shares."""
    with reporting(as_json):
        from seeder.activation import combine_shares
        from seeder.config import Home

        made = combine_shares(shares, out=out, home=Home.from_environment(os.environ))
        if as_json:
            emit({"activation": str(out), "shop": made.shop, "site": made.site, "root": made.root})
            return
        say(f"{out} ends the service of {made.shop} ({made.site}).")
        say(f"Its root key, to compare with what the shop has published: {made.root}")
        say("Whoever has the file opens what they bought there. Publish it when the shop is over.")


def activate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The shop's activation file.")],
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """After the end of a shop: open what this device bought there, and share it openly."""
    with reporting(as_json):
        from seeder.activation import activate_device, load_activation
        from seeder.cli.seat import open_seat

        activation = load_activation(file)
        seat = open_seat(shop)
        unlock = activate_device(activation, file, folder=seat.folder, shop=seat.shop)
        if as_json:
            emit({"activated": seat.shop.site, "packages": [g.package_id for g in unlock.grants]})
            return
        count = len(unlock.grants)
        say(f"{count} {'purchase opens' if count == 1 else 'purchases open'} without the shop now.")
        say("Fetch what is missing: geobuk sync · help the other buyers: geobuk run")


def recover(
    kit: Annotated[Path, typer.Argument(metavar="KIT", help="Your recovery kit.")],
    activation: Annotated[
        Path, typer.Option("--activation", metavar="FILE", help="The shop's activation file.")
    ],
    code_file: Annotated[
        Path | None,
        typer.Option("--code-file", metavar="FILE", help="Read the code there; - is the input."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """After the end of a shop, on a new computer: get back what you bought, with the paper."""
    with reporting(as_json):
        from seeder.activation import load_activation
        from seeder.activation import recover as recover_shop
        from seeder.config import Home, utc_now
        from seeder.device import default_name
        from seeder.kit import read_kit

        opened, published = read_kit(kit), load_activation(activation)
        key = _typed_key(opened, code_file)
        recover_shop(
            opened,
            published,
            activation,
            key,
            home=Home.from_environment(os.environ),
            name=default_name(),
            now=utc_now(),
        )
        titles = [grant.title for grant in opened.unlock.grants]
        if as_json:
            emit({"recovered": opened.shop.site, "titles": titles})
            return
        say(f"Recovered from {opened.shop.name}:")
        for title in titles:
            typer.echo(f"  {title}")
        say("Fetch them from other buyers: geobuk sync (--peer HOST:PORT where you know one)")


def _typed_key(kit: Kit, code_file: Path | None) -> RecoveryKey:
    """The recovery key as the person types it; a slip is named, and may be mended."""
    from drm.errors import FormatError
    from seeder.activation import read_code

    if code_file is not None:
        text = sys.stdin.read() if str(code_file) == "-" else code_file.read_text("utf-8")
        return read_code(text, kit)
    if not sys.stdin.isatty():
        return read_code(sys.stdin.read(), kit)
    say(f"The code on your paper for {kit.shop.name}, 12 groups; spaces and case do not matter.")
    for _ in range(TRIES - 1):
        try:
            return read_code(typer.prompt("Code", err=True), kit)
        except FormatError as error:
            say(str(error))
    return read_code(typer.prompt("Code", err=True), kit)
