"""What can go wrong with torrents, swarms and announces.

* MarketplaceError
  + NotFoundError
    - TorrentNotFoundError     the package has no torrent (yet)
  + ConflictError
    - OpenSwarmError           a certificate for a swarm that needs none
    - LabelError               a label that is not the device's, or has ended
    - TooManyLabelsError       a program that is started again and again
  + InvalidError
    - CertificateRequestError  no request for a certificate of ours
* AnnounceError                told to the BitTorrent client as `failure reason` (BEP 3)
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotFoundError

__all__ = [
    "AnnounceError",
    "CertificateRequestError",
    "LabelError",
    "OpenSwarmError",
    "TooManyLabelsError",
    "TorrentNotFoundError",
]


class TorrentNotFoundError(NotFoundError):
    code = "torrent_not_found"


class OpenSwarmError(ConflictError):
    code = "open_swarm"


class LabelError(ConflictError):
    code = "label_ended"


class TooManyLabelsError(ConflictError):
    code = "too_many_labels"


class CertificateRequestError(InvalidError):
    code = "certificate_request"


class AnnounceError(Exception):
    """An announce that is refused; the message is a sentence for the client's log."""
