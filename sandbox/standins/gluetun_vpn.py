"""The life of the tunnel: up, checked, its port forwarded, down again, all inside one process.

Whoever stops or restarts it (the control server, a failed health check) does so under one lock; the
container and its network namespace stay, and so does the firewall. What runs while the tunnel is up
runs in a thread that belongs to that life and ends with it.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from . import gluetun_dns, gluetun_firewall, gluetun_health, gluetun_ports, gluetun_tunnel
from .gluetun_settings import Settings
from .gluetun_system import Link, log

GATEWAY_OF_CLIENT = "10.2.0.1"
PUBLIC_IP_HOST, PUBLIC_IP_PATH = "203.0.113.80", "/ip"
PUBLIC_IP_FILE = Path("/tmp/gluetun/ip")
PUBLIC_IP_SECONDS = 5.0
CRASH_WAIT_SECONDS = 2.0
NOT_YET = "healthcheck did not run yet"


class Vpn:
    """What the control server and the health server ask, and may change."""

    def __init__(self, settings: Settings, links: Sequence[Link], state: str) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        self._life = threading.Event()
        self._tunnel = gluetun_tunnel.Tunnel(settings, links)
        self._firewall = gluetun_firewall.Firewall(settings.firewall, links, settings.interface)
        self._names = gluetun_dns.NameServer(settings.dns_server)
        self._forwarding = gluetun_ports.Forwarding(
            settings, self._firewall, state, lambda: GATEWAY_OF_CLIENT
        )
        self._checker = gluetun_health.Checker(
            settings.health_targets, settings.health_pings, state
        )
        self.status = "stopped"
        self.health = NOT_YET
        """What is wrong with the tunnel, "" when it passes traffic."""
        self.public_ip = ""

    def enable_firewall(self) -> None:
        """The kill switch, before anything else. Raise OSError when it cannot be set."""
        self._firewall.enable(self._settings.outbound_subnets, self._settings.input_ports)

    def port(self) -> int:
        """The forwarded port, 0 for none."""
        return self._forwarding.port

    def start(self) -> None:
        """Bring the tunnel up; checks and port forwarding follow in the background."""
        with self._lock:
            if self.status == "running":
                return
            connection = self._settings.connection
            self._firewall.set_connection(connection.address, connection.port)
            self._tunnel.up()
            self.status = "running"
            self._life = threading.Event()
            threading.Thread(target=self._live, args=(self._life,), daemon=True).start()

    def stop(self) -> None:
        """End the port forwarding and take the tunnel down."""
        with self._lock:
            if self.status == "stopped":
                return
            self._life.set()
            self.public_ip = ""
            self._write_public_ip()
            self._forwarding.stop()
            self._tunnel.down()
            self.status = "stopped"
            log("vpn", "stopping")

    def set_status(self, wanted: str) -> str:
        """Start or stop; upstream's word for how that went."""
        with self._lock:
            if wanted == self.status:
                return f"already {wanted}"
            if wanted == "running":
                self.start()
            else:
                self.stop()
            return self.status

    def _live(self, life: threading.Event) -> None:
        self._names.start()
        if not self._checker.startup(life):
            self._restart(life, "startup check: all tries failed")
            return
        with self._lock:
            if life.is_set():
                return
            self.health = ""
            for port in self._settings.vpn_input_ports:
                self._firewall.open_port(port)
            self._forwarding.start()
        self._fetch_public_ip(life)
        failed = self._checker.periodic(life, self._tunnel.has_died)
        if failed:
            self._restart(life, failed)

    def _restart(self, life: threading.Event, why: str) -> None:
        """A new life for the tunnel, unless this one was ended by somebody else meanwhile."""
        while not life.is_set() or self.status == "crashed":
            with self._lock:
                if life.is_set() and self.status != "crashed":
                    return
                self.health = why
                if not self._settings.restart_vpn:
                    return
                log(
                    "vpn",
                    f"restarting VPN because it failed to pass the healthcheck: {why}",
                    "WARN",
                )
                self.stop()
                try:
                    self.start()
                    return
                except OSError as error:
                    log("vpn", str(error), "ERROR")
                    self.status = "crashed"
            time.sleep(CRASH_WAIT_SECONDS)

    def _fetch_public_ip(self, life: threading.Event) -> None:
        connection = http.client.HTTPConnection(PUBLIC_IP_HOST, timeout=PUBLIC_IP_SECONDS)
        try:
            connection.request("GET", PUBLIC_IP_PATH)
            found = connection.getresponse().read(64).decode("ascii", "replace").strip()
        except (OSError, http.client.HTTPException) as error:
            log("ip getter", f"getting public IP address information: {error}", "ERROR")
            return
        finally:
            connection.close()
        with self._lock:
            if not life.is_set():
                self.public_ip = found
                self._write_public_ip()
                log("ip getter", f"Public IP address is {found}")

    def _write_public_ip(self) -> None:
        PUBLIC_IP_FILE.write_text(self.public_ip, encoding="ascii")
