from __future__ import annotations

import getpass
import os

from django.core.management.base import CommandError

__all__ = ["ask_passphrase"]

VARIABLE = "GEOBUK_BACKUP_PASSPHRASE"


def ask_passphrase(*, twice: bool) -> str:
    """The operator's passphrase, from the environment or typed (`twice`, for a new one)."""
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    try:
        passphrase = getpass.getpass("Passphrase of the backup: ")
        if twice and getpass.getpass("Once more: ") != passphrase:
            raise CommandError("The two passphrases differ; nothing was written.")
    except EOFError:
        raise CommandError(f"No passphrase: type one, or set {VARIABLE}.") from None
    return passphrase
