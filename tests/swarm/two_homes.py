"""Two households behind routers that translate addresses, in network namespaces (root, nftables).

    home-a 192.168.1.2 ── router-a 203.0.113.2 ──┐
                                                 net (a bridge)
    home-b 192.168.1.2 ── router-b 203.0.113.3 ──┘

The routers masquerade, keep a port where it is free, and drop what nobody inside has asked for:
what Linux on a home router does.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Homes", "Household", "two_homes"]

ROOT = Path(__file__).resolve().parents[2]
ROUTER = """
table ip nat {
  chain out { type nat hook postrouting priority 100; oifname "wan" masquerade; }
}
table ip filter {
  chain in { type filter hook input priority 0; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" drop
  }
  chain through { type filter hook forward priority 0; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" ct status dnat accept
    iifname "wan" drop
  }
}
"""
OPENED = """
table ip opened {{
  chain in {{ type nat hook prerouting priority -100;
    iifname "wan" meta l4proto {{ tcp, udp }} th dport {port} dnat to 192.168.1.2
  }}
}}
"""
SCATTERED = """
table ip scattered {
  chain out { type nat hook postrouting priority 90; oifname "wan" masquerade fully-random; }
}
"""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Homes:
    """Two homes, called "a" and "b"; `outside` is the address that each is seen under."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.outside = {"a": "203.0.113.2", "b": "203.0.113.3"}

    def name(self, part: str) -> str:
        return f"gbk-{self._tag}-{part}"

    def build(self) -> None:
        net = self.name("net")
        _ip("netns", "add", net)
        _ip("-n", net, "link", "add", "bridge", "type", "bridge")
        _ip("-n", net, "link", "set", "bridge", "up")
        for home, outside in self.outside.items():
            router, inside = self.name(f"router-{home}"), self.name(f"home-{home}")
            for space in (router, inside):
                _ip("netns", "add", space)
                _ip("-n", space, "link", "set", "lo", "up")
            self._join(net, f"port-{home}", router, "wan", f"{outside}/24")
            _ip("-n", net, "link", "set", f"port-{home}", "master", "bridge")
            self._join(router, "lan", inside, "eth", "192.168.1.2/24")
            _ip("-n", router, "address", "add", "192.168.1.1/24", "dev", "lan")
            _ip("-n", inside, "route", "add", "default", "via", "192.168.1.1")
            self.run(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            self.run(router, "nft", "-f", "-", text=ROUTER)

    def _join(self, one: str, end: str, other: str, other_end: str, address: str) -> None:
        _ip(
            "-n", one, "link", "add", end, "type", "veth", "peer", "name", other_end, "netns", other
        )
        _ip("-n", one, "link", "set", end, "up")
        _ip("-n", other, "link", "set", other_end, "up")
        _ip("-n", other, "address", "add", address, "dev", other_end)

    def forward(self, home: str, port: int) -> None:
        """Have a router pass a TCP and UDP port to the machine behind it, as UPnP would."""
        self._rule(home, OPENED.format(port=port))

    def scatter(self, home: str) -> None:
        """Have a router choose another port for each connection ("symmetric" translation)."""
        self._rule(home, SCATTERED)

    def _rule(self, home: str, rules: str) -> None:
        self.run(self.name(f"router-{home}"), "nft", "-f", "-", text=rules)

    def run(self, space: str, *command: str, text: str | None = None) -> None:
        done = subprocess.run(
            ["ip", "netns", "exec", space, *command],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def tear_down(self) -> None:
        for part in ("net", "router-a", "router-b", "home-a", "home-b"):
            subprocess.run(
                ["ip", "netns", "delete", self.name(part)], capture_output=True, check=False
            )


@contextmanager
def two_homes() -> Iterator[Homes]:
    missing = [program for program in ("ip", "nft") if shutil.which(program) is None]
    assert not missing, f"not installed: {missing}; as root on Debian: make setup"
    homes = Homes(secrets.token_hex(3))
    try:
        homes.build()
        yield homes
    finally:
        homes.tear_down()


class Household:
    """A buyer's program in one home; `answer` is its shop: path and body in, answer out."""

    def __init__(
        self,
        homes: Homes,
        home: str,
        spec: Mapping[str, Any],
        answer: Callable[[str, Any], dict[str, Any]],
    ) -> None:
        self._answer = answer
        self.states: list[dict[str, Any]] = [{"state": "", "done": 0, "peers": []}]
        command = [sys.executable, "-m", "tests.swarm.household", json.dumps(spec)]
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", homes.name(f"home-{home}"), *command],
            cwd=ROOT,
            env=os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def now(self) -> dict[str, Any]:
        return self.states[-1]

    def hurry(self, package: str) -> None:
        """The shop's event: others have come or gone."""
        self._write({"hurry": package})

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self._thread.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _serve(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            value = json.loads(line)
            if "ask" in value:
                self._write({"answer": self._answer(*value["ask"])})
            else:
                self.states.append(value)

    def _write(self, value: Any) -> None:
        with self._writing:
            assert self._process.stdin is not None
            self._process.stdin.write(f"{json.dumps(value)}\n")
            self._process.stdin.flush()
