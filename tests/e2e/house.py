"""A whole shop on loopback for a test: the same processes as `make run`, each to be stopped alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

__all__ = ["House", "Seeder", "open_house", "wait_until"]

ROOT = Path(__file__).resolve().parents[2]


def wait_until(true: Callable[[], Any], *, what: str, seconds: float = 60) -> Any:
    """Poll `true` until it holds, and return what it gave; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := true():
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s in vain: {what}")


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """Web, worker, origin and Stripe emulator over one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port, self.stripe_port, self.origin_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "marketplace.config.settings.sandbox",
            "GEOBUK_DATA": str(self.data),
            "GEOBUK_URL": self.url,
            "STRIPE_API_BASE": f"http://127.0.0.1:{self.stripe_port}",
            "GEOBUK_ORIGIN_LISTEN": f"127.0.0.1:{self.origin_port}",
            "GEOBUK_ORIGIN_TLS_LISTEN": f"127.0.0.1:{free_port()}",
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def manage(self, *arguments: str, given: str | None = None) -> str:
        """Run a management command to its end, and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(self, code: str) -> str:
        """Run `code` in a Django shell of the house."""
        return self.manage("shell", "--verbosity=0", "-c", code)

    def prepare(self) -> None:
        """Database, cache table and static files, as the sandbox does."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.manage("migrate", "-v0")
        self.manage("createcachetable", "-v0")
        self.manage("collectstatic", "-v0", "--no-input")

    def start(self, *names: str) -> None:
        """Start the parts, in the order of `names`; all four where none is named."""
        for name in names or ("stripe", "web", "worker", "origin"):
            self._start(name)

    def _start(self, name: str) -> None:
        command, ready = self._part(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        wait_until(lambda: ready() or self._dead(name), what=f"{name} is ready", seconds=30)
        assert not self._dead(name), self.log(name)

    def stop(self, *names: str, kill: bool = False) -> None:
        """End the parts by SIGTERM (or SIGKILL), and wait for them."""
        for name in names or tuple(reversed(self._running)):
            process = self._running.pop(name)
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            process.wait(15)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _dead(self, name: str) -> bool:
        return self._running[name].poll() is not None

    def _part(self, name: str) -> tuple[list[str], Callable[[], bool]]:
        python = sys.executable
        if name == "stripe":
            secret = self.manage(
                "shell", "--verbosity=0", "-c", "from django.conf import settings; print(settings.STRIPE_WEBHOOK_SECRET)"
            ).split()[-1]  # fmt: skip
            command = [python, "-m", "marketplace.sandbox.stripe_emulator"]
            command += [
                "--port",
                str(self.stripe_port),
                "--data",
                str(self.data / "stripe.sqlite3"),
            ]
            command += ["--webhook", f"{self.url}/webhooks/stripe/", "--secret", secret]
            return command, lambda: _listens(self.stripe_port)
        if name == "web":
            command = [python, "-m", "uvicorn", "marketplace.config.asgi:application"]
            command += ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "warning"]
            command += ["--timeout-graceful-shutdown", "5", "--no-proxy-headers"]
            return command, lambda: _answers(f"{self.url}/.well-known/geobuk.json")
        command = [python, "manage.py", name]
        if name == "origin":
            return command, lambda: _listens(self.origin_port)
        return command, lambda: True


class Seeder:
    """One buyer's machine: a home folder of its own, and the program `geobuk`."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **os.environ,
            "GEOBUK_HOME": str(folder),
            "GEOBUK_KEYS": "file",
            "NO_COLOR": "1",
        }
        self._running: list[subprocess.Popen[str]] = []

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("geobuk")), *arguments]

    def run(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def json(self, *arguments: str) -> Any:
        """Run a command with --json, and return its last line's object."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that goes on; its output is read line by line."""
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self._running.append(process)
        return process

    def stop(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(15)
            if process.stdout is not None:
                process.stdout.close()
        self._running.clear()


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """A house with all parts running; everything ends with the block."""
    house = House(folder)
    house.prepare()
    try:
        house.start()
        yield house
    finally:
        house.stop()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
