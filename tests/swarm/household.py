"""One buyer's program in a process of its own: python -m tests.swarm.household SPEC.

SPEC is JSON: state, save_path, metainfo (paths), seed, listen, tcp_only. It asks its shop over
its own pipes: a line {"ask": [path, body]} out, a line {"answer": …} in; and says how it stands
in lines {"state": …}. A line {"hurry": package} in between is an event of the shop.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seeder.session import Session, SessionSettings
from seeder.swarming import Swarming, first_label

STEP = 0.2


class PipedShop:
    """Asks whoever holds the other ends of the pipes; hints are kept for the loop."""

    def __init__(self) -> None:
        self.hints: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        say({"ask": [path, json]})
        answer = self._answers.get(timeout=30)
        assert isinstance(answer, dict), answer
        return answer

    def _read(self) -> None:
        for line in sys.stdin:
            value = json.loads(line)
            if "hurry" in value:
                self.hints.put(value["hurry"])
            else:
                self._answers.put(value["answer"])


def say(value: Any) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def main() -> None:
    spec = json.loads(sys.argv[1])
    shop = PipedShop()
    label = first_label(shop)
    assert label is not None
    settings = SessionSettings(tcp_only=spec["tcp_only"], status_seconds=0.1, label=label.text)
    with (
        Session(spec["listen"], Path(spec["state"]), settings=settings) as session,
        Swarming(shop, session, label=label, clock=lambda: datetime.now(UTC)) as swarming,
    ):
        metainfo = Path(spec["metainfo"]).read_bytes()
        session.add(metainfo, Path(spec["save_path"]), seed_mode=spec["seed"])
        while True:
            while not shop.hints.empty():
                swarming.hurry(shop.hints.get())
            swarming.step()
            [torrent] = session.snapshot()
            peers = [asdict(peer) for peer in session.peers()]
            say({"state": torrent.state.value, "done": torrent.done, "peers": peers})
            time.sleep(STEP)


if __name__ == "__main__":
    main()
