"""The job worker: the loop of django-tasks-db, which alone forgets jobs of killed workers.

Each worker holds a file lock as long as it lives; the kernel drops it when the process
ends, however it ends. A job that runs under a worker without such a lock is dead and
goes back to the queue. Workers share DATA_DIR, as they have to share the uploads.
"""

from __future__ import annotations

import logging
import threading
import uuid
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone
from django.utils.crypto import get_random_string
from django_tasks.base import Task, TaskResultStatus
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from marketplace.catalog import queries as catalog_queries
from marketplace.core.filelock import hold, is_held
from marketplace.handovers import services as handovers
from marketplace.packaging import services as packaging
from marketplace.packaging.types import PackageDraft
from marketplace.publishing.tasks import STOP, seal_listing, seal_version

__all__ = ["JobWorker", "enqueue_lost", "reap"]

logger = logging.getLogger(__name__)

LOOK_EVERY = 30.0  # seconds between two looks for jobs of dead workers
SWEEP_EVERY = 20  # looks
_AT_WORK = (PackageDraft.State.QUEUED, PackageDraft.State.SEALING)
_LIVE = (TaskResultStatus.READY, TaskResultStatus.RUNNING)


def lock_path(worker_id: str) -> Path:
    """The lock that a worker holds while it lives."""
    return Path(settings.DATA_DIR) / "workers" / f"{worker_id}.lock"


def reap() -> int:
    """Put jobs of dead workers back into the queue. Returns how many.

    Two workers may reap at once: a job is changed only while it is still that worker's.
    """
    reaped = 0
    for job in DBTaskResult.objects.running():
        if job.worker_ids and is_held(lock_path(job.worker_ids[-1])):
            continue
        reaped += DBTaskResult.objects.filter(
            pk=job.pk, status=TaskResultStatus.RUNNING, worker_ids=job.worker_ids
        ).update(status=TaskResultStatus.READY, started_at=None)
    return reaped


def enqueue_lost() -> int:
    """Queue listings and versions that are being prepared and have no job. Returns how many.

    Their job failed so badly that it could not even say so.
    """
    versions = catalog_queries.versions_in_the_making().filter(draft__state__in=_AT_WORK)
    return _enqueue(seal_listing, catalog_queries.preparing()) + _enqueue(
        seal_version, list(versions.values_list("pk", flat=True))
    )


def _enqueue(job: Task[Any, Any], waiting: list[uuid.UUID]) -> int:
    """Queue `job` for what waits for it and has none."""
    live = DBTaskResult.objects.filter(task_path=job.module_path, status__in=_LIVE)
    served = {uuid.UUID(each.args_kwargs["args"][0]) for each in live}
    lost = [each for each in waiting if each not in served]
    for each in lost:
        job.enqueue(str(each))
    return len(lost)


class JobWorker(Worker):
    """Takes jobs until it is told to end. SIGTERM or SIGINT: at the next step of the job."""

    def __init__(self, *, interval: float = 0.5, batch: bool = False) -> None:
        super().__init__(
            queue_names=["*"],
            interval=interval,
            batch=batch,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=get_random_string(32),
            excluded_queue_names=[],
        )

    def run(self) -> None:
        """Work until told to end, or in batch mode until the queue is empty."""
        STOP.clear()
        done = threading.Event()
        with hold(lock_path(self.worker_id)):
            _look_after(sweep=True)
            keeper = threading.Thread(target=_keep, args=(done,), name="keeper", daemon=True)
            keeper.start()
            try:
                super().run()
            finally:
                done.set()
                keeper.join()

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        STOP.set()
        super().shutdown(signum, frame)


def _keep(done: threading.Event) -> None:
    """Look after dead workers' jobs until `done`."""
    looks = 0
    while not done.wait(LOOK_EVERY):
        looks += 1
        try:
            _look_after(sweep=looks % SWEEP_EVERY == 0)
        except DatabaseError:
            logger.warning("the worker could not look for lost jobs; it tries again")
        finally:
            connections.close_all()


def _look_after(*, sweep: bool) -> None:
    if count := reap():
        logger.warning("%d jobs of workers that died go back into the queue", count)
    if count := enqueue_lost():
        logger.warning("%d listings or versions that waited without a job have one again", count)
    if sweep:
        packaging.sweep_uploads(now=timezone.now())
        handovers.settle_handovers(now=timezone.now())
