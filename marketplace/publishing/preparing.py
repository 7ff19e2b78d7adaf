"""What the publishing job does: seal, make the torrent, put on sale; or say why not.

It is the same for a listing's first version and for each later one. What differs is
what "on sale" and "back to the seller" mean.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from drm.errors import DrmError
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.errors import ListingNotReadyError, VersionNotFoundError
from marketplace.catalog.types import Listing
from marketplace.core.errors import MarketplaceError
from marketplace.distribution import services as distribution
from marketplace.licensing import services as licensing
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import (
    CustodyError,
    DraftClosedError,
    SealingRunningError,
    SealingStoppedError,
)
from marketplace.publishing.sharing import shared_closed

__all__ = ["prepare_listing", "prepare_version"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Work:
    """A draft to be prepared: `name` for the log, `publish` with the package's id, `reopen`."""

    name: str
    draft_id: uuid.UUID
    publish: Callable[[str, dt.datetime], object]
    reopen: Callable[[], object]
    closed: bool | None = None  # its swarm; None as the shop does by default


def prepare_listing(*, listing_id: uuid.UUID, stop: Callable[[], bool] = lambda: False) -> None:
    """Seal a listing's files, make their torrent, put it on sale; or say why that failed.

    Raises SealingStoppedError where `stop` says True: the job is to run again. An error
    that nobody foresaw is told the seller in general words, and raised.
    """
    listing = catalog_queries.listing_by_id(listing_id)
    if listing.status != Listing.Status.PREPARING:
        logger.info("listing %s is %s: nothing to prepare", listing_id, listing.status)
        return

    def publish(package_id: str, now: dt.datetime) -> None:
        catalog.put_on_sale(listing_id=listing_id, package_id=package_id, now=now)

    def reopen() -> None:
        # A listing that another run has put on sale meanwhile stays there.
        with contextlib.suppress(ListingNotReadyError):
            catalog.back_to_draft(listing_id=listing_id)

    _do(_Work(f"listing {listing_id}", listing.draft_id, publish, reopen), stop)


def prepare_version(*, version_id: uuid.UUID, stop: Callable[[], bool] = lambda: False) -> None:
    """The same for a new version of a listing, which sells the old one until this is ready."""
    try:
        version = catalog_queries.version_by_id(version_id)
    except VersionNotFoundError:
        logger.info("version %s was dropped: nothing to prepare", version_id)
        return
    if version.published_at is not None:
        logger.info("version %s is out: nothing to prepare", version_id)
        return

    def publish(package_id: str, now: dt.datetime) -> None:
        catalog.publish_version(version_id=version_id, package_id=package_id, now=now)
        licensing.announce_version(version.listing_id)

    closed = shared_closed(version.listing)
    _do(_Work(f"version {version_id}", version.draft_id, publish, lambda: None, closed), stop)


def _do(work: _Work, stop: Callable[[], bool]) -> None:
    try:
        _prepare(work, stop)
    except (SealingRunningError, DraftClosedError) as error:
        logger.info("%s: %s", work.name, error)
    except SealingStoppedError:
        raise
    except CustodyError:
        # Its sentence is for the operator; the seller cannot mend it.
        logger.exception("%s: the shop's keys do not open", work.name)
        _give_up(
            work,
            _("The shop cannot reach its keys. Its operator has to mend that; try again later."),
        )
    except (MarketplaceError, DrmError) as error:
        _give_up(work, str(error))
    except OSError as error:
        logger.exception("%s: the disk failed", work.name)
        reason = error.strerror or type(error).__name__
        _give_up(
            work,
            _("The shop's disk failed (%(reason)s). Try again; if it stays, tell the operator.")
            % {"reason": reason},
        )
    except Exception:
        # Whatever it was, the seller must not wait for a job that is gone.
        _give_up(work, _("Something went wrong on our side. Your files are still here: try again."))
        raise


def _prepare(work: _Work, stop: Callable[[], bool]) -> None:
    package = packaging.seal_draft(draft_id=work.draft_id, now=timezone.now(), stop=stop)
    packaging.report_stage(draft_id=work.draft_id, stage="swarm")
    distribution.create_torrent(package_id=package.pk, closed=work.closed)
    with transaction.atomic():
        work.publish(package.pk, timezone.now())
        packaging.report_stage(draft_id=work.draft_id, stage="on_sale")


@transaction.atomic
def _give_up(work: _Work, sentence: str) -> None:
    packaging.fail_draft(draft_id=work.draft_id, error=sentence)
    work.reopen()
