from __future__ import annotations

import json
from typing import Any

import pytest

from seeder.bandwidth import Preferences
from seeder.config import Home
from seeder.errors import DamagedFileError
from seeder.preferences import (
    load_preferences,
    preferences_file,
    preferences_record,
    save_preferences,
    signature,
)
from seeder.schedule import parse_rule

FULL = Preferences(
    up=500_000,
    down=-1,
    sharing=False,
    schedule=(parse_rule("mon-fri 09:00-18:00 up=0.5 down=2"), parse_rule("sat off")),
    month_up=50_000_000_000,
    month_down=1,
    lan=False,
    upnp=False,
    dht=False,
)


def write(home: Home, text: str) -> None:
    path = preferences_file(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_a_file_nothing_is_limited(home: Home) -> None:
    assert load_preferences(home) == Preferences()


def test_what_is_saved_is_read_again(home: Home) -> None:
    save_preferences(home, FULL)

    assert load_preferences(home) == FULL
    assert preferences_file(home).stat().st_mode & 0o777 == 0o600


def test_what_is_missing_has_its_default(home: Home) -> None:
    write(home, '{"v": 1, "sharing": false}')

    assert load_preferences(home) == Preferences(sharing=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"v": 2}',
        '{"v": 1, "shering": false}',
        '{"v": 1, "sharing": "no"}',
        '{"v": 1, "sharing": 0}',
        '{"v": 1, "up": 0.5}',
        '{"v": 1, "up": "0"}',
        '{"v": 1, "month_up": -1}',
        '{"v": 1, "month_up": 0}',
        '{"v": 1, "month_up": true}',
        '{"v": 1, "month_down": 1e30}',
        '{"v": 1, "schedule": "off"}',
        '{"v": 1, "schedule": [1]}',
        '{"v": 1, "schedule": ["mon"]}',
    ],
)
def test_a_file_that_is_not_understood_is_no_file_to_go_by(home: Home, text: str) -> None:
    write(home, text)

    with pytest.raises(DamagedFileError, match="geobuk limits --reset"):
        load_preferences(home)
    assert preferences_file(home).read_text() == text


def test_no_field_of_it_is_forgotten() -> None:
    record: dict[str, Any] = json.loads(json.dumps(preferences_record(FULL)))

    assert set(record) == {"v", *Preferences.__dataclass_fields__}


def test_a_new_file_has_another_signature(home: Home) -> None:
    before = signature(preferences_file(home))
    save_preferences(home, Preferences())
    first = signature(preferences_file(home))
    save_preferences(home, Preferences())  # the same bytes

    assert before is None
    assert first != signature(preferences_file(home))
