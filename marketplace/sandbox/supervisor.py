"""The processes of the sandbox: started together, watched, and ended together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Part", "Supervisor", "SupervisorError", "check_port_is_free"]

PATIENCE = 30  # seconds until a part must be ready
GRACE = 10  # seconds a part has to end by itself


class SupervisorError(Exception):
    """A part did not start or ended by itself; the message says which and what to do."""


@dataclass(frozen=True)
class Part:
    """One process: how it starts, and how to see that it is ready."""

    name: str
    command: list[str]
    ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)


def check_port_is_free(port: int, *, what: str, mend: str) -> None:
    """Raise SupervisorError where something listens on 127.0.0.1:`port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SupervisorError(
                f"Port {port}, for {what}, is taken by another program. {mend}"
            ) from error


class Supervisor:
    """Runs parts in their own process groups, and passes on what they print."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._tail: dict[str, list[str]] = {}

    def start(self, part: Part) -> None:
        """Start `part` and wait until it is ready. Raises SupervisorError where it is not."""
        process = subprocess.Popen(  # noqa: S603
            part.command,
            env={**os.environ, **part.environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C on the terminal goes to the supervisor alone, which ends the parts in order.
            start_new_session=True,
        )
        self._running[part.name] = process
        self._tail[part.name] = []
        threading.Thread(target=self._pass_on, args=(part.name, process), daemon=True).start()
        deadline = time.monotonic() + PATIENCE
        while not part.ready():
            if process.poll() is not None:
                raise SupervisorError(self._obituary(part.name, process))
            if time.monotonic() > deadline:
                raise SupervisorError(f"The {part.name} did not get ready in {PATIENCE} seconds.")
            time.sleep(0.1)

    def wait(self) -> None:
        """Return never; raise SupervisorError when a part ends by itself."""
        while True:
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise SupervisorError(self._obituary(name, process))
            time.sleep(0.3)

    def stop(self) -> None:
        """Ask every part to end, the last first, and make sure that it did."""
        for name, process in reversed(self._running.items()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._say(f"The {name} did not end in {GRACE} seconds and is killed.")
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def _pass_on(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            tail = self._tail[name]
            tail.append(line.rstrip())
            del tail[:-15]
            sys.stdout.write(f"{name:>8} | {line}")
            sys.stdout.flush()

    def _obituary(self, name: str, process: subprocess.Popen[str]) -> str:
        last = "\n  ".join(self._tail[name])
        return f"The {name} ended by itself (code {process.returncode}). It last said:\n  {last}"
