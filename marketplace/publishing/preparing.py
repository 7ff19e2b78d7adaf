"""What the publishing job does: seal, make the torrent, put on sale; or say why not."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from drm.errors import DrmError
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.errors import ListingNotReadyError
from marketplace.catalog.types import Listing
from marketplace.core.errors import MarketplaceError
from marketplace.distribution import services as distribution
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import (
    CustodyError,
    DraftClosedError,
    SealingRunningError,
    SealingStoppedError,
)

__all__ = ["prepare_listing"]

logger = logging.getLogger(__name__)


def prepare_listing(*, listing_id: uuid.UUID, stop: Callable[[], bool] = lambda: False) -> None:
    """Seal a listing's files, make their torrent, put it on sale; or say why that failed.

    Raises SealingStoppedError where `stop` says True: the job is to run again. An error
    that nobody foresaw is told the seller in general words, and raised.
    """
    listing = catalog_queries.listing_by_id(listing_id)
    if listing.status != Listing.Status.PREPARING:
        logger.info("listing %s is %s: nothing to prepare", listing_id, listing.status)
        return
    try:
        _prepare(listing, stop)
    except (SealingRunningError, DraftClosedError) as error:
        logger.info("listing %s: %s", listing_id, error)
    except SealingStoppedError:
        raise
    except CustodyError:
        # Its sentence is for the operator; the seller cannot mend it.
        logger.exception("listing %s: the shop's keys do not open", listing_id)
        _give_up(
            listing,
            _("The shop cannot reach its keys. Its operator has to mend that; try again later."),
        )
    except (MarketplaceError, DrmError) as error:
        _give_up(listing, str(error))
    except OSError as error:
        logger.exception("listing %s: the disk failed", listing_id)
        reason = error.strerror or type(error).__name__
        _give_up(
            listing,
            _("The shop's disk failed (%(reason)s). Try again; if it stays, tell the operator.")
            % {"reason": reason},
        )
    except Exception:
        # Whatever it was, the seller must not wait for a job that is gone.
        _give_up(
            listing, _("Something went wrong on our side. Your files are still here: try again.")
        )
        raise


def _prepare(listing: Listing, stop: Callable[[], bool]) -> None:
    now = timezone.now()
    package = packaging.seal_draft(draft_id=listing.draft_id, now=now, stop=stop)
    packaging.report_stage(draft_id=listing.draft_id, stage="swarm")
    distribution.create_torrent(package_id=package.pk)
    with transaction.atomic():
        catalog.put_on_sale(listing_id=listing.pk, package_id=package.pk, now=timezone.now())
        packaging.report_stage(draft_id=listing.draft_id, stage="on_sale")


@transaction.atomic
def _give_up(listing: Listing, sentence: str) -> None:
    packaging.fail_draft(draft_id=listing.draft_id, error=sentence)
    # A listing that another run has put on sale meanwhile stays there.
    with contextlib.suppress(ListingNotReadyError):
        catalog.back_to_draft(listing_id=listing.pk)
