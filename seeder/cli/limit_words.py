"""The owner's limits and the reach of this device, in sentences; from `Governor.state`.

The record comes from a file that another process wrote, so what is missing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from seeder.bandwidth import Reason
from seeder.cli.output import show_size

__all__ = ["tell_fetching", "tell_month", "tell_reach", "tell_sharing", "tell_when"]

TURN_ON: Final = "Change it with: geobuk limits"


def tell_sharing(record: Mapping[str, Any]) -> str:
    """What is sent: that nothing is and why, or how much may be."""
    reason, when = record.get("reason"), _until(record, "until")
    if record.get("note"):
        return str(record["note"])
    if not record.get("sharing", True):
        if reason == Reason.SCHEDULE:
            return f"Sharing is off by your schedule{when}: nothing is sent."
        if reason == Reason.MONTH:
            return f"Sharing is off{when}: this month's budget is used up, so nothing is sent."
        return f"Sharing is off: nothing is sent. {TURN_ON}"
    return _tell_rate("Sharing", "up", record.get("up", 0), reason, when)


def tell_fetching(record: Mapping[str, Any]) -> str:
    """What is fetched: that nothing is and why, or how much may be."""
    reason, when = record.get("down_reason"), _until(record, "down_until")
    if not record.get("fetching", True):
        if reason == Reason.SCHEDULE:
            return f"Downloads stand still by your schedule{when}."
        if reason == Reason.MONTH:
            return f"Downloads stand still{when}: this month's budget is used up."
        return f"Downloads are off. {TURN_ON}"
    return _tell_rate("Downloading", "down", record.get("down", 0), reason, when)


def tell_month(record: Mapping[str, Any]) -> str:
    """What went over the line this month, and of which budget."""
    parts = []
    for word, used, budget in (
        ("sent", record.get("sent", 0), record.get("month_up")),
        ("fetched", record.get("fetched", 0), record.get("month_down")),
    ):
        parts.append(f"{word} {_size(used)}" + (f" of {_size(budget)}" if budget else ""))
    sentence = f"This month: {', '.join(parts)}"
    return sentence + ("." if record.get("lan", True) else ", your own network not counted.")


def tell_reach(record: Mapping[str, Any]) -> str:
    """Whether other buyers can dial this device, and what to do where they cannot."""
    reach = record.get("reach") or {}
    ports = reach.get("ports") or [0]
    both = "IPv4 and IPv6" if reach.get("ipv6") else "IPv4"
    if reach.get("local"):
        return "Reachable from this machine alone: the shop is here too."
    if reach.get("incoming"):
        return f"Reachable: other buyers have dialled in ({_ports(ports)}, {both})."
    if reach.get("mapped"):
        opened = _ports(reach.get("mapped_ports") or ports)
        return (
            f"Probably reachable: the router opened {opened} by {reach['mapped']}; nobody has "
            "dialled in yet."
        )
    advice = (
        f"It still downloads, and shares with buyers that it dials itself. To be dialled, open "
        f"{_ports(ports)} for this device in the router, and keep to it with: "
        f"geobuk run --port {ports[0]}"
    )
    if not record.get("upnp", True):
        return f"Not known to be reachable: the router is not asked for a port. {advice}"
    if reach.get("refused"):
        return (
            f"Not known to be reachable: the router opened no port ({reach['refused']}). {advice}"
        )
    return f"Not known to be reachable yet: no router has answered. {advice}"


def tell_when(moment: datetime, now: datetime) -> str:
    """The time of a change that comes: the hour today, the day as well later."""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    if (moment - now).days < 6:
        return f"{moment:%a %H:%M}"
    return f"{moment:%Y-%m-%d}"


def _tell_rate(doing: str, direction: str, rate: Any, reason: Any, when: str) -> str:
    if not rate:
        by = f" by your schedule{when}" if reason == Reason.SCHEDULE else ""
        return f"{doing} without a limit{by}."
    speed = f"{_size(rate)} a second"
    if reason == Reason.SCHEDULE:
        return f"{doing} with at most {speed} {direction}, by your schedule{when}."
    if reason == Reason.MONTH:
        return f"{doing} with at most {speed} {direction}: this month's budget is nearly used up."
    return f"{doing} with at most {speed} {direction}."


def _until(record: Mapping[str, Any], name: str) -> str:
    """ " until 18:00", of when the record was written; "" where nothing changes by itself."""
    try:
        until = datetime.fromisoformat(str(record.get(name)))
        now = datetime.fromisoformat(str(record.get("now")))
    except ValueError:
        return ""
    return f" until {tell_when(until, now)}"


def _ports(ports: Sequence[int]) -> str:
    word = "port" if len(ports) == 1 else "ports"
    return f"{word} {' and '.join(map(str, ports))}"


def _size(count: Any) -> str:
    return show_size(count) if isinstance(count, int | float) else "?"
