"""A BitTorrent session: libtorrent behind one thread that reads its alerts.

One pump thread pops alerts, copies them into plain values (`seeder.alerts`) and
keeps the last status of each torrent; everyone else sees frozen snapshots and
may call every method from any thread. What a session leaves for the next one is
in `seeder.resume`: after kill -9, or where a file's size or time is not what it
was, the files are hashed again, and everything that is there is found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import libtorrent as lt

from seeder import alerts
from seeder.alerts import PeerSnapshot, TorrentState, TorrentStatus
from seeder.desk import Desk
from seeder.errors import (
    ListenError,
    SessionError,
    SourceFilesError,
    TorrentError,
)
from seeder.filters import block, classify
from seeder.line import Traffic
from seeder.pump import AlertPump
from seeder.resume import ResumeFolder
from seeder.session_settings import SessionSettings, random_label, require_label, searching
from seeder.session_view import SessionView
from seeder.tls import FFDHE2048
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
_TRAFFIC_SECONDS = 1.0
_SAVE_SECONDS = 3.5  # leaves the trackers a second for the good-bye within `close`'s five


class Session(SessionView):
    """Downloads and seeds private torrents until `close`; also a context manager.

    `listen` is libtorrent's list of interfaces ("127.0.0.1:0" takes a free port, and
    "127.0.0.1:0,127.0.0.1:0s" a second one for closed swarms, over TLS);
    `state_folder` belongs to this session alone. Raises ListenError where no
    address could be had.
    """

    def __init__(
        self, listen: str, state_folder: Path, *, settings: SessionSettings | None = None
    ) -> None:
        chosen = settings or SessionSettings()
        self._settings = replace(chosen, label=chosen.label or random_label())
        self._label = self._settings.label
        super().__init__(Desk(ResumeFolder(state_folder)))
        # The stubs describe libtorrent 2.0, so the session is untyped here.
        self._lt: Any = lt.session(self._settings.for_libtorrent(listen))  # type: ignore[arg-type]  # as said
        # Peers of the own network obey like all others, wherever they are put.
        local = self._lt.local_peer_class_id
        self._lt.set_peer_class(
            local, self._lt.get_peer_class(local) | {"ignore_unchoke_slots": False}
        )
        self._lan_counts = True
        self._lt.set_peer_class_filter(_peer_classes(lan_counts=True))
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
    def label(self) -> str:
        """The peer id of torrents that are added from now on."""
        return self._label

    def relabel(self, label: str) -> None:
        """Take another peer id for torrents that are added from now on; the others keep theirs.

        Raises SessionError where it is no label.
        """
        with self._changed:
            self._require_open()
            self._lt.apply_settings({"peer_fingerprint": require_label(label).encode()})
            self._label = label

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
            torrent = TrackedTorrent(
                info, save_path, metainfo=metainfo, seed_mode=seed_mode, label=self._label
            )
            if seed_mode:
                torrent.require_sizes()
            save_path.mkdir(parents=True, exist_ok=True)
            self._hand_over(torrent, paused=paused)
        return info

    def metainfo(self, info_hash: str) -> bytes:
        """Give a torrent as it was added."""
        with self._changed:
            return self._torrent(info_hash).metainfo

    def remove(self, info_hash: str, *, delete_files: bool = False, remember: bool = False) -> None:
        """Take a torrent out, and with `delete_files` its files; returns when they are released.

        With `remember` it is saved first, so that adding it again hashes nothing.
        """
        with self._changed:
            torrent = self._torrent(info_hash)
            if remember:
                torrent.ask_to_save(torrent.handle.flush_cache)
                self._wait(lambda: torrent.settled, _SAVE_SECONDS, "the saving of a torrent")
            del self._torrents[info_hash]
            # The pump saves no torrent that it does not know, so nothing is written again.
            if not remember:
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
            if torrent.lost_writes:
                self.recheck(info_hash)
                return
            torrent.go_on()
            torrent.handle.clear_error()
            # A full disk leaves this flag behind; waiting alone does not take it away.
            torrent.handle.unset_flags(lt.torrent_flags.upload_mode)
            torrent.handle.resume()

    def hold(self, info_hash: str, reason: str) -> None:
        """Fetch no more, and share what is here, until `resume`; `reason` is a sentence."""
        with self._changed:
            torrent = self._torrent(info_hash)
            torrent.held = reason
            torrent.handle.set_flags(lt.torrent_flags.upload_mode)

    def recheck(self, info_hash: str) -> None:
        """Hash the files again, in place of what is known of them.

        The torrent is taken out and added for that: after libtorrent's own recheck, one whose
        last piece is missing and short is never complete again (2.1.1).
        """
        with self._changed:
            torrent = self._torrent(info_hash)
            before = torrent.status
            paused = before is not None and before.state is TorrentState.PAUSED
            self.remove(info_hash)
            torrent.begin_anew()
            torrent.label = self._label  # whatever it ran under before
            self._hand_over(torrent, paused=paused, before=before)

    def connect_peer(self, info_hash: str, address: tuple[str, int]) -> None:
        """Dial a peer (IP address, TCP port)."""
        with self._changed:
            self._torrent(info_hash).handle.connect_peer(address)

    def set_certificate(self, info_hash: str, certificate: str, key: str) -> None:
        """Show this certificate (PEM, with its private key) to peers of a closed swarm.

        A second one renews the first: who is connected stays so. Kept in memory only.
        """
        with self._changed:
            torrent = self._torrent(info_hash)
            torrent.handle.set_ssl_certificate_buffer(certificate, key, FFDHE2048)
            torrent.certified = True

    def cut(self, info_hash: str, hosts: Collection[str]) -> None:
        """Keep these hosts out of one torrent from now on, and no others.

        Who is connected from there is cut at once. An IPv6 host stands for its /64, since
        whoever has one address of it has them all. Whoever is to come back after the cut is
        let in again by a second call without it.
        """
        with self._changed:
            torrent = self._torrent(info_hash)
            torrent.kept_out = frozenset(hosts)
            everywhere = {host for one in self._torrents.values() for host in one.kept_out}
            # The session has one filter; each torrent says whether it follows it.
            self._lt.set_ip_filter(block(lt.ip_filter(), everywhere))
            flag = lt.torrent_flags.apply_ip_filter
            (torrent.handle.set_flags if hosts else torrent.handle.unset_flags)(flag)

    def set_rates(self, *, download: int, upload: int, lan: bool = True) -> None:
        """Change the limits in bytes a second, 0 for none; they hold for peers of the own
        network (`seeder.line.is_lan`) where `lan` is on. To change that drops every link once."""
        with self._changed:
            self._require_open()
            self._lt.apply_settings({"download_rate_limit": download, "upload_rate_limit": upload})
            if lan is not self._lan_counts:
                self._lan_counts = lan
                self._lt.set_peer_class_filter(_peer_classes(lan_counts=lan))
                # A link keeps the class that it began with.
                self._lt.pause()
                self._lt.resume()

    def set_sharing(self, sharing: bool) -> None:
        """Whether any content may be sent. Off holds within a second, in the middle of a piece
        too: what was handed to the socket, half a second's worth, still goes out."""
        with self._changed:
            self._require_open()
            self._lt.apply_settings(
                {
                    "unchoke_slots_limit": -1 if sharing else 0,
                    # These pieces would be given to whoever is choked (BEP 6).
                    "allowed_fast_set_size": 5 if sharing else 0,
                }
            )

    def steer(self, info_hash: str, *, super_seeding: bool, upload: int) -> None:
        """How one torrent is served: super-seeding (BEP 16) shows each peer one piece after the
        other, so that peers give them to each other; `upload` is a limit of its own in bytes a
        second, 0 for none."""
        with self._changed:
            handle = self._torrent(info_hash).handle
            flag = lt.torrent_flags.super_seeding
            (handle.set_flags if super_seeding else handle.unset_flags)(flag)
            handle.set_upload_limit(upload or -1)

    def set_discovery(self, *, router: bool, open_swarms: bool) -> None:
        """Whether the router is asked for a port, and DHT and LAN for peers of open torrents."""
        with self._changed:
            self._require_open()
            self._desk.line.ask_router(router)
            self._lt.apply_settings(searching(router=router, open_swarms=open_swarms))

    def traffic(self) -> Traffic:
        """What went over the line since the session began; where libtorrent does not answer
        within a second, as of its last answer."""
        with self._changed:
            self._require_open()
            line = self._desk.line
            before = line.reports
            self._lt.post_session_stats()
            self._changed.wait_for(
                lambda: line.reports > before or self._desk.closing, _TRAFFIC_SECONDS
            )
            return line.traffic

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
                self._changed.wait_for(self._desk.settled, _SAVE_SECONDS)
                with contextlib.suppress(OSError):  # the next session hashes the files
                    self._desk.resume.mark_clean(unsure=self._desk.unsure())
            self._changed.notify_all()
        self._pump.stop()
        self._torrents.clear()
        # The last reference ends libtorrent's threads, which may wake the pump until then.
        self._lt = None
        self._pump.release()

    # What the other threads ask for.

    def _hand_over(
        self, torrent: TrackedTorrent, *, paused: bool, before: TorrentStatus | None = None
    ) -> None:
        parameters = self._parameters(torrent.metainfo, torrent, paused=paused)
        if before is not None:
            parameters.total_uploaded = before.uploaded
            parameters.total_downloaded = before.downloaded
        if torrent.kept_out:
            parameters.flags |= lt.torrent_flags.apply_ip_filter
        try:
            torrent.handle = self._lt.add_torrent(parameters)
        except RuntimeError as error:
            raise TorrentError(f"libtorrent refuses the torrent: {error}.") from error
        self._torrents[torrent.info.info_hash] = torrent

    def _parameters(self, metainfo: bytes, torrent: TrackedTorrent, *, paused: bool) -> Any:
        flags = lt.torrent_flags
        parameters: Any = lt.load_torrent_buffer(metainfo)
        # A torrent of one file lies in the save path itself, whatever its name says.
        alone = len(torrent.paths) == 1
        parameters.save_path = str(torrent.folder if alone else torrent.save_path)
        parameters.flags &= ~(flags.auto_managed | flags.paused | flags.apply_ip_filter)
        if torrent.kept_out:
            parameters.flags |= flags.apply_ip_filter
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

    def _wait_until_listening(self, listen: str) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._desk.listening or self._desk.listen_failures), _LISTEN_SECONDS
            )
            # The others of the list may still come.
            wanted = len(listen.split(","))
            self._changed.wait_for(lambda: len(self._desk.listening) >= wanted, 0.5)
            if self._desk.listening:
                return
            reasons = {failure.message for failure in self._desk.listen_failures}
        self.close()
        raise ListenError(
            f"Cannot listen on {listen} ({'; '.join(sorted(reasons)) or 'no answer'}). "
            "Stop the program that uses the port, or choose another port."
        )


def _peer_classes(*, lan_counts: bool) -> Any:
    """Put every peer under the same limits; without `lan_counts` all but those of the LAN."""
    session: Any = lt.session  # for the stubs the constants are methods
    everyone, nearby = 1 << session.global_peer_class_id, 1 << session.local_peer_class_id
    return classify(lt.ip_filter(), everyone=everyone, nearby=everyone if lan_counts else nearby)
