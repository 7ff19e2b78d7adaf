"""A home router as far as port mapping goes, on 10.7.0.1 of this namespace.

`python -m tests.swarm.router pcp|upnp yes|no` speaks PCP (RFC 6887) or UPnP (WANIPConnection:1),
and opens the ports that it is asked for, or refuses. It says "waiting", configures its side of
the cable `lan` on the first line of input, says "ready", and at the end of input prints the
mappings that were asked for as [port, seconds].
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = "10.7.0.1"
OUTSIDE = "203.0.113.9"
HIGHER = 40_000  # what the ports outside have more than those inside
MAP, RESPONSE, SUCCESS, NOT_AUTHORIZED = 1, 0x80, 0, 2
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
DEVICE = "urn:schemas-upnp-org:device:{}:1"

Asked = list[tuple[int, int]]


def pcp_answer(request: bytes, *, opens: bool) -> tuple[bytes, int, int] | None:
    """The answer to a MAP request (RFC 6887, section 11.1), its internal port and lifetime."""
    if len(request) < 60 or request[0] != 2 or request[1] != MAP:
        return None
    lifetime, internal = int.from_bytes(request[4:8]), int.from_bytes(request[40:42])
    result = SUCCESS if opens else NOT_AUTHORIZED
    head = bytes([2, RESPONSE | MAP, 0, result]) + request[4:8] + (1000).to_bytes(4) + bytes(12)
    nonce_and_protocol = request[24:40]
    mapped = bytes(10) + b"\xff\xff" + socket.inet_aton(OUTSIDE)
    port = (internal + HIGHER).to_bytes(2)
    return head + nonce_and_protocol + request[40:42] + port + mapped, internal, lifetime


def serve_pcp(asked: Asked, *, opens: bool) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((HERE, 5351))

    def serve() -> None:
        while True:
            request, sender = listener.recvfrom(1100)
            if (found := pcp_answer(request, opens=opens)) is not None:
                asked.append(found[1:])
                listener.sendto(found[0], sender)

    threading.Thread(target=serve, daemon=True).start()


def soap(action: str, body: str) -> str:
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<s:Body><u:{action}Response xmlns:u="{SERVICE}">{body}</u:{action}Response></s:Body>'
        "</s:Envelope>"
    )


def description() -> str:
    """The device tree in which a control point looks for the service (UPnP IGD 1)."""
    service = (
        f"<serviceList><service><serviceType>{SERVICE}</serviceType>"
        "<controlURL>/control</controlURL></service></serviceList>"
    )
    inner = (
        f"<device><deviceType>{DEVICE.format('WANConnectionDevice')}</deviceType>{service}</device>"
    )
    middle = (
        f"<device><deviceType>{DEVICE.format('WANDevice')}</deviceType>"
        f"<deviceList>{inner}</deviceList></device>"
    )
    return (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>'
        f"<deviceType>{DEVICE.format('InternetGatewayDevice')}</deviceType>"
        f"<modelName>Box</modelName><deviceList>{middle}</deviceList></device></root>"
    )


def handler(asked: Asked, *, opens: bool) -> type[BaseHTTPRequestHandler]:
    class Box(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(200, description())

        def do_POST(self) -> None:
            action = self.headers["SOAPAction"].strip('"').rpartition("#")[2]
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if action == "GetExternalIPAddress":
                self.reply(
                    200, soap(action, f"<NewExternalIPAddress>{OUTSIDE}</NewExternalIPAddress>")
                )
                return
            port = re.search(r"<NewExternalPort>(\d+)<", body)
            lease = re.search(r"<NewLeaseDuration>(\d+)<", body)
            asked.append((int(port[1]) if port else 0, int(lease[1]) if lease else 0))
            if opens or action != "AddPortMapping":
                self.reply(200, soap(action, ""))
                return
            self.reply(
                500,
                '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
                "<detail><UPnPError><errorCode>501</errorCode><errorDescription>Action Failed"
                "</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>",
            )

        def reply(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            return

    return Box


def serve_upnp(asked: Asked, *, opens: bool) -> None:
    """SSDP on the multicast group, and the box's own little web server."""
    web = ThreadingHTTPServer((HERE, 5000), handler(asked, opens=opens))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    group.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    group.bind(("", 1900))
    group.setsockopt(
        socket.IPPROTO_IP,
        socket.IP_ADD_MEMBERSHIP,
        socket.inet_aton("239.255.255.250") + socket.inet_aton(HERE),
    )

    def serve() -> None:
        while True:
            request, sender = group.recvfrom(2000)
            if request.startswith(b"M-SEARCH"):
                group.sendto(
                    b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:box::upnp:rootdevice\r\n"
                    b"LOCATION: http://10.7.0.1:5000/box.xml\r\nSERVER: box\r\nEXT:\r\n\r\n",
                    sender,
                )

    threading.Thread(target=serve, daemon=True).start()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    say("waiting")
    sys.stdin.readline()
    for line in ("ip link set lo up", f"ip addr add {HERE}/24 dev lan", "ip link set lan up"):
        subprocess.run(line.split(), check=True)
    asked: Asked = []
    serve: Callable[..., None] = {"pcp": serve_pcp, "upnp": serve_upnp}[sys.argv[1]]
    serve(asked, opens=sys.argv[2] == "yes")
    say("ready")
    sys.stdin.read()
    say(json.dumps(asked))


if __name__ == "__main__":
    main()
