"""geobuk keys, and how a person is asked for a passphrase."""

from __future__ import annotations

import functools
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from seeder.cli.output import JsonOption, ShopOption, emit, reporting, say

if TYPE_CHECKING:
    from seeder.config import ShopFolder
    from seeder.device import KeyChoice
    from seeder.key_store import KeyStores

__all__ = ["KeysAt", "KeysOption", "NewKeysOption", "choice_of_keys", "key_stores", "keys"]

WHERE = {
    "system": "in the key store of this system",
    "file": "in a file that only you can read",
    "passphrase": "in a file, under a passphrase",
}


class KeysAt(StrEnum):
    """Where keys may lie; `auto` is the key store of the system where there is one."""

    AUTO = "auto"
    SYSTEM = "system"
    FILE = "file"
    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a place


class Place(StrEnum):
    """Where keys may be moved to."""

    SYSTEM = "system"
    FILE = "file"
    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a place


KeysOption = Annotated[
    KeysAt,
    typer.Option(
        "--keys",
        envvar="GEOBUK_KEYS",
        help="Where this device's keys lie: the system's key store, a file, or a file under a "
        "passphrase; auto is the first where there is one.",
    ),
]
NewKeysOption = Annotated[
    bool,
    typer.Option(
        "--new-keys", help="Set this device's keys aside and make new ones: it is a new device."
    ),
]

keys = typer.Typer(help="Show where this device's keys lie, or move them.")


def key_stores() -> KeyStores:
    """The places of this machine, with a person at the terminal for passphrases."""
    from seeder.key_store import KeyStores

    return KeyStores(passphrases=_terminal())


def choice_of_keys(place: KeysAt, *, fresh: bool, as_json: bool) -> KeyChoice:
    """What the person chose at the login; asked in words where `auto` finds no key store."""
    from seeder.device import KeyChoice

    quiet = as_json or not sys.stdin.isatty()
    return KeyChoice(
        place=place.value,
        fresh=fresh,
        stores=key_stores(),
        protect=(lambda: False) if quiet else _want_passphrase,
    )


def _want_passphrase() -> bool:
    say("This computer has no key store that geobuk can use, so the keys of this device go into")
    say("a file that no other user of it can read. A passphrase protects them against whoever")
    say("copies the disk, too; you then type it each time geobuk starts.")
    return typer.confirm("Protect the keys by a passphrase?", default=False, err=True)


class _Terminal:
    """Asks once in a process; a file named in the environment is asked first."""

    def __init__(self) -> None:
        self._known: str | None = None

    def __repr__(self) -> str:
        return "<passphrases of the terminal>"

    def current(self) -> str:
        if self._known is None:
            self._known = self._from_file() or _ask("Passphrase of this device's keys")
        return self._known

    def new(self) -> str:
        from seeder.errors import KeyStoreError

        passphrase = self._from_file()
        if passphrase is None:
            passphrase = _ask("New passphrase, of 12 characters or more")
            if _ask("The same once more") != passphrase:
                raise KeyStoreError("The two passphrases differ. Nothing was changed; try again.")
        self._known = passphrase
        return passphrase

    def _from_file(self) -> str | None:
        from seeder.key_store import PASSPHRASE_FILE, EnvironmentPassphrases

        if not os.environ.get(PASSPHRASE_FILE):
            return None
        return EnvironmentPassphrases(os.environ).current()


@functools.cache
def _terminal() -> _Terminal:
    return _Terminal()


def _ask(what: str) -> str:
    if not sys.stdin.isatty():
        from seeder.key_store import EnvironmentPassphrases

        return EnvironmentPassphrases({}).current()  # says what to do without a terminal
    return str(typer.prompt(what, hide_input=True, err=True))


def _folder(shop: str | None) -> ShopFolder:
    from seeder.config import Home, check_shop_url

    home = Home.from_environment(os.environ)
    return home.shop(check_shop_url(shop) if shop else home.chosen())


@keys.callback(invoke_without_command=True)
def _keys(context: typer.Context, shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """Show where this device's keys lie; or move them. The keys themselves are never shown."""
    if context.invoked_subcommand is not None:
        context.obj = (shop, as_json)
        return
    with reporting(as_json):
        from seeder.device import key_place

        found = key_place(_folder(shop))
        if as_json:
            emit({"place": found.place, "file": str(found.file), "thumbprint": found.thumbprint})
            return
        say(f"The keys of “{found.name}” lie {WHERE.get(found.place, found.place)}.")
        say(f"Their record: {found.file}")
        say("Move them: geobuk keys move --to system|file|passphrase")


@keys.command("move")
def _move(
    context: typer.Context,
    to: Annotated[Place, typer.Option("--to", help="The new place.")],
    shop: ShopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move this device's keys; to where they are under a passphrase asks for a new one."""
    above_shop, above_json = context.obj or (None, False)
    as_json = as_json or above_json
    with reporting(as_json):
        from seeder.device import move_keys

        cleared = move_keys(_folder(shop or above_shop), to=to.value, stores=key_stores())
        if as_json:
            emit({"place": to.value, "cleared": cleared})
            return
        say(f"The keys of this device now lie {WHERE[to.value]}.")
        if not cleared:
            say("The copy in the system's key store could not be removed: it does not answer.")
            say(f"Try later: geobuk keys move --to {to.value}")
