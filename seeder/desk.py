"""What a session knows of its torrents, and how libtorrent's reports change it.

The pump thread reports, every other thread reads; `changed` guards all of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from seeder import alerts
from seeder.line import Line, PortMapped, PortRefused, SeenAs, Traffic
from seeder.resume import ResumeFolder, file_times
from seeder.tracked import TrackedTorrent

__all__ = ["Desk"]

_log = logging.getLogger("seeder.session")


class Desk:
    """The torrents of one session by info-hash, and what was heard of the session itself."""

    def __init__(self, resume: ResumeFolder) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.torrents: dict[str, TrackedTorrent] = {}
        self.removed: set[alerts.Removed] = set()
        self.listening: list[alerts.Listening] = []
        self.listen_failures: list[alerts.ListenFailed] = []
        self.line = Line()
        self.closing = False
        self.resume = resume

    def settled(self) -> bool:
        """Whether no saving is under way."""
        return all(torrent.settled for torrent in self.torrents.values())

    def unsure(self) -> set[str]:
        """Give the torrents of which the last news is not saved."""
        return {h for h, one in self.torrents.items() if not one.settled or one.save_failed}

    def handle_all(self, events: Sequence[alerts.Event]) -> None:
        """Take what the pump copied of one pop, and wake who waits."""
        with self.changed:
            for event in events:
                self._handle(event)
            self.changed.notify_all()

    def pump_ended(self) -> None:
        """Wake who waits: nothing more will be heard."""
        with self.changed:
            self.changed.notify_all()

    def save_what_changed(self) -> None:
        """Ask for the resume data of every torrent that has something new; make the last last."""
        try:
            self.resume.sync()
        except OSError as error:
            _log.warning("Resume data cannot be made to last: %s", error)
        with self.changed:
            for torrent in self.torrents.values():
                if not self.closing and torrent.status is not None and torrent.status.unsaved:
                    torrent.ask_to_save(torrent.handle.flush_cache)

    def _handle(self, event: alerts.Event) -> None:
        match event:
            case alerts.StatusReport(statuses):
                for status in statuses:
                    if (torrent := self.torrents.get(status.info_hash)) is not None:
                        torrent.status = status
            case alerts.Listening():
                self.listening.append(event)
            case alerts.ListenFailed():
                self.listen_failures.append(event)
            case alerts.Removed():
                self.removed.add(event)
            case Traffic() | PortMapped() | PortRefused() | SeenAs():
                self.line.hear(event)
            case alerts.AlertsDropped():
                _log.warning("libtorrent's alert queue ran over; the next report repairs the view")
            case _:
                # What comes late for a torrent that was removed has no one to hear it.
                torrent = self.torrents.get(event.info_hash)
                if torrent is not None:
                    self._handle_torrent(event, torrent)

    def _handle_torrent(self, event: alerts.TorrentEvent, torrent: TrackedTorrent) -> None:
        flush = torrent.handle.flush_cache
        match event:
            case alerts.Checked():
                torrent.pieces_known = not torrent.seed_mode
            case alerts.Finished():
                torrent.finished(flush)
            case alerts.Paused():
                torrent.ask_to_save(flush)
            case alerts.CacheFlushed():
                if torrent.flushed():
                    modified = alerts.ONLY_IF_MODIFIED if torrent.saved else 0
                    torrent.handle.save_resume_data(modified)
            case alerts.ResumeReady(payload=payload):
                torrent.save_ended(flush, saved=self._write_resume(torrent, payload))
            case alerts.ResumeFailed(unchanged=unchanged):
                torrent.save_failed = not unchanged
                torrent.save_ended(flush, saved=False)
            case _:
                self._note(event, torrent)

    def _note(
        self,
        event: alerts.FileFault | alerts.TrackerFailed | alerts.TrackerAnswered,
        torrent: TrackedTorrent,
    ) -> None:
        match event:
            case alerts.FileFault(message=message):
                if torrent.fault != message:  # a full disk says it some 140 times
                    _log.warning("%s: %s", torrent.info.name, message)
                    self._doubt(torrent)
                torrent.fault = message
            case alerts.TrackerFailed(message=message):
                torrent.tracker_error = message
            case alerts.TrackerAnswered():
                torrent.tracker_error = ""

    def _doubt(self, torrent: TrackedTorrent) -> None:
        """Believe nothing that was known of the files: what was received may not be in them."""
        torrent.doubt()
        try:
            self.resume.forget(torrent.info.info_hash)  # takes no room, unlike a new one
        except OSError:
            torrent.save_failed = True

    def _write_resume(self, torrent: TrackedTorrent, payload: bytes) -> bool:
        times = file_times(torrent.paths) if torrent.pieces_known else None
        try:
            self.resume.save(torrent.info.info_hash, payload, times)
        except OSError as error:
            # Without it the next session hashes the files: slower, not wrong.
            _log.warning("%s: resume data cannot be saved: %s", torrent.info.name, error)
            torrent.save_failed = True
            return False
        torrent.save_failed = False
        return True
