"""geobuk limits: how much may be sent and fetched, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seeder.cli.output import JsonOption, emit, reporting, say, show_size

if TYPE_CHECKING:
    from seeder.bandwidth import Preferences
    from seeder.config import Home

__all__ = ["limits"]

GIGA = 1_000_000_000
OnOff = Literal["on", "off"]


RateUp = Annotated[
    str | None,
    typer.Option("--up", metavar="RATE", help="Most to send: MB a second, none, or off."),
]
RateDown = Annotated[
    str | None,
    typer.Option("--down", metavar="RATE", help="Most to fetch: MB a second, none, or off."),
]
Schedule = Annotated[
    list[str] | None,
    typer.Option(
        "--schedule",
        metavar="RULE",
        help="For some hours: “mon-fri 09:00-18:00 up=0.5 down=2”. May be given several times. "
        "The rules of before go; the word none leaves no rule.",
    ),
]
MonthUp = Annotated[
    str | None, typer.Option("--month-up", metavar="GB", help="Most to send in a month, or none.")
]
MonthDown = Annotated[
    str | None,
    typer.Option("--month-down", metavar="GB", help="Most to fetch in a month, or none."),
]
Sharing = Annotated[
    OnOff | None, typer.Option("--sharing", help="Off: nothing is sent; downloads go on.")
]
Lan = Annotated[
    Literal["counted", "free"] | None,
    typer.Option("--lan", help="Whether limits and budget hold in your own network too."),
]
Upnp = Annotated[OnOff | None, typer.Option("--upnp", help="Ask the router for an open port.")]
Dht = Annotated[
    OnOff | None,
    typer.Option("--dht", help="After a shop's end: look for other buyers in the DHT."),
]
Reset = Annotated[
    bool, typer.Option("--reset", help="Begin from no limits and sharing on; then what is given.")
]


def limits(  # noqa: PLR0913 - an option each
    up: RateUp = None,
    down: RateDown = None,
    schedule: Schedule = None,
    month_up: MonthUp = None,
    month_down: MonthDown = None,
    sharing: Sharing = None,
    lan: Lan = None,
    upnp: Upnp = None,
    dht: Dht = None,
    reset: Reset = False,
    as_json: JsonOption = False,
) -> None:
    """Show or set how much is sent and fetched. A running seeder follows at once."""
    with reporting(as_json):
        import os

        from seeder.config import Home

        home = Home.from_environment(os.environ)
        wanted = {
            "up": up,
            "down": down,
            "schedule": schedule,
            "month_up": month_up,
            "month_down": month_down,
            "sharing": sharing,
            "lan": lan,
            "upnp": upnp,
            "dht": dht,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        if given or reset:
            _change(home, given, reset=reset)
        _show(home, as_json=as_json)


def _change(home: Home, given: dict[str, Any], *, reset: bool) -> None:
    """Write all that was given, or nothing where one word of it is not understood."""
    from dataclasses import replace

    from seeder.bandwidth import Preferences
    from seeder.config import exclusive
    from seeder.preferences import load_preferences, preferences_lock, save_preferences

    changes = {name: _parsed(name, value) for name, value in given.items()}
    with exclusive(preferences_lock(home)):
        before = Preferences() if reset else load_preferences(home)
        save_preferences(home, replace(before, **changes))


def _parsed(name: str, value: Any) -> Any:
    from seeder.schedule import parse_rate, parse_rule

    if name in {"up", "down"}:
        return parse_rate(value)
    if name in {"month_up", "month_down"}:
        return _parse_budget(value)
    if name == "schedule":
        return () if value == ["none"] else tuple(parse_rule(rule) for rule in value)
    return value in {"on", "counted"}


def _parse_budget(text: str) -> int | None:
    """Bytes of a month from `50` (GB) or `none`. Raises LimitsError."""
    import re

    from seeder.errors import LimitsError

    word = text.strip().lower()
    if word == "none":
        return None
    count = round(float(word) * GIGA) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", word) else 0
    if count <= 0:
        raise LimitsError(
            f"{text!r} is no budget. Give GB a month, as in 50, or say none. To send nothing at "
            "all: geobuk limits --sharing off"
        )
    return count


def _show(home: Home, *, as_json: bool) -> None:
    from seeder.bandwidth import Used, month_of, plan
    from seeder.cli.limit_words import tell_fetching, tell_month, tell_sharing
    from seeder.config import is_held, utc_now
    from seeder.governor import allowance_record
    from seeder.preferences import load_preferences, preferences_record
    from seeder.usage import UsageFile

    preferences = load_preferences(home)
    now = utc_now().astimezone()
    wall = now.replace(tzinfo=None)
    used = UsageFile(home).load().get(month_of(wall), Used())
    record = allowance_record(plan(wall, preferences, used), preferences, used, now=now)
    running = is_held(home.lock_file)
    if as_json:
        emit({"running": running, "limits": preferences_record(preferences), "now": record})
        return
    for line in _lines(preferences):
        typer.echo(line)
    say(tell_sharing(record))
    say(tell_fetching(record))
    say(tell_month(record))
    if not running:
        say("No seeder is running, so nothing is sent or fetched now.")


def _lines(preferences: Preferences) -> list[str]:
    """Each preference as it is set, in the order of the options."""
    rules = [str(rule) for rule in preferences.schedule] or ["none"]
    rows = [
        ("up", _rate(preferences.up)),
        ("down", _rate(preferences.down)),
        *[("schedule" if index == 0 else "", rule) for index, rule in enumerate(rules)],
        ("month-up", _budget(preferences.month_up)),
        ("month-down", _budget(preferences.month_down)),
        ("sharing", "on" if preferences.sharing else "off"),
        ("lan", "counted" if preferences.lan else "free"),
        ("upnp", "on" if preferences.upnp else "off"),
        ("dht", "on" if preferences.dht else "off"),
    ]
    return [f"{name:<11}{value}" for name, value in rows]


def _rate(rate: int) -> str:
    from seeder.schedule import show_rate

    shown = show_rate(rate)
    return shown if shown in {"none", "off"} else f"{shown} MB/s"


def _budget(count: int | None) -> str:
    return "none" if count is None else show_size(count)
