"""The owner's limits as a file in the home folder, shared by the commands and the daemon.

    preferences.json   {"v": 1, "up": "0.5", "down": "none", "sharing": true,
                        "schedule": ["mon-fri 09:00-18:00 up=0.5"], "month_up": 50000000000,
                        "month_down": null, "lan": true, "upnp": true, "dht": true}

Speeds are MB a second, budgets bytes a month. What is missing has its default. A file that is
not understood in every word is no file to go by: who wrote “off” with a slip of the pen must
not be heard as “on”, so whoever reads it sends nothing until it is mended.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from seeder.bandwidth import Preferences
from seeder.config import Home, read_json, write_json
from seeder.errors import DamagedFileError, LimitsError
from seeder.schedule import parse_rate, parse_rule, show_rate

__all__ = [
    "load_preferences",
    "preferences_file",
    "preferences_lock",
    "preferences_record",
    "save_preferences",
    "signature",
]

VERSION: Final = 1
MOST_BYTES: Final = 10**18
SWITCHES: Final = ("sharing", "lan", "upnp", "dht")
KNOWN: Final = {"v", "up", "down", "schedule", "month_up", "month_down", *SWITCHES}


def preferences_file(home: Home) -> Path:
    """Where the limits of this machine's owner are kept, for every shop."""
    return home.root / "preferences.json"


def preferences_lock(home: Home) -> Path:
    """Held by whoever changes the limits."""
    return home.root / "preferences.lock"


def signature(path: Path) -> tuple[int, ...] | None:
    """What differs once a file has been written anew; None where it is missing."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def load_preferences(home: Home) -> Preferences:
    """Read the limits; the defaults where there are none. Raises DamagedFileError."""
    path = preferences_file(home)
    if signature(path) is None:
        return Preferences()
    value = read_json(path)
    if value is None:
        raise _damaged(path, "it is not a JSON object")
    try:
        return _read(value)
    except LimitsError as error:
        raise _damaged(path, str(error)) from error


def save_preferences(home: Home, preferences: Preferences) -> None:
    """Write the limits, whole and on disk; a running seeder follows within two seconds.

    Whoever changes them by what they were holds `preferences_lock` meanwhile.
    """
    write_json(preferences_file(home), preferences_record(preferences))


def preferences_record(preferences: Preferences) -> dict[str, Any]:
    """The limits as the file holds them."""
    return {
        "v": VERSION,
        "up": show_rate(preferences.up),
        "down": show_rate(preferences.down),
        "schedule": [str(rule) for rule in preferences.schedule],
        "month_up": preferences.month_up,
        "month_down": preferences.month_down,
        **{name: getattr(preferences, name) for name in SWITCHES},
    }


def _read(value: dict[str, Any]) -> Preferences:
    if value.get("v") != VERSION:
        raise LimitsError("it is of another version of this program")
    unknown = sorted(set(value) - KNOWN)
    if unknown:
        raise LimitsError(f"it says something of {unknown[0]!r}, which is no preference")
    given: dict[str, Any] = {}
    for name in ("up", "down"):
        if name in value:
            given[name] = parse_rate(_text(value[name], name))
    for name in ("month_up", "month_down"):
        given[name] = _bytes(value.get(name), name)
    for name in SWITCHES:
        if name in value:
            given[name] = _switch(value[name], name)
    rules = value.get("schedule", [])
    if not isinstance(rules, list):
        raise LimitsError("its schedule is not a list")
    given["schedule"] = tuple(parse_rule(_text(rule, "schedule")) for rule in rules)
    return Preferences(**given)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise LimitsError(f"{name!r} is not text")
    return value


def _bytes(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 < value <= MOST_BYTES:
        raise LimitsError(f"{name!r} is no number of bytes")
    return value


def _switch(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise LimitsError(f"{name!r} is neither true nor false")
    return value


def _damaged(path: Path, why: str) -> DamagedFileError:
    return DamagedFileError(
        f"The limits in {os.fspath(path)} cannot be followed: {why}. Nothing is sent until they "
        "can. Set them anew: geobuk limits --reset, and then what you want."
    )
