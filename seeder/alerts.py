"""libtorrent's alerts and states as plain frozen values.

An alert that is touched after the next `pop_alerts()` crashes the interpreter.
So the pump calls `copy_alert` on each one inside its loop, and nothing else in
the program ever holds an alert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import libtorrent as lt

from seeder.line import LineEvent, PortMapped, PortRefused, SeenAs, Traffic

__all__ = [
    "ALERT_MASK",
    "ONLY_IF_MODIFIED",
    "AlertsDropped",
    "CacheFlushed",
    "Checked",
    "Event",
    "FileFault",
    "Finished",
    "ListenFailed",
    "Listening",
    "Paused",
    "PeerSnapshot",
    "Removed",
    "ResumeFailed",
    "ResumeReady",
    "StatusReport",
    "TorrentEvent",
    "TorrentState",
    "TorrentStatus",
    "TrackerAnswered",
    "TrackerFailed",
    "ask_peers",
    "copy_alert",
]

ALERT_MASK = int(
    lt.alert_category.error
    | lt.alert_category.status
    | lt.alert_category.storage
    | lt.alert_category.tracker
    | lt.alert_category.port_mapping
)


# A flag of `save_resume_data`.
ONLY_IF_MODIFIED: Any = lt.save_resume_flags_t.only_if_modified


class TorrentState(StrEnum):
    """The words of the progress report (docs/protocol-v1.md)."""

    CHECKING = "checking"
    DOWNLOADING = "downloading"
    SEEDING = "seeding"
    PAUSED = "paused"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class TorrentStatus:
    """What libtorrent says of one torrent. Sizes in bytes, rates in bytes a second, payload only."""

    info_hash: str
    state: TorrentState
    done: int
    down_rate: int
    up_rate: int
    downloaded: int  # in all sessions
    uploaded: int  # in all sessions
    failed: int  # received, but did not hash to what the torrent says
    peers: int
    seeds: int
    error: str
    unsaved: bool  # there is something new for the resume data
    received: int = 0  # since it last began to run
    sent: int = 0  # since it last began to run


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The torrents that changed since the last report."""

    torrents: tuple[TorrentStatus, ...]


@dataclass(frozen=True, slots=True)
class Listening:
    """A TCP socket listens; `tls` where it is the one of closed swarms."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class ListenFailed:
    """A socket could not be opened."""

    interface: str
    message: str


@dataclass(frozen=True, slots=True)
class CacheFlushed:
    """All that was received so far is with the operating system."""

    info_hash: str


@dataclass(frozen=True, slots=True)
class ResumeReady:
    """Resume data, as libtorrent wants to read it again."""

    info_hash: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ResumeFailed:
    """No resume data came: nothing had changed, or the torrent is in no state to give it."""

    info_hash: str
    unchanged: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """The files on the disk were compared with the torrent."""

    info_hash: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Every piece is there."""

    info_hash: str


@dataclass(frozen=True, slots=True)
class Paused:
    """The torrent has stopped."""

    info_hash: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The torrent has left the session; `deleted` where its files went too."""

    info_hash: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class FileFault:
    """A file could not be read or written."""

    info_hash: str
    message: str


@dataclass(frozen=True, slots=True)
class TrackerFailed:
    """The tracker refused or did not answer."""

    info_hash: str
    message: str


@dataclass(frozen=True, slots=True)
class TrackerAnswered:
    """The tracker answered."""

    info_hash: str


@dataclass(frozen=True, slots=True)
class PeerSnapshot:
    """One connection of one torrent. Payload bytes of this connection and, where the same
    address and port was dialled before in this session, of the earlier ones."""

    info_hash: str
    host: str
    port: int  # where it listens if we dialled it, else where it called from
    label: str  # its peer id, where that is 20 letters and digits and known already; else ""
    downloaded: int
    uploaded: int
    outgoing: bool  # we dialled
    seed: bool
    masked: bool = False  # its peer id is known, and is none that a shop gives


@dataclass(frozen=True, slots=True)
class AlertsDropped:
    """The queue ran over; something of the above was lost."""


TorrentEvent = (
    CacheFlushed
    | ResumeReady
    | ResumeFailed
    | Checked
    | Finished
    | Paused
    | FileFault
    | TrackerFailed
    | TrackerAnswered
)
Event = StatusReport | Listening | ListenFailed | Removed | AlertsDropped | LineEvent | TorrentEvent

_CHECKING = {
    lt.torrent_status.checking_files,
    lt.torrent_status.checking_resume_data,
}
_SEEDING = {lt.torrent_status.seeding, lt.torrent_status.finished}


def copy_alert(alert: Any) -> Event | None:
    """Copy what we use of an alert; None for the kinds that we do not.

    The argument is untyped because the stubs describe libtorrent 2.0.
    """
    copy = _COPIERS.get(type(alert))
    return copy(alert) if copy is not None else None


def ask_peers(info_hash: str, handle: Any) -> tuple[PeerSnapshot, ...]:
    """Ask a torrent for its connections; nothing where it has left the session meanwhile.

    A question to the session's thread and back, which frees the interpreter while it waits:
    `peer_info_alert` would need none, but its list cannot be read from Python (2.1.1).
    """
    try:
        peers = handle.get_peer_info()
    except RuntimeError:  # removed
        return ()
    return tuple(_peer(info_hash, peer) for peer in peers)


def _hash_of(alert: Any) -> str:
    # Not a call into the session's thread, unlike the other getters of a handle.
    return str(alert.handle.info_hashes().v2)


def _copy_status(alert: Any) -> Event:
    return StatusReport(tuple(_status(status) for status in alert.status))


def _status(status: Any) -> TorrentStatus:
    error = status.errc.message() if status.errc.value() else ""
    return TorrentStatus(
        info_hash=str(status.info_hashes.v2),
        state=_state(status),
        done=status.total_done,
        down_rate=status.download_payload_rate,
        up_rate=status.upload_payload_rate,
        downloaded=status.all_time_download,
        uploaded=status.all_time_upload,
        failed=status.total_failed_bytes,
        peers=status.num_peers,
        seeds=status.num_seeds,
        error=error,
        unsaved=bool(status.need_save_resume_data),
        received=status.total_payload_download,
        sent=status.total_payload_upload,
    )


def _state(status: Any) -> TorrentState:
    if status.errc.value():
        return TorrentState.ERROR
    if status.flags & lt.torrent_flags.paused:
        return TorrentState.PAUSED
    if status.flags & lt.torrent_flags.upload_mode:
        # A full disk: libtorrent reports success, and has stopped writing.
        return TorrentState.ERROR
    if status.state in _CHECKING:
        return TorrentState.CHECKING
    return TorrentState.SEEDING if status.state in _SEEDING else TorrentState.DOWNLOADING


def _copy_listening(alert: Any) -> Event | None:
    tls = alert.socket_type == lt.socket_type_t.tcp_ssl
    if not tls and alert.socket_type != lt.socket_type_t.tcp:
        return None
    return Listening(str(alert.address), int(alert.port), tls=tls)


def _copy_listen_failed(alert: Any) -> Event:
    return ListenFailed(str(alert.listen_interface()), alert.error.message())


def _copy_resume(alert: Any) -> Event:
    params = alert.params
    return ResumeReady(str(params.info_hashes.v2), bytes(lt.write_resume_data_buf(params)))


def _copy_resume_failed(alert: Any) -> Event:
    # Its error is "fastresume not modified since last save" where that is all.
    return ResumeFailed(_hash_of(alert), unchanged="not modified" in alert.error.message())


def _copy_file_error(alert: Any) -> Event:
    return FileFault(_hash_of(alert), alert.error.message())


def _copy_tracker_error(alert: Any) -> Event:
    # `failure reason` of the tracker's answer, or else what the network said.
    return TrackerFailed(_hash_of(alert), alert.failure_reason() or alert.error.message())


def _peer(info_hash: str, peer: Any) -> PeerSnapshot:
    host, port = peer.ip
    peer_id = peer.pid.to_bytes()
    is_label = peer_id.isalnum() and peer_id.isascii()
    return PeerSnapshot(
        info_hash=info_hash,
        host=str(host),
        port=int(port),
        label=peer_id.decode() if is_label else "",
        downloaded=peer.total_download,
        uploaded=peer.total_upload,
        outgoing=bool(peer.flags & lt.peer_info.outgoing_connection),
        seed=bool(peer.flags & lt.peer_info.seed),
        # Zero until the handshake.
        masked=not is_label and any(peer_id),
    )


def _copy_traffic(alert: Any) -> Event:
    values = alert.values
    return Traffic(
        # libtorrent estimates what TCP and IP add; a home line's bill counts it too.
        sent=values["net.sent_bytes"] + values["net.sent_ip_overhead_bytes"],
        received=values["net.recv_bytes"] + values["net.recv_ip_overhead_bytes"],
        content_sent=values["net.sent_payload_bytes"],
        content_received=values["net.recv_payload_bytes"],
        incoming=bool(values["net.has_incoming_connections"]),
    )


def _via(alert: Any) -> str:
    return "UPnP" if alert.map_transport == lt.portmap_transport.upnp else "NAT-PMP"


_COPIERS: dict[type, Callable[[Any], Event | None]] = {
    lt.state_update_alert: _copy_status,
    lt.listen_succeeded_alert: _copy_listening,
    lt.listen_failed_alert: _copy_listen_failed,
    lt.cache_flushed_alert: lambda alert: CacheFlushed(_hash_of(alert)),
    lt.save_resume_data_alert: _copy_resume,
    lt.save_resume_data_failed_alert: _copy_resume_failed,
    lt.torrent_checked_alert: lambda alert: Checked(_hash_of(alert)),
    lt.torrent_finished_alert: lambda alert: Finished(_hash_of(alert)),
    lt.torrent_paused_alert: lambda alert: Paused(_hash_of(alert)),
    lt.torrent_removed_alert: lambda alert: Removed(str(alert.info_hashes.v2), deleted=False),
    lt.torrent_deleted_alert: lambda alert: Removed(str(alert.info_hashes.v2), deleted=True),
    # Its files are left behind; the store's own removal says so where that matters.
    lt.torrent_delete_failed_alert: lambda alert: Removed(str(alert.info_hashes.v2), deleted=True),
    lt.file_error_alert: _copy_file_error,
    lt.torrent_error_alert: _copy_file_error,
    lt.tracker_error_alert: _copy_tracker_error,
    lt.tracker_reply_alert: lambda alert: TrackerAnswered(_hash_of(alert)),
    lt.session_stats_alert: _copy_traffic,
    lt.portmap_alert: lambda alert: PortMapped(_via(alert), int(alert.external_port)),
    lt.portmap_error_alert: lambda alert: PortRefused(_via(alert), alert.error.message()),
    lt.external_ip_alert: lambda alert: SeenAs(str(alert.external_address)),
    lt.alerts_dropped_alert: lambda alert: AlertsDropped(),
}
