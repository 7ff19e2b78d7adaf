"""geobuk limits by hand: what it takes, what it refuses, and what it says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import Result

from seeder.bandwidth import Preferences, Used, plan
from seeder.cli.limit_words import tell_fetching, tell_month, tell_reach, tell_sharing
from seeder.config import Home
from seeder.governor import allowance_record
from seeder.preferences import load_preferences, preferences_file, save_preferences
from seeder.schedule import parse_rule
from seeder.usage import UsageFile
from tests.seeder.conftest import last_json

Geobuk = Callable[..., Result]
RULE = "mon-fri 09:00-18:00 up=0.5 down=2"


def test_limits_are_set_and_shown_without_a_log_in(geobuk: Geobuk, home: Home) -> None:
    result = geobuk("limits", "--up", "0.5", "--down", "2", "--schedule", RULE, "--month-up", "50")

    assert result.exit_code == 0
    assert "up         0.5 MB/s" in result.stdout
    assert f"schedule   {RULE}" in result.stdout
    assert "month-up   50.0 GB" in result.stdout
    assert "No seeder is running, so nothing is sent or fetched now." in result.stderr
    assert load_preferences(home).month_up == 50_000_000_000


def test_what_is_not_named_stays(geobuk: Geobuk, home: Home) -> None:
    geobuk("limits", "--up", "0.5", "--schedule", RULE, "--schedule", "sat off", "--lan", "free")
    geobuk("limits", "--sharing", "off", "--upnp", "off", "--dht", "off")
    kept = load_preferences(home)
    geobuk("limits", "--schedule", "none", "--up", "none")
    changed = load_preferences(home)
    geobuk("limits", "--reset", "--down", "1")

    assert (kept.up, len(kept.schedule), kept.lan) == (500_000, 2, False)
    assert (kept.sharing, kept.upnp, kept.dht) == (False, False, False)
    assert (changed.up, changed.schedule, changed.sharing) == (0, (), False)
    assert load_preferences(home) == Preferences(down=1_000_000)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--up", "0"],
        ["--up", "fast"],
        ["--down", "-1"],
        ["--month-up", "0"],
        ["--month-down", "lots"],
        ["--schedule", "mon 9-18 up=1"],
        ["--schedule", RULE, "--schedule", "none"],
    ],
)
def test_one_wrong_word_changes_nothing(geobuk: Geobuk, home: Home, wrong: list[str]) -> None:
    geobuk("limits", "--up", "3")
    before = preferences_file(home).read_bytes()

    refused = geobuk("limits", "--sharing", "off", *wrong, "--json")

    assert refused.exit_code == 1
    assert last_json(refused)["error"]["code"] == "limits"
    assert preferences_file(home).read_bytes() == before


def test_a_switch_takes_on_and_off_alone(geobuk: Geobuk, home: Home) -> None:
    assert geobuk("limits", "--sharing", "maybe").exit_code == 2
    assert not preferences_file(home).exists()


def test_a_file_that_cannot_be_followed_is_said_and_can_be_set_anew(
    geobuk: Geobuk, home: Home
) -> None:
    home.root.mkdir(parents=True)
    preferences_file(home).write_text('{"v": 1, "sharing": "nope"}')

    shown, changed = geobuk("limits", "--json"), geobuk("limits", "--up", "1", "--json")
    mended = geobuk("limits", "--reset", "--sharing", "off")

    for refused in (shown, changed):
        assert last_json(refused)["error"]["code"] == "damaged_file"
        assert "geobuk limits --reset" in last_json(refused)["error"]["message"]
    assert mended.exit_code == 0
    assert load_preferences(home) == Preferences(sharing=False)


def test_a_turn_after_the_clocks_change_is_told_in_the_zone_of_that_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        # Summer time ends on 1 November 2026 at 2:00.
        now = datetime(2026, 10, 31, 19, tzinfo=UTC).astimezone()
        preferences = Preferences(schedule=(parse_rule("sun 09:00-18:00 up=0.5"),))
        allowance = plan(now.replace(tzinfo=None), preferences, Used())
        record = allowance_record(allowance, preferences, Used(), now=now)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert record["now"] == "2026-10-31T12:00:00-07:00"
    assert record["until"] == "2026-11-01T09:00:00-08:00"


def test_json_for_programs(geobuk: Geobuk, home: Home) -> None:
    save_preferences(home, Preferences(sharing=False, month_up=10))
    month = f"{datetime.now(UTC).astimezone():%Y-%m}"
    UsageFile(home).save({month: Used(4, 7)})

    value = last_json(geobuk("limits", "--json"))

    assert value["limits"] == json.loads(preferences_file(home).read_text())
    assert value["running"] is False
    assert (value["now"]["sharing"], value["now"]["reason"]) == (False, "off")
    assert (value["now"]["sent"], value["now"]["month_up"]) == (4, 10)


NOW, TODAY = "2026-11-25T12:00:00+09:00", "2026-11-25T18:00:00+09:00"
SOON, LATER = "2026-11-28T09:00:00+09:00", "2026-12-05T00:00:00+09:00"


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({}, "Sharing without a limit."),
        ({"up": 500_000, "reason": "limit"}, "Sharing with at most 500 KB a second up."),
        (
            {"up": 500_000, "reason": "schedule", "until": TODAY},
            "Sharing with at most 500 KB a second up, by your schedule until 18:00.",
        ),
        (
            {"up": 0, "reason": "schedule", "until": SOON},
            "Sharing without a limit by your schedule until Sat 09:00.",
        ),
        (
            {"sharing": False, "reason": "month", "until": LATER},
            "Sharing is off until 2026-12-05: this month's budget is used up, so nothing is sent.",
        ),
        (
            {"sharing": False, "reason": "schedule", "until": TODAY},
            "Sharing is off by your schedule until 18:00: nothing is sent.",
        ),
        (
            {"sharing": False, "reason": "off"},
            "Sharing is off: nothing is sent. Change it with: geobuk limits",
        ),
        ({"sharing": False, "reason": "unreadable", "note": "They are torn."}, "They are torn."),
    ],
)
def test_what_is_said_of_sharing(record: dict[str, Any], sentence: str) -> None:
    assert tell_sharing({"now": NOW, **record}) == sentence


def test_what_is_said_of_downloads_and_the_month() -> None:
    off = {"now": NOW, "fetching": False, "down_reason": "month", "down_until": LATER}

    assert tell_fetching({}) == "Downloading without a limit."
    assert tell_fetching(off) == (
        "Downloads stand still until 2026-12-05: this month's budget is used up."
    )
    assert tell_month({"sent": 1_200_000_000, "month_up": 50_000_000_000, "lan": False}) == (
        "This month: sent 1.2 GB of 50.0 GB, fetched 0 B, your own network not counted."
    )


@pytest.mark.parametrize(
    ("reach", "begin"),
    [
        ({"local": True}, "Reachable from this machine alone"),
        (
            {"ports": [6881, 6882], "ipv6": True, "incoming": True},
            "Reachable: other buyers have dialled in (ports 6881 and 6882, IPv4 and IPv6).",
        ),
        (
            {"ports": [6881], "mapped": "UPnP", "mapped_ports": [40000]},
            "Probably reachable: the router opened port 40000 by UPnP; nobody has dialled in yet.",
        ),
        (
            {"ports": [6881], "refused": "UPnP: not allowed"},
            "Not known to be reachable: the router opened no port (UPnP: not allowed). It still",
        ),
        ({"ports": [6881]}, "Not known to be reachable yet: no router has answered. It still"),
    ],
)
def test_what_is_said_of_the_reach(reach: dict[str, Any], begin: str) -> None:
    assert tell_reach({"reach": reach}).startswith(begin)


def test_a_router_that_is_not_asked_is_said_to_be_so() -> None:
    said = tell_reach({"upnp": False, "reach": {"ports": [6881, 6882]}})

    assert "the router is not asked for a port" in said
    assert said.endswith("geobuk run --port 6881")
