"""`make run`: web, job worker, origin seeder and Stripe emulator, with demo content."""

from __future__ import annotations

import signal
import socket
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from marketplace.sandbox.demo import ACCOUNTS, PASSWORD, load_demo
from marketplace.sandbox.supervisor import Part, Supervisor, SupervisorError, check_port_is_free


class Command(BaseCommand):
    help = "Run the whole shop on this machine, with demo accounts and content."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="start with an empty shop")

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor(self._say)
        # A closed terminal or `kill` ends the parts just as Ctrl-C does.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        try:
            self._check_ports()
            self._prepare()
            if not options["no_demo"]:
                load_demo(say=self._say)
            for part in _parts():
                supervisor.start(part)
            self._welcome(demo=not options["no_demo"])
            supervisor.wait()
        except KeyboardInterrupt:
            self._say(f"\nStopping; everything is kept in {settings.DATA_DIR}")
        except SupervisorError as error:
            raise CommandError(str(error)) from None
        finally:
            supervisor.stop()

    def _say(self, line: str) -> None:
        # At once, also where the output goes into a file or a pipe.
        self.stdout.write(line)
        self.stdout.flush()

    def _check_ports(self) -> None:
        web = _port(settings.SITE_URL)
        mend = f"Stop it, or choose another port: make run PORT={web + 100}"
        for port, what in [
            (web, "the shop"),
            (_port(settings.STRIPE_API_BASE), "the Stripe emulator"),
            (_port("//" + settings.ORIGIN_LISTEN), "the origin seeder"),
            (_port("//" + settings.ORIGIN_TLS_LISTEN), "the origin seeder"),
        ]:
            check_port_is_free(port, what=what, mend=mend)

    def _prepare(self) -> None:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)

    def _welcome(self, *, demo: bool) -> None:
        line = self._say
        line("")
        line(f"  The shop        {settings.SITE_URL}/")
        line(f"  Sent mail       {settings.SITE_URL}/sandbox/mail/")
        line(f"  Operator        {settings.SITE_URL}/admin/")
        if demo:
            line("")
            for email, what in ACCOUNTS:
                line(f"  {what:<15} {email:<24} password: {PASSWORD}")
        line("")
        line("  Pay with the test card 4242 4242 4242 4242.")
        line("  Then, in another terminal:")
        geobuk = Path(sys.executable).with_name("geobuk")
        shown = geobuk.relative_to(Path.cwd()) if geobuk.is_relative_to(Path.cwd()) else geobuk
        line(f"    {shown} login {settings.SITE_URL}")
        line(f"    {shown} run")
        line("")
        line(f"  Ctrl-C stops everything; it is kept in {settings.DATA_DIR}")
        line("")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parts() -> list[Part]:
    web, stripe = _port(settings.SITE_URL), _port(settings.STRIPE_API_BASE)
    python = sys.executable
    manage = [python, str(settings.BASE_DIR / "manage.py")]
    uvicorn = [python, "-m", "uvicorn", "marketplace.config.asgi:application"]
    # An upload or a socket in progress would otherwise keep the server for ever.
    uvicorn += ["--timeout-graceful-shutdown", "5", "--log-level", "warning"]
    # Nobody stands before this server: a forwarded address would be the client's own invention.
    uvicorn += ["--no-proxy-headers"]
    emulator = [python, "-m", "marketplace.sandbox.stripe_emulator", "--port", str(stripe)]
    emulator += ["--data", str(settings.DATA_DIR / "stripe.sqlite3")]
    emulator += ["--webhook", f"{settings.SITE_URL}/webhooks/stripe/"]
    environment = {"DJANGO_SETTINGS_MODULE": "marketplace.config.settings.sandbox"}
    return [
        Part("stripe", [*emulator, "--secret", settings.STRIPE_WEBHOOK_SECRET], _listens(stripe)),
        Part(
            "web",
            [*uvicorn, "--host", "127.0.0.1", "--port", str(web)],
            _answers(f"{settings.SITE_URL}/.well-known/geobuk.json"),
            environment,
        ),
        Part("worker", [*manage, "worker"], lambda: True, environment),
        Part("money", [*manage, "stripe", "reconcile", "--every", "60"], lambda: True, environment),
        Part(
            "origin",
            [*manage, "origin"],
            _listens(_port("//" + settings.ORIGIN_LISTEN)),
            environment,
        ),
    ]


def _port(url: str) -> int:
    port = urlsplit(url).port
    if port is None:
        raise SupervisorError(f"{url} names no port; the sandbox needs one, as in 127.0.0.1:8000")
    return port


def _listens(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return ready


def _answers(url: str) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return True
        except (urllib.error.URLError, OSError):
            return False

    return ready
