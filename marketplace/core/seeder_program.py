"""The seeder as this shop hands it out: the wheel that `make setup` builds of this very version."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

__all__ = ["install_command", "wheel"]


def wheel() -> Path | None:
    """The wheel's file, or None where it was not built."""
    return max(Path(settings.SEEDER_DIR).glob("geobuk-*.whl"), default=None)


def install_command() -> str:
    """What a buyer types to install the seeder from this shop; empty where it has none.

    pipx gives the program an environment of its own; where the system's Python belongs
    to its packages (PEP 668), plain pip refuses.
    """
    file = wheel()
    if file is None:
        return ""
    return f'pipx install "geobuk[seeder] @ {settings.SITE_URL}/seeder/{file.name}"'
