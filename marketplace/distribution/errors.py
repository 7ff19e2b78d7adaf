"""What can go wrong with torrents, swarms and announces.

* MarketplaceError
  + NotFoundError
    - TorrentNotFoundError     the package has no torrent (yet)
  + ConflictError
    - OpenSwarmError           a certificate for a swarm that needs none
    - LabelError               a label that is not the device's, or has ended
    - TooManyLabelsError       a program that is started again and again
    - ReceiptsBrokenError      receipts that do not continue what the device sent before
    - AddressUnknownError      the shop sits behind something that hides who calls
  + InvalidError
    - CertificateRequestError  no request for a certificate of ours
    - ReceiptsRefusedError     receipts that cannot be read, or are not the device's
* AnnounceError                told to the BitTorrent client as `failure reason` (BEP 3)
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotFoundError

__all__ = [
    "AddressUnknownError",
    "AnnounceError",
    "CertificateRequestError",
    "LabelError",
    "OpenSwarmError",
    "ReceiptsBrokenError",
    "ReceiptsRefusedError",
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


class AddressUnknownError(ConflictError):
    code = "address_unknown"


class ReceiptsBrokenError(ConflictError):
    code = "receipts_broken"


class ReceiptsRefusedError(InvalidError):
    code = "receipts_refused"


class CertificateRequestError(InvalidError):
    code = "certificate_request"


class AnnounceError(Exception):
    """An announce that is refused; the message is a sentence for the client's log."""
