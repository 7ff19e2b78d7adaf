"""What can go wrong with torrents and announces.

* MarketplaceError
  + NotFoundError
    - TorrentNotFoundError   the package has no torrent (yet)
* AnnounceError              told to the BitTorrent client as `failure reason` (BEP 3)
"""

from __future__ import annotations

from marketplace.core.errors import NotFoundError

__all__ = ["AnnounceError", "TorrentNotFoundError"]


class TorrentNotFoundError(NotFoundError):
    code = "torrent_not_found"


class AnnounceError(Exception):
    """An announce that is refused; the message is a sentence for the client's log."""
