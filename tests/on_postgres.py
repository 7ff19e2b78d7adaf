"""Run pytest against a PostgreSQL of its own: `python -m tests.on_postgres -m race`.

The server is made in a temporary folder, listens on a socket file there and on no
port, and is gone afterwards. `initdb` refuses root, so root runs it as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

__all__ = ["main", "postgres"]


def _programs() -> Path:
    """The folder of initdb and pg_ctl: Debian keeps them off PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not folders:
        sys.exit("PostgreSQL is not installed: apt-get install postgresql")
    return folders[-1]


@contextmanager
def postgres(*databases: str) -> Iterator[dict[str, str]]:
    """A server for a block, with empty `databases`; yields the environment that leads to it."""
    programs = _programs()
    prefix = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="geobuk-pg-"))
    if prefix:
        shutil.chown(folder, "nobody")
    data, log = folder / "data", folder / "log"

    def run(program: str, *arguments: str | Path) -> None:
        command = [*prefix, str(programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    try:
        run("initdb", "-D", data, "-U", "geobuk", "-A", "trust", "-E", "UTF8", "-N")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=100"
        run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            with psycopg.connect(
                host=str(folder), user="geobuk", dbname="postgres", autocommit=True
            ) as server:
                for name in databases:
                    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            yield {"GEOBUK_PG_USER": "geobuk", "GEOBUK_PG_HOST": str(folder)}
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Start the server, run pytest with `arguments`, stop the server; pytest's exit code."""
    with postgres() as address:
        environment = {**os.environ, **address, "GEOBUK_PG_NAME": "geobuk"}
        # The server goes with its database, so nothing has to be torn down in it:
        # tests that ran threads may still hold connections.
        command = [sys.executable, "-m", "pytest", "--reuse-db", *arguments]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
