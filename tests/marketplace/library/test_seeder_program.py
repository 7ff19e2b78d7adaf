"""The shop hands out the program that opens what it sells."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.marketplace.trade import make_person

NAME = "geobuk-9.9.9-py3-none-any.whl"


@pytest.fixture
def built(settings: Settings, tmp_path: Path) -> Path:
    settings.SEEDER_DIR = tmp_path
    (tmp_path / NAME).write_bytes(b"PK wheel")
    return tmp_path / NAME


def test_the_wheel_is_there_for_anyone_under_its_own_name(client: Client, built: Path) -> None:
    answer = client.get(f"/seeder/{NAME}")

    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == b"PK wheel"  # type: ignore[attr-defined]
    assert answer["Content-Disposition"] == f'attachment; filename="{NAME}"'


@pytest.mark.parametrize("name", ["geobuk-1.0.0-py3-none-any.whl", "..%2Fmanage.py", ".built"])
def test_nothing_else_lies_beside_it(client: Client, built: Path, name: str) -> None:
    assert client.get(f"/seeder/{name}").status_code == 404


@pytest.mark.django_db
def test_whoever_has_no_device_yet_is_told_how_to_install_it(client: Client, built: Path) -> None:
    client.force_login(make_person())

    page = client.get("/accounts/devices/").content.decode()

    assert f"geobuk[seeder] @ http://127.0.0.1:8000/seeder/{NAME}" in page


@pytest.mark.django_db
def test_where_none_was_built_no_command_is_shown(client: Client) -> None:
    client.force_login(make_person())

    assert "pipx" not in client.get("/accounts/devices/").content.decode()
