"""`manage.py root …`: the shop's root key, in a file on a machine that is offline.

docs/root-ceremony.md tells the whole ceremony. `create`, `sign` and `change` ask no database.
"""

from __future__ import annotations

import contextlib
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.core.errors import MarketplaceError
from marketplace.licensing import services as licensing
from marketplace.operations.passphrase import ask_passphrase
from marketplace.packaging import queries as keys
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import CustodyError
from marketplace.packaging.types import Answer, Request

__all__ = ["Command"]

ISSUERS_AHEAD = 10  # at 310 days each: more than eight years


class Command(BaseCommand):
    help = (
        "Keep the shop's root key offline: create, export, request, sign, accept, change, status."
    )
    # The offline machine has no database to check.
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="offline: make a root key")
        create.add_argument("root_file", type=Path)
        export = actions.add_parser("export", help="shop: write its root key into a file")
        export.add_argument("root_file", type=Path)
        export.add_argument(
            "--wipe", action="store_true", help="open the file, then take the key out of here"
        )
        request = actions.add_parser("request", help="shop: ask the root to sign")
        request.add_argument("request", type=Path)
        request.add_argument("--retire", action="append", default=[], metavar="KID")
        for parser_ in (export, request):
            parser_.add_argument("--issuers", type=int, default=ISSUERS_AHEAD, metavar="COUNT")
        sign = actions.add_parser("sign", help="offline: sign what the shop asked")
        change = actions.add_parser("change", help="offline: hand over to a new root key")
        sign.add_argument("root_file", type=Path)
        change.add_argument("root_file", type=Path, metavar="old_root_file")
        change.add_argument("new_root_file", type=Path)
        for parser_ in (sign, change):
            parser_.add_argument("request", type=Path)
            parser_.add_argument("answer", type=Path)
            parser_.add_argument("--yes", action="store_true", help="sign without asking")
        accept = actions.add_parser("accept", help="shop: take in what the root signed")
        accept.add_argument("answer", type=Path)
        actions.add_parser("status", help="shop: the root, its issuers, how long they last")

    def handle(self, *args: Any, **options: Any) -> None:
        given = Namespace(**options)
        actions: dict[str, Callable[[Namespace], None]] = {
            "create": self._create,
            "export": self._export,
            "request": self._request,
            "sign": self._sign,
            "change": self._sign,
            "accept": self._accept,
            "status": self._status,
        }
        try:
            actions[given.action](given)
        except MarketplaceError as error:
            raise CommandError(str(error)) from None
        except EOFError:
            raise CommandError(
                "Nothing was done: nobody is here to answer. In a script: sign --yes"
            ) from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from None

    def _create(self, given: Namespace) -> None:
        public = packaging.make_root(given.root_file, passphrase=_passphrase(twice=True))
        self.stdout.write(
            f"The root key {public.thumbprint} lies in {given.root_file}.\n"
            "Copy the file to two more disks and lock them away; write the passphrase down apart "
            "from them. Whoever has both can sign for the shop; without them nobody can."
        )

    def _export(self, given: Namespace) -> None:
        path = given.root_file
        exists = path.exists()
        passphrase = _passphrase(twice=not exists)
        if not exists:
            root = packaging.export_root(path, passphrase=passphrase)
            self.stdout.write(f"The root key {root.kid} lies in {path} now, too.")
        elif not given.wipe:
            raise CommandError(f"{path} exists already. To wipe the database: add --wipe")
        if not given.wipe:
            self.stdout.write("When it is copied to safe places: run this again with --wipe")
            return
        self._sign_head()
        keyring = packaging.wipe_root(
            path,
            passphrase=passphrase,
            count=given.issuers,
            log=licensing.log_state(),
            check_log=licensing.require_own_log,
            now=timezone.now(),
        )
        self.stdout.write(
            f"The database has only the public part of the root now, and keyring "
            f"{keyring.sequence} with {len(keyring.issuers)} issuer keys.\n"
            "Backups from before still hold the root, wrapped under the master key: make a new "
            "one, destroy those, and run rotate_master_key."
        )
        self._tell_end()

    def _request(self, given: Namespace) -> None:
        self._sign_head()
        request = packaging.make_request(
            count=given.issuers,
            retire=given.retire,
            log=licensing.log_state(),
            now=timezone.now(),
        )
        _write_new(given.request, request.to_json())
        self.stdout.write(
            f"{given.request} asks for {len(request.wanted)} issuer keys; it holds no secret.\n"
            "Carry it to the root's machine: manage.py root sign ROOT_FILE REQUEST ANSWER"
        )

    def _sign(self, given: Namespace) -> None:
        asked = Request.from_json(given.request.read_bytes())
        request = packaging.numbered(given.root_file, asked)
        for line in packaging.describe_request(
            request, root=packaging.root_of_file(given.root_file)
        ):
            self.stdout.write(f"- {line}")
        if given.action == "change":
            new_public = packaging.root_of_file(given.new_root_file)
            self.stdout.write(
                f"- From now on the root is {new_public.thumbprint}. Every issuer key gets a new "
                "certificate, and the old root has no say any more."
            )
        doubts = packaging.doubts_about(given.root_file, asked)
        for doubt in doubts:
            self.stdout.write(self.style.WARNING(f"! {doubt}"))
        if given.yes and doubts:
            raise CommandError("Nothing was signed: look into the lines with ! first.")
        if not given.yes and input("Sign all this? Type yes: ").strip() != "yes":
            raise CommandError("Nothing was signed.")
        root = packaging.read_root(given.root_file, passphrase=_passphrase())
        new_root = None
        if given.action == "change":
            new_root = packaging.read_root(
                given.new_root_file,
                passphrase=_passphrase(
                    what="the new root key", variable="GEOBUK_NEW_ROOT_PASSPHRASE"
                ),
            )
        now = timezone.now()
        answer = packaging.sign_request(request, root=root, new_root=new_root, now=now)
        _write_new(given.answer, answer.to_json())
        kept = given.new_root_file if new_root is not None else given.root_file
        packaging.remember_signing(kept, request=request, answer=answer, now=now)
        self.stdout.write(f"Signed. Carry it back: manage.py root accept {given.answer.name}")

    def _accept(self, given: Namespace) -> None:
        keyring = packaging.accept_answer(
            Answer.from_json(given.answer.read_bytes()),
            check_log=licensing.require_own_log,
            now=timezone.now(),
        )
        root = packaging.current_root()
        assert root is not None
        self.stdout.write(
            f"Taken in: keyring {keyring.sequence} with {len(keyring.issuers)} issuer keys, of the "
            f"root {root.kid}. Compare that name with the one on paper."
        )
        self._tell_end()

    def _status(self, given: Namespace) -> None:
        root = packaging.current_root()
        if root is None:
            self.stdout.write("This shop has no root key yet: one is made at the first need.")
            return
        place = "in the database" if root.has_private else "offline"
        self.stdout.write(f"Root {root.kid}: its private part is {place}.")
        for key in keys.issuer_keys():
            self.stdout.write(f"Issuer {key.kid}: {_state(key.starts_at, key.ends_at, key)}")
        self._tell_end()

    def _tell_end(self) -> None:
        until = packaging.certified_until(now=timezone.now())
        if until is not None:
            self.stdout.write(
                f"Licences can be issued until {until.date()}; the root has to sign before that."
            )

    def _sign_head(self) -> None:
        """The head goes before the checkpoint, so that one path leads from it to the head."""
        if packaging.current_root() is None:
            return  # asked for a head, the shop would make a root of its own
        with contextlib.suppress(CustodyError):
            licensing.sign_log(now=timezone.now())


def _state(starts: Any, ends: Any, key: Any) -> str:
    if key.certificate == "":
        return "waits for the root's certificate"
    if key.retired_at is not None:
        return f"retired since {key.retired_at.date()}"
    return f"from {starts.date()} to {ends.date()}"


def _passphrase(
    *, twice: bool = False, what: str = "the root key", variable: str = "GEOBUK_ROOT_PASSPHRASE"
) -> str:
    return ask_passphrase(twice=twice, what=what, variable=variable)


def _write_new(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise CommandError(f"{path} exists already. Name a new file.") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
