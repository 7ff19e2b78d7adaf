"""A seeder of its own process, to be killed: python -m tests.swarm.downloader SPEC.

SPEC is JSON: state, save_path, metainfo (paths), peer (port), rate. Prints the
bytes it has, ten times a second.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from seeder.session import Session, SessionSettings


def main() -> None:
    spec = json.loads(sys.argv[1])
    settings = SessionSettings(
        tcp_only=True, download_rate=spec["rate"], save_seconds=0.5, status_seconds=0.05
    )
    session = Session("127.0.0.1:0", Path(spec["state"]), settings=settings)
    info = session.add(Path(spec["metainfo"]).read_bytes(), Path(spec["save_path"]))
    session.connect_peer(info.info_hash, ("127.0.0.1", spec["peer"]))
    while True:
        sys.stdout.write(f"{session.snapshot()[0].done}\n")
        sys.stdout.flush()
        time.sleep(0.1)


if __name__ == "__main__":
    main()
