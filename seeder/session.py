"""A BitTorrent session: libtorrent behind one thread that reads its alerts.

One pump thread pops alerts, copies them into plain values (`seeder.alerts`) and
keeps the last status of each torrent; everyone else sees frozen snapshots and
may call every method from any thread. What a session leaves for the next one is
in `seeder.resume`: after kill -9, or where a file's size or time is not what it
was, the files are hashed again, and everything that is there is found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import libtorrent as lt

from seeder import alerts
from seeder.alerts import PeerSnapshot, TorrentState
from seeder.desk import Desk
from seeder.errors import (
    ListenError,
    SessionClosedError,
    SessionError,
    SourceFilesError,
    SwarmTimeoutError,
    TorrentError,
    UnknownTorrentError,
)
from seeder.pump import AlertPump
from seeder.resume import ResumeFolder
from seeder.session_settings import SessionSettings
from seeder.torrents import TorrentInfo, read_metainfo
from seeder.tracked import TorrentSnapshot, TrackedTorrent

__all__ = [
    "PeerSnapshot",
    "Session",
    "SessionError",
    "SessionSettings",
    "SourceFilesError",
    "TorrentError",
    "TorrentSnapshot",
    "TorrentState",
]

_LISTEN_SECONDS = 5.0
_REMOVE_SECONDS = 5.0
_SAVE_SECONDS = 3.5  # leaves the trackers a second for the good-bye within `close`'s five


class Session:
    """Downloads and seeds private torrents until `close`; also a context manager.

    `listen` is libtorrent's list of interfaces ("127.0.0.1:0" takes a free port);
    `state_folder` belongs to this session alone. Raises ListenError where no
    address could be had.
    """

    def __init__(
        self, listen: str, state_folder: Path, *, settings: SessionSettings | None = None
    ) -> None:
        self._settings = settings or SessionSettings()
        self._desk = Desk(ResumeFolder(state_folder))
        self._changed, self._torrents = self._desk.changed, self._desk.torrents
        # The stubs describe libtorrent 2.0, so the session is untyped here.
        self._lt: Any = lt.session(self._settings.for_libtorrent(listen))  # type: ignore[arg-type]  # as said
        self._lt.set_peer_class_filter(_every_peer_counts())
        self._pump = AlertPump(
            self._lt,
            handle=self._desk.handle_all,
            save=self._desk.save_what_changed,
            ended=self._desk.pump_ended,
            status_seconds=self._settings.status_seconds,
            save_seconds=self._settings.save_seconds,
        )
        self._wait_until_listening(listen)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The TCP port that peers dial."""
        return self._desk.listening[0].port

    def add(
        self,
        metainfo: bytes,
        save_path: Path,
        *,
        seed_mode: bool = False,
        paused: bool = False,
        private: bool = True,
    ) -> TorrentInfo:
        """Add a torrent whose files are, or come, in `save_path / <package id>`.

        What is there is used: by resume data where it can be trusted, else by hashing. With
        `seed_mode` all is there and was hashed when it was sealed: now sizes alone are checked
        (else SourceFilesError), and each piece when first asked for. `private` off takes open
        torrents. Adding one again changes its announce address alone. Raises TorrentError.
        """
        info = read_metainfo(metainfo, private=private)
        with self._changed:
            self._require_open()
            known = self._torrents.get(info.info_hash)
            if known is not None:
                self._announce_to(known, info.announce)
                return info
            torrent = TrackedTorrent(info, save_path, seed_mode=seed_mode)
            if seed_mode:
                torrent.require_sizes()
            save_path.mkdir(parents=True, exist_ok=True)
            try:
                torrent.handle = self._lt.add_torrent(
                    self._parameters(metainfo, torrent, paused=paused)
                )
            except RuntimeError as error:
                raise TorrentError(f"libtorrent refuses the torrent: {error}.") from error
            self._torrents[info.info_hash] = torrent
        return info

    def remove(self, info_hash: str, *, delete_files: bool = False) -> None:
        """Take a torrent out, and with `delete_files` its files; returns when they are released."""
        with self._changed:
            torrent = self._torrent(info_hash)
            del self._torrents[info_hash]
            # The pump saves no torrent that it does not know, so nothing is written again.
            self._desk.resume.forget(info_hash)
            option = lt.options_t.delete_files if delete_files else 0
            self._lt.remove_torrent(torrent.handle, option)
            gone = alerts.Removed(info_hash, deleted=delete_files)
            self._wait(
                lambda: gone in self._desk.removed, _REMOVE_SECONDS, "the removal of a torrent"
            )
            self._desk.removed.discard(gone)

    def pause(self, info_hash: str) -> None:
        """Stop a torrent; its resume data is saved."""
        with self._changed:
            self._torrent(info_hash).handle.pause()

    def resume(self, info_hash: str) -> None:
        """Go on with a torrent, also after an error such as a full disk."""
        with self._changed:
            torrent = self._torrent(info_hash)
            torrent.fault = ""
            torrent.handle.clear_error()
            # A full disk leaves this flag behind; waiting alone does not take it away.
            torrent.handle.unset_flags(lt.torrent_flags.upload_mode)
            torrent.handle.resume()

    def recheck(self, info_hash: str) -> None:
        """Hash the files again."""
        with self._changed:
            torrent = self._torrent(info_hash)
            torrent.pieces_known = False
            torrent.handle.force_recheck()

    def connect_peer(self, info_hash: str, address: tuple[str, int]) -> None:
        """Dial a peer (IP address, TCP port)."""
        with self._changed:
            self._torrent(info_hash).handle.connect_peer(address)

    def set_rates(self, *, download: int, upload: int) -> None:
        """Change the limits in bytes a second, 0 for none."""
        with self._changed:
            self._require_open()
            self._lt.apply_settings({"download_rate_limit": download, "upload_rate_limit": upload})

    def snapshot(self) -> tuple[TorrentSnapshot, ...]:
        """Give every torrent as it was at the last report, in the order of adding."""
        with self._changed:
            return tuple(torrent.snapshot() for torrent in self._torrents.values())

    def peers(self) -> tuple[PeerSnapshot, ...]:
        """Ask who is connected now, in every torrent that has peers.

        Takes a question to libtorrent's thread for each of those, and no lock meanwhile.
        """
        with self._changed:
            self._require_open()
            asked = {
                name: torrent.handle
                for name, torrent in self._torrents.items()
                if torrent.status is not None and torrent.status.peers
            }
        return tuple(
            peer for name, handle in asked.items() for peer in alerts.ask_peers(name, handle)
        )

    def wait_for(
        self, predicate: Callable[[tuple[TorrentSnapshot, ...]], bool], *, timeout: float
    ) -> tuple[TorrentSnapshot, ...]:
        """Wait until the snapshot fulfils the predicate; SwarmTimeoutError after `timeout` s."""
        with self._changed:
            self._require_open()
            self._wait(lambda: predicate(self.snapshot()), timeout, "the torrents")
            return self.snapshot()

    def wait_for_state(
        self, info_hash: str, state: TorrentState, *, timeout: float
    ) -> TorrentSnapshot:
        """Wait until one torrent is in the state."""
        with self._changed:
            torrent = self._torrent(info_hash)
            self._wait(
                lambda: torrent.snapshot().state is state, timeout, f"the state {state.value!r}"
            )
            return torrent.snapshot()

    def close(self) -> None:
        """Save everything and stop, within five seconds; a second call does nothing."""
        with self._changed:
            if self._desk.closing:
                return
            self._desk.closing = True
            if self._pump.alive:
                self._lt.pause()
                for torrent in self._torrents.values():
                    torrent.ask_to_save(torrent.handle.flush_cache)
                everything_saved = self._changed.wait_for(self._desk.settled, _SAVE_SECONDS)
                if everything_saved and not self._desk.save_failures:
                    self._desk.resume.mark_clean()
            self._changed.notify_all()
        self._pump.stop()
        self._torrents.clear()
        # The last reference ends libtorrent's threads, which may wake the pump until then.
        self._lt = None
        self._pump.release()

    # What the other threads ask for.

    def _parameters(self, metainfo: bytes, torrent: TrackedTorrent, *, paused: bool) -> Any:
        flags = lt.torrent_flags
        parameters: Any = lt.load_torrent_buffer(metainfo)
        # A torrent of one file lies in the save path itself, whatever its name says.
        alone = len(torrent.paths) == 1
        parameters.save_path = str(torrent.folder if alone else torrent.save_path)
        parameters.flags &= ~(flags.auto_managed | flags.paused)
        if paused:
            parameters.flags |= flags.paused
        if torrent.seed_mode:
            parameters.flags |= flags.seed_mode
        remembered = self._desk.resume.load(torrent.info.info_hash, torrent.paths)
        if remembered is None:
            return parameters
        with contextlib.suppress(RuntimeError):  # data of another libtorrent: hash instead
            # Only counters and pieces are taken over: trackers and paths are the caller's.
            old: Any = lt.read_resume_data(remembered.payload)
            parameters.total_uploaded = old.total_uploaded
            parameters.total_downloaded = old.total_downloaded
            if remembered.trusted and not torrent.seed_mode:
                parameters.have_pieces = old.have_pieces
                parameters.unfinished_pieces = old.unfinished_pieces
                torrent.saved = True
        return parameters

    def _announce_to(self, torrent: TrackedTorrent, announce: str | None) -> None:
        if announce != torrent.announce:
            torrent.announce = announce
            torrent.handle.replace_trackers([{"url": announce, "tier": 0}] if announce else [])

    def _torrent(self, info_hash: str) -> TrackedTorrent:
        self._require_open()
        try:
            return self._torrents[info_hash]
        except KeyError:
            raise UnknownTorrentError(
                f"No torrent {info_hash[:12]}… is running here; add it first."
            ) from None

    def _require_open(self) -> None:
        if self._desk.closing:
            raise SessionClosedError("The session is closed; start the seeder again.")

    def _wait(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        def over() -> bool:
            return condition() or self._desk.closing or not self._pump.alive

        if not self._changed.wait_for(over, timeout):
            raise SwarmTimeoutError(f"Waiting for {what} took longer than {timeout:g} s.")
        if not condition():
            self._require_open()
            raise SessionError("The BitTorrent part has stopped; start the seeder again.")

    def _wait_until_listening(self, listen: str) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._desk.listening or self._desk.listen_failures), _LISTEN_SECONDS
            )
            if not self._desk.listening:
                # Another interface of the list may still succeed.
                self._changed.wait_for(lambda: bool(self._desk.listening), 0.5)
            if self._desk.listening:
                return
            reasons = {failure.message for failure in self._desk.listen_failures}
        self.close()
        raise ListenError(
            f"Cannot listen on {listen} ({'; '.join(sorted(reasons)) or 'no answer'}). "
            "Stop the program that uses the port, or choose another port."
        )


def _every_peer_counts() -> Any:
    """Put peers of the local network under the same limits as all others."""
    rules: Any = lt.ip_filter()
    session: Any = lt.session  # for the stubs the constant is a method
    everyone = 1 << session.global_peer_class_id
    rules.add_rule("0.0.0.0", "255.255.255.255", everyone)  # noqa: S104  # a range, not an address to bind
    rules.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", everyone)
    return rules
