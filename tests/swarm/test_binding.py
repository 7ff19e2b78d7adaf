"""What we know of libtorrent's Python binding and build on or around.

A failure here after a change of version is news, not a bug: read the test, look
where the code allows for it, and decide again.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from seeder.session_settings import SessionSettings
from seeder.torrents import with_announce
from tests.swarm.content import PIECE, Content, make_content

pytestmark = [pytest.mark.swarm, pytest.mark.usefixtures("socket_enabled")]

SETTINGS = SessionSettings(tcp_only=True)


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin", [PIECE, 8_000_000])


@pytest.fixture
def bare() -> Any:
    return lt.session(SETTINGS.for_libtorrent("127.0.0.1:0"))  # type: ignore[arg-type]  # stubs of 2.0


def parameters(content: Content, save_path: Path) -> Any:
    made: Any = lt.load_torrent_buffer(content.metainfo)  # type: ignore[attr-defined,unused-ignore]  # stubs of 2.0
    made.save_path = str(save_path)
    made.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return made


def next_alert(session: Any, kind: type, copy: Callable[[Any], Any]) -> Any:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        session.wait_for_alert(100)
        found = [copy(alert) for alert in session.pop_alerts() if isinstance(alert, kind)]
        if found:
            return found[0]
    raise AssertionError(f"no {kind.__name__} came")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_version_is_the_pinned_one() -> None:
    assert lt.version == "2.1.1.0"


def test_every_setting_that_we_send_exists() -> None:
    sent = set(SETTINGS.for_libtorrent("127.0.0.1:0"))

    # The list of defaults leaves this one out; an unknown name raises.
    assert sent - set(lt.default_settings()) == {"outgoing_interfaces"}
    with pytest.raises(KeyError):
        lt.session({"no_such_setting": 1})  # type: ignore[arg-type]  # stubs of 2.0


def test_a_torrent_of_one_file_ignores_its_folder_name(tmp_path: Path) -> None:
    alone = make_content(tmp_path / "one", [5])
    several = make_content(tmp_path / "two", [5, 5])

    def first_path(content: Content) -> str:
        info = parameters(content, tmp_path).ti
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return str(info.files().file_path(0))

    # So `Session.add` gives such a torrent the package's own folder as its save path.
    assert first_path(alone) == "00000"
    assert first_path(several) == f"{several.name}/00000"


def test_the_buffer_functions_of_torrents_fail_and_those_of_resume_data_work(
    tmp_path: Path, content: Content, bare: Any
) -> None:
    with pytest.raises(UnicodeDecodeError):
        lt.write_torrent_file_buf(parameters(content, tmp_path), 0)  # type: ignore[call-arg]  # stubs of 2.0

    handle = bare.add_torrent(parameters(content, content.save_path))
    until(lambda: bool(handle.status().is_seeding))
    handle.save_resume_data()
    payload = next_alert(
        bare, lt.save_resume_data_alert, lambda alert: lt.write_resume_data_buf(alert.params)
    )

    assert isinstance(payload, bytes)
    assert all(lt.read_resume_data(payload).have_pieces[:124])


def test_resume_data_lags_unless_the_cache_was_flushed_before(
    tmp_path: Path, content: Content, bare: Any
) -> None:
    limited = SessionSettings(tcp_only=True, download_rate=4_000_000)
    buyer: Any = lt.session(limited.for_libtorrent("127.0.0.1:0"))  # type: ignore[arg-type]  # stubs of 2.0
    rules: Any = lt.ip_filter()
    rules.add_rule("127.0.0.0", "127.255.255.255", 1)
    buyer.set_peer_class_filter(rules)
    bare.add_torrent(parameters(content, content.save_path))
    handle = buyer.add_torrent(parameters(content, tmp_path / "buyer"))
    handle.connect_peer(("127.0.0.1", bare.listen_port()))
    until(lambda: int(handle.status().num_pieces) > 10)
    handle.pause()

    handle.flush_cache()
    next_alert(buyer, lt.cache_flushed_alert, lambda _: True)
    known = handle.status().num_pieces
    handle.save_resume_data()
    payload = next_alert(
        buyer, lt.save_resume_data_alert, lambda alert: lt.write_resume_data_buf(alert.params)
    )

    # Flushed first, the data names every piece; `flush_disk_cache` alone names those of before.
    assert sum(lt.read_resume_data(payload).have_pieces) >= known > 10


def test_a_duplicate_is_the_old_handle_and_a_removed_one_raises(
    content: Content, bare: Any
) -> None:
    handle = bare.add_torrent(parameters(content, content.save_path))
    again = bare.add_torrent(parameters(content, content.save_path))

    assert handle == again
    bare.remove_torrent(handle)
    until(lambda: not handle.is_valid())
    with pytest.raises(RuntimeError):
        handle.pause()


def test_bdecode_takes_what_has_two_readings() -> None:
    assert lt.bdecode(b"d1:bi1e1:ai2ee") == {b"a": 2, b"b": 1}


def test_a_refusing_tracker_is_quoted_by_a_method(content: Content, bare: Any) -> None:
    made = parameters(content, content.save_path)
    # Nobody listens there; on loopback any other path than /announce is not even asked.
    made.trackers = ["http://127.0.0.1:9/elsewhere"]
    bare.add_torrent(made)

    reason, message = next_alert(
        bare,
        lt.tracker_error_alert,
        lambda alert: (alert.failure_reason(), alert.error.message()),
    )

    assert reason == ""
    assert message == "blocked by SSRF mitigation"


def test_announce_addresses_come_out_of_the_torrent(content: Content) -> None:
    url = "http://127.0.0.1:8000/announce/token"
    made: Any = lt.load_torrent_buffer(with_announce(content.metainfo, url))  # type: ignore[attr-defined,unused-ignore]  # stubs of 2.0

    assert made.trackers == [url]
