"""Keeps announce addresses out of the server's log of requests: there is a secret in them.

uvicorn writes the path of every request where its log level is `info`, as it is unless an
operator says otherwise. Lines of announces are left out whole: they also come by the
thousand, and say nothing when all is well. A proxy in front has a log of its own.
"""

from __future__ import annotations

import logging

__all__ = ["SECRET_PATHS", "SecretPaths", "keep_secrets"]

SECRET_PATHS = ("/announce/", "/scrape/")


class SecretPaths(logging.Filter):
    """Refuses records of uvicorn's access log whose path is a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        # Not by the place of the path: any argument that holds one is a reason.
        return not any(
            secret in argument
            for argument in arguments
            if isinstance(argument, str)
            for secret in SECRET_PATHS
        )


def keep_secrets() -> None:
    """Put the filter in uvicorn's access log, once in a process."""
    logger = logging.getLogger("uvicorn.access")
    if not any(isinstance(known, SecretPaths) for known in logger.filters):
        logger.addFilter(SecretPaths())
