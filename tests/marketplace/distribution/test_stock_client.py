"""A client that is not ours in an open swarm: Debian's qbittorrent-nox, without a screen.

Everything between is real: the shop's whole ASGI application behind uvicorn, the origin
on libtorrent, the announce address of a device.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from marketplace.config.asgi import application
from marketplace.distribution import services
from marketplace.distribution.origin import Origin
from marketplace.distribution.queries import swarm_sizes
from marketplace.distribution.types import SwarmSize
from seeder.session import Session, SessionSettings
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.distribution.serving import serving
from tests.marketplace.trade import buy, make_person, sell

pytestmark = [
    pytest.mark.swarm,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("socket_enabled"),
]

# As a first start with a screen would ask for it; no port is opened at a router, nobody is
# looked for outside, and the page for remote control is for this machine.
_SETTINGS = """
[LegalNotice]
Accepted=true

[BitTorrent]
Session\\Port={port}
Session\\Interface=lo
Session\\InterfaceAddress=127.0.0.1
Session\\InterfaceName=lo
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\BTProtocol=TCP

[Network]
PortForwardingEnabled=false

[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Port={control}
WebUI\\LocalHostAuth=false
WebUI\\UseUPnP=false
"""


@pytest.fixture
def shop(settings: Settings) -> Iterator[str]:
    """The shop's port, with announce addresses that lead to it."""
    settings.CLOSED_SWARMS = False
    with serving(application) as port:
        settings.TRACKER_URL = f"http://127.0.0.1:{port}/announce"
        yield settings.TRACKER_URL


@contextmanager
def _qbittorrent(folder: Path, torrent: Path) -> Iterator[int]:
    """Run it on `torrent` for a block, saving under `folder`/saved; yields its control port."""
    program = shutil.which("qbittorrent-nox")
    assert program is not None, "qBittorrent is not installed: apt-get install qbittorrent-nox"
    port, control = _free_ports()
    place = folder / "profile" / "qBittorrent" / "config" / "qBittorrent.conf"
    place.parent.mkdir(parents=True)
    place.write_text(_SETTINGS.format(port=port, control=control))
    command = [program, f"--profile={folder / 'profile'}", f"--save-path={folder / 'saved'}"]
    command += ["--skip-dialog=true", "--add-paused=false", str(torrent)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "HOME": str(folder)}
        )
    try:
        yield control
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _until(condition: Callable[[], bool], what: Callable[[], str], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def _torrents(control: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", control, timeout=10)
    try:
        connection.request("GET", "/api/v2/torrents/info")
        return connection.getresponse().read().decode()
    except OSError as error:
        return str(error)
    finally:
        connection.close()


def test_qbittorrent_downloads_a_package_and_is_counted_as_a_seed(
    shop: str, tmp_path: Path
) -> None:
    listing, ada = sell(files={"a.flac": b"fLaC" + os.urandom(3_000_000)}), make_person()
    package = listing.package_id
    assert package is not None
    buy(ada, listing)
    device = FakeSeeder().log_in(ada)
    torrent = tmp_path / "bought.torrent"
    torrent.write_bytes(services.torrent_for_device(user=ada, device=device, package_id=package))
    fast = SessionSettings(tcp_only=True, status_seconds=0.1)
    sealed = tmp_path / "store" / package / "00000"
    saved = tmp_path / "saved" / "00000"  # of a torrent of one file libtorrent makes no folder

    with Session("127.0.0.1:0", tmp_path / "origin", settings=fast) as session:
        Origin(session).step()
        _until(lambda: swarm_sizes([package])[package].seeds == 1, lambda: "no origin")
        with _qbittorrent(tmp_path, torrent) as control:
            _until(
                lambda: swarm_sizes([package])[package] == SwarmSize(2, 0, 1),
                lambda: f"{swarm_sizes([package])} {_torrents(control)}",
            )
        _until(lambda: swarm_sizes([package])[package].seeds == 1, lambda: "it never said goodbye")

    assert saved.read_bytes() == sealed.read_bytes()
