"""The local player against nginx on the same plaintext: a whole file, and a seek.

curl reads both on loopback by turns. nginx hands the plaintext from the page cache
to the kernel; the player reads ciphertext, authenticates and decrypts every byte.
"""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.results import Result
from drm.encoding import b64u
from drm.keys import ContentKey, IdentityKey
from drm.manifest import FileEntry
from drm.package import make_manifest, seal_files
from drm.rights import Rights
from seeder.config import ShopFolder, utc_now
from seeder.library import LibraryItem
from seeder.papers import Papers
from seeder.playback import OpenedPackage
from seeder.shops import Shop
from seeder.web.plays import Plays
from seeder.web.server import PlayerServer

__all__ = ["run"]

SIZE = 512 * 1024 * 1024
BLOCK = 16 * 1024 * 1024
ROUNDS = 5
SEEKS = 200
SEEK_BYTES = 64 * 1024
# A film of 100 Mbit/s needs 12.5 MB/s: both figures are far above what any player asks for.
SPEED_BAR = 0.5
SEEK_BAR = 20.0  # milliseconds
NGINX = "/usr/sbin/nginx"


def run() -> list[Result]:
    """Read the file whole by turns, then seek; MB/s and milliseconds, medians."""
    folder = Path(tempfile.mkdtemp(prefix="geobuk-player-"))
    try:
        package, plain = _make_package(folder)
        plays = Plays(clock=utc_now)
        with PlayerServer(plays) as server, _nginx(folder, plain) as reference:
            ours = server.file_url(plays.add(package), 0, "film.mp4")
            speeds = _by_turns(_read_whole, ours, reference)
            seeks = _by_turns(_seek, ours, reference)
    finally:
        shutil.rmtree(folder)
    return [
        Result(
            name="local player, a whole file, against nginx on the plaintext",
            value=speeds[0],
            unit="MB/s",
            reference=speeds[1],
            ratio=speeds[0] / speeds[1],
            bar=SPEED_BAR,
        ),
        Result(
            name="local player, a seek to the first 64 KiB",
            value=seeks[0],
            unit="ms",
            reference=seeks[1],
            bar=SEEK_BAR,
            bar_is_most=True,
        ),
    ]


def _by_turns(measure: Callable[[str], float], ours: str, reference: str) -> tuple[float, float]:
    measure(ours)
    measure(reference)
    pairs = [(measure(ours), measure(reference)) for _ in range(ROUNDS)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def _read_whole(url: str) -> float:
    shown = subprocess.run(
        ["curl", "-s", "-o", os.devnull, "-w", "%{size_download} %{time_total}", url],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    if int(shown[0]) != SIZE:
        raise RuntimeError(f"{url} gave {shown[0]} bytes, not {SIZE}")
    return SIZE / 1e6 / float(shown[1])


def _seek(url: str) -> float:
    """Median milliseconds from asking for a random place to having all of it."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    times = []
    for _ in range(SEEKS):
        start = secrets.randbelow(SIZE - SEEK_BYTES)
        began = time.perf_counter()
        headers = {"Range": f"bytes={start}-{start + SEEK_BYTES - 1}"}
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        if answer.status != 206 or len(answer.read()) != SEEK_BYTES:
            raise RuntimeError(f"{url} did not give the range")
        times.append(1000 * (time.perf_counter() - began))
    connection.close()
    return statistics.median(times)


def _make_package(folder: Path) -> tuple[OpenedPackage, Path]:
    plain, content = folder / "plain.bin", folder / "content"
    content.mkdir()
    with plain.open("wb") as file:
        for _ in range(SIZE // BLOCK):
            file.write(os.urandom(BLOCK))
    entry = FileEntry(name="film.mp4", media_type="video/mp4", size=SIZE, index=0)
    key = ContentKey.generate()
    with plain.open("rb") as source:
        sealed = seal_files(
            [(entry, source)],
            lambda index: (content / f"{index:05d}").open("wb"),
            key=key,
            piece_length=1024 * 1024,
        )
    package = "ab" * 32
    item = LibraryItem(
        entitlement="", listing="", title="Film", seller="", cover_url="", package=package,
        version=1, state="active", may_save=False, size=SIZE, files=(), purchased_at="",
    )  # fmt: skip
    return OpenedPackage(
        item=item,
        manifest=make_manifest(sealed, version=1),
        entries=sealed.entries,
        rights=Rights(play=True),
        content=content,
        papers=Papers(ShopFolder(folder), package, thumbprint="bench", shop=_shop()),
        online=True,
        _key=key,
    ), plain


def _shop() -> Shop:
    """A shop that has signed nothing yet."""
    site = "http://127.0.0.1"
    return Shop(
        site=site, name="Bench", root_key=b64u(IdentityKey.generate().public.to_bytes()),
        issuers=(), api=site, device_authorization_endpoint=site, token_endpoint=site,
        client_id="geobuk-seeder", websocket=site,
    )  # fmt: skip


@contextmanager
def _nginx(folder: Path, plain: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    settings = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    settings.write_text(
        f"""{user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{}}
        http {{
          access_log off; sendfile on;
          client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
          fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
          server {{ listen 127.0.0.1:{port}; root {plain.parent}; }}
        }}"""
    )
    command = [NGINX, "-c", str(settings), "-p", str(folder), "-g", "daemon off;"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}/{plain.name}"
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
