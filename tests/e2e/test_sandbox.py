"""`make run`: it starts, shows what is on sale, stops on Ctrl-C, and starts again with its data."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.house import ROOT, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TITLES = ["거북의 바다", "거북의 바다 (대여)", "바다의 노래", "거북이의 여행", "먹 붓 24종"]


def _free_ports(count: int) -> int:
    """The first of `count` ports in a row that are free."""
    while True:
        # Below the ports that the kernel lends to outgoing connections, which come and go.
        first = random.randrange(20_000, 32_000)
        if all(_can_bind(first + n) for n in range(count)):
            return first


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def _sandbox(data: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "marketplace.config.settings.sandbox",
        "GEOBUK_DATA": str(data),
        "GEOBUK_URL": f"http://127.0.0.1:{port}",
        "GEOBUK_DEMO_FILM_SECONDS": "2",
    }
    log = data.with_suffix(".log")
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sandbox"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    try:
        wait_until(
            lambda: "Ctrl-C stops everything" in log.read_text() or process.poll() is not None,
            what="the sandbox says that it is ready",
            seconds=120,
        )
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)


def _page(port: int, path: str = "/") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return str(answer.read().decode())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_sandbox_sells_stops_and_comes_back(tmp_path: Path) -> None:
    data, port = tmp_path / "data", _free_ports(3)

    with _sandbox(data, port) as first:
        assert first.poll() is None, data.with_suffix(".log").read_text()
        wait_until(
            lambda: all(title in _page(port) for title in TITLES),
            what="the demo content is on sale",
        )
        assert {"₩4,900", "$9.00"} <= set(re.findall(r"[₩$][\d,.]+\d", _page(port)))
        assert all(_listens(port + n) for n in range(3))
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 0
    assert not any(_listens(port + n) for n in range(3))

    with _sandbox(data, port) as second:
        assert second.poll() is None
        page = _page(port)
        assert all(title in page for title in TITLES)
        # Made once: the second start has not put them on sale again.
        assert len(set(re.findall(r"/l/([0-9a-f-]{36})/", page))) == len(TITLES)
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
    assert not any(_listens(port + n) for n in range(3))


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    port = _free_ports(3)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + 1))
        other.listen()
        with _sandbox(tmp_path / "data", port) as process:
            assert process.wait(30) == 1

    told = (tmp_path / "data.log").read_text()
    assert f"Port {port + 1}, for the Stripe emulator, is taken by another program" in told
    assert "make run PORT=" in told
    assert "Traceback" not in told
    assert not (tmp_path / "data" / "db.sqlite3").exists()
