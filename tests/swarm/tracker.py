"""A tracker of a few lines: BEP 3 over HTTP on 127.0.0.1, in its own thread."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote_to_bytes

from seeder.bencode import Bencodable, bencode

__all__ = ["Tracker"]


class Tracker:
    """`refusal` is answered instead of peers; `delay` seconds pass before every answer."""

    def __init__(self) -> None:
        self.peers: dict[bytes, dict[bytes, int]] = {}
        self.events: list[str] = []
        self.refusal = ""
        self.delay = 0.0
        tracker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(tracker.delay)
                body = bencode(tracker.answer(self.path))
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/announce/token"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.delay = 0.0
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str) -> dict[bytes, Bencodable]:
        if self.refusal:
            return {b"failure reason": self.refusal.encode()}
        location, _, query = path.partition("?")
        assert location == "/announce/token"
        fields = dict(part.split("=", 1) for part in query.split("&"))
        self.events.append(fields.get("event", ""))
        # Of a v2 info-hash only the first 20 bytes are announced (BEP 52).
        swarm = self.peers.setdefault(unquote_to_bytes(fields["info_hash"]), {})
        swarm[unquote_to_bytes(fields["peer_id"])] = int(fields["port"])
        compact = b"".join(b"\x7f\0\0\1" + port.to_bytes(2, "big") for port in swarm.values())
        return {b"interval": 5, b"peers": compact}
