"""The recovery key: made here, printed once, and known to the shop by its public parts alone."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from drm.encoding import b64u
from drm.keys import sign_sealing_key
from drm.recovery import RecoveryKey
from seeder.client import ShopClient
from seeder.config import ShopFolder
from seeder.errors import RecoveryError, ShopRefusedError, TargetError
from seeder.files import write_new_private
from seeder.shops import Shop
from seeder.unlocking import UnlockPapers, fetch_unlock

__all__ = ["NewRecoveryKey", "create_recovery_key", "forget_recovery_key", "sheet"]


@dataclass(frozen=True, slots=True)
class NewRecoveryKey:
    """What was made: the code that is shown once, and the name by which the shop knows it."""

    code: str = field(repr=False)
    recipient: str


def create_recovery_key(
    client: ShopClient,
    folder: ShopFolder,
    *,
    thumbprint: str,
    out: Path | None,
    replace: bool,
    now: datetime,
) -> NewRecoveryKey:
    """Make a recovery key, write its sheet to `out`, and register its public parts.

    Raises RecoveryError where the account has one and `replace` is off, TargetError where
    `out` is there already, ShopError; then no key is registered and no sheet left behind.
    """
    fetch_unlock(client, folder, thumbprint=thumbprint, now=now)
    if UnlockPapers(folder).recovery_file.exists() and not replace:
        raise RecoveryError(
            "Your account has a recovery key already. To make a new one in its place, add "
            "--replace: the old paper then opens nothing that you buy from now on."
        )
    key = RecoveryKey.generate()
    code = key.code(client.shop.root_public)
    if out is not None:
        _write_sheet(out, code, client.shop, now)
    try:
        recipient = _register(client, key)
    except BaseException:
        if out is not None:
            out.unlink(missing_ok=True)
        raise
    UnlockPapers(folder).recovery_file.unlink(missing_ok=True)
    fetch_unlock(client, folder, thumbprint=thumbprint, now=now)
    return NewRecoveryKey(code, recipient)


def forget_recovery_key(client: ShopClient, folder: ShopFolder) -> None:
    """Let the shop make no more documents for the key. Raises RecoveryError where there is none."""
    try:
        client.ask("DELETE", "/recovery-key")
    except ShopRefusedError as error:
        if error.code != "recovery_key_not_found":
            raise
        raise RecoveryError("Your account has no recovery key. Nothing was changed.") from error
    UnlockPapers(folder).recovery_file.unlink(missing_ok=True)


def sheet(code: str, shop: Shop, *, now: datetime, as_html: bool) -> str:
    """The page to print. It holds the code, so it is a secret."""
    groups = code.split("-")
    rows = [groups[at : at + 4] for at in range(0, len(groups), 4)]
    title = f"Recovery key for {shop.name}"
    lines = [
        f"Shop: {shop.name} ({shop.site})",
        f"Made: {now:%Y-%m-%d}",
        "Keep this paper apart from your computer, and secret.",
        "With your recovery kit it opens what you bought once the shop has ended, not before.",
        "On that day, on a new computer: geobuk recover KIT --activation FILE",
        "Each group ends in a check character: a mistyped group is named.",
    ]
    if not as_html:
        body = "\n".join("    " + "  ".join(row) for row in rows)
        return f"{title}\n\n{body}\n\n" + "\n\n".join(lines) + "\n"
    cells = "".join(
        "<tr>" + "".join(f"<td>{group}</td>" for group in row) + "</tr>" for row in rows
    )
    told = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>body{{font:12pt/1.5 sans-serif;"
        "max-width:40em;margin:2em auto;padding:0 1em}td{font:16pt/2 monospace;"
        f"padding-right:1.2em}}</style></head><body><h1>{html.escape(title)}</h1>"
        f"<table>{cells}</table>{told}</body></html>\n"
    )


def _write_sheet(out: Path, code: str, shop: Shop, now: datetime) -> None:
    as_html = out.suffix.lower() in {".html", ".htm"}
    try:
        write_new_private(out, sheet(code, shop, now=now, as_html=as_html).encode())
    except FileExistsError as error:
        raise TargetError(
            f"{out} is there already. Choose another name, so that no key is lost."
        ) from error


def _register(client: ShopClient, key: RecoveryKey) -> str:
    sealing = key.sealing(client.shop.sealing_suite).public
    parts = {
        "identity_key": b64u(key.identity.public.to_bytes()),
        "sealing_suite": sealing.suite,
        "sealing_key": b64u(sealing.to_bytes()),
        "sealing_key_signature": b64u(sign_sealing_key(key.identity, sealing)),
    }
    client.ask("PUT", "/recovery-key", json=parts)
    return key.identity.public.thumbprint
