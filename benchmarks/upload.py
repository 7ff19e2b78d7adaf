"""Two gigabytes by tus into a real server: what its memory does, and how fast it takes them."""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.results import Result

__all__ = ["run"]

ROOT = Path(__file__).resolve().parents[1]
SIZE = 2 * 1024**3
PIECE = 64 * 1024**2  # as the browser sends
BLOCK = os.urandom(1024**2)
MIB = 1024**2
BAR_MIB = 64.0

SET_UP = """
from django.test import Client
from marketplace.accounts.models import User
from marketplace.packaging.services import create_draft
user = User.objects.create_user("bench@example.org", "pw")
client = Client()
client.force_login(user)
print("BENCH", client.cookies["sessionid"].value, create_draft(owner=user).pk)
"""


def run() -> list[Result]:
    """Upload SIZE bytes; give the growth of the server's memory, and the speed."""
    folder = Path(tempfile.mkdtemp(prefix="geobuk-upload-"))
    port = _free_port()
    environment = {
        **os.environ,
        "GEOBUK_DATA": str(folder),
        "GEOBUK_URL": f"http://127.0.0.1:{port}",
        "DJANGO_SETTINGS_MODULE": "marketplace.config.settings.sandbox",
    }
    command = [sys.executable, "-m", "uvicorn", "marketplace.config.asgi:application"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    try:
        for arguments in (["migrate", "-v0"], ["createcachetable", "-v0"]):
            _manage(environment, *arguments)
        output = _manage(environment, "shell", "--verbosity=0", "-c", SET_UP)
        session, draft = output.split("BENCH ", 1)[1].split()
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            try:
                return _upload(server.pid, port, session, draft)
            finally:
                server.send_signal(signal.SIGKILL)
                server.wait()
    finally:
        shutil.rmtree(folder)


def _upload(pid: int, port: int, session: str, draft: str) -> list[Result]:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Origin": f"http://127.0.0.1:{port}",
        "Cookie": f"sessionid={session}",
    }
    _wait_for(port)
    # A small upload first: what the server loads once is no growth.
    _send(port, headers, draft, 4 * MIB)
    before = _resident(pid)
    highest = [before]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            highest[0] = max(highest[0], _resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        _send(port, headers, draft, SIZE)
    finally:
        elapsed = time.monotonic() - began
        done.set()
        watcher.join()
    return [
        Result(
            name="server memory that grew during a 2 GiB upload",
            value=(highest[0] - before) / MIB,
            unit="MiB",
            bar=BAR_MIB,
            bar_is_most=True,
        ),
        Result(name="upload of 2 GiB", value=SIZE / 1e6 / elapsed, unit="MB/s"),
    ]


def _send(port: int, headers: dict[str, str], draft: str, size: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    name, of = (base64.b64encode(text.encode()).decode() for text in ("film.mp4", draft))
    creation = {"Upload-Length": str(size), "Upload-Metadata": f"filename {name},draft {of}"}
    connection.request("POST", "/uploads/", headers={**headers, **creation})
    path = _answer(connection, 201).getheader("Location") or ""
    for offset in range(0, size, PIECE):
        length = min(PIECE, size - offset)
        piece = {
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(length),
            "Upload-Offset": str(offset),
        }
        connection.request("PATCH", path, _blocks(length), {**headers, **piece})
        _answer(connection, 204)
    connection.close()


def _blocks(length: int) -> Iterator[bytes]:
    for start in range(0, length, len(BLOCK)):
        yield BLOCK[: min(len(BLOCK), length - start)]


def _answer(connection: http.client.HTTPConnection, status: int) -> http.client.HTTPResponse:
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != status:
        raise RuntimeError(f"the server answered {answer.status}: {text.decode()}")
    return answer


def _resident(pid: int) -> int:
    """Bytes of memory that the process holds now (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the server did not start in 30 seconds")
