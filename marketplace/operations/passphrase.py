from __future__ import annotations

import getpass
import os

from django.core.management.base import CommandError

__all__ = ["ask_passphrase"]

VARIABLE = "GEOBUK_BACKUP_PASSPHRASE"


def ask_passphrase(*, twice: bool, what: str = "the backup", variable: str = VARIABLE) -> str:
    """The operator's passphrase, from the environment or typed (`twice`, for a new one)."""
    if variable in os.environ:
        return os.environ[variable]
    try:
        passphrase = getpass.getpass(f"Passphrase of {what}: ")
        if twice and getpass.getpass("Once more: ") != passphrase:
            raise CommandError("The two passphrases differ; nothing was written.")
    except EOFError:
        raise CommandError(f"No passphrase: type one, or set {variable}.") from None
    return passphrase
