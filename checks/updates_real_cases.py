"""The versions that a service of the box is really updated to.

Each is the service's present image with another configuration (sandbox/variants.py): what ails it
is in its environment, its entry point, its health check, its platform, or in what the registry does
meanwhile. Those with `default` are played at every run; `--full` plays all. What cannot be had
without another machine (a full disk, memory limits, a reboot in the gate) is simulated only.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.variants import Document, with_environment

Change = Callable[[Document], None]


@dataclass(frozen=True)
class Real:
    """A version. `ends`: "new", "old" (refused from then on), "later" (old, and not refused)."""

    name: str
    ends: str
    environment: dict[str, str] = field(default_factory=dict)
    change: Change | None = None
    index_for: str = ""
    registry: str = ""
    schema: int = 0
    """So many more than the present one's: it migrates the databases."""
    meanwhile: str = ""
    """Shell in the box while the journal says `gate`."""
    default: bool = False

    def apply(self, config: Document, tag: str, schema: int) -> None:
        """Make a configuration this version's; without its tag two could be the same image."""
        values = {f"STANDIN_{name.upper()}": text for name, text in self.environment.items()}
        values["STANDIN_VERSION"] = tag
        with_environment({**values, "STANDIN_SCHEMA": str(schema + self.schema)})(config)
        if self.change is not None:
            self.change(config)


def without_health(config: Document) -> None:
    """It has lost its health check."""
    config["config"].pop("Healthcheck", None)


def sick_check(config: Document) -> None:
    """Its health check asks for a program that is not there."""
    config["config"]["Healthcheck"]["Test"] = ["CMD", "/no/such/program"]


def foreign(config: Document) -> None:
    """It is for another machine."""
    config["architecture"] = "s390x"


def entry(*words: str) -> Change:
    """It starts with these words."""

    def change(config: Document) -> None:
        config["config"]["Entrypoint"], config["config"]["Cmd"] = list(words), []

    return change


def bad(name: str, **options: Any) -> Real:
    """What it does besides is the environment, unless it is one of the fields."""
    return _made(name, "old", options)


def good(name: str, **options: Any) -> Real:
    """A good one."""
    return _made(name, "new", options)


def later(name: str, **options: Any) -> Real:
    """A good one that cannot be had now."""
    return _made(name, "later", options)


def _made(name: str, ends: str, options: dict[str, Any]) -> Real:
    fields = ("change", "index_for", "registry", "schema", "meanwhile", "default")
    own = {key: options.pop(key) for key in fields if key in options}
    return Real(name, ends, environment=options, **own)


RESTART_DOCKER = "sleep 1; systemctl restart docker"
PRUNE = "docker image prune --force >/dev/null"
# As images spell it; the boxes are of this machine's.
HERE = {"aarch64": "arm64"}.get(platform.machine(), "amd64")
PORT_CLASH = "import socket; s = socket.socket(); s.bind(('0.0.0.0', 1)); s.bind(('0.0.0.0', 1))"

ALL = (
    bad("exits-at-once", exit_code="1", default=True),
    bad("exits-after-a-while", exit_after_seconds="3", exit_code="1"),
    bad("exits-in-the-trial", exit_after_seconds="5", exit_code="1"),
    bad("exits-at-once-with-0", exit_code="0"),
    bad("segfaults", exit_after_seconds="1", exit_code="139"),
    bad("killed-for-memory", exit_after_seconds="2", exit_code="137"),
    bad("never-healthy", health="sick", default=True),
    bad("never-answers", health="hang"),
    bad("flapping", flap_seconds="3"),
    bad("well-for-3-s-then-sick", well_seconds="3"),
    bad("no-healthcheck", change=without_health, default=True),
    bad("health-check-of-another-image", change=sick_check),
    bad("wrong-architecture", change=foreign, default=True),
    bad("index-without-our-platform", index_for="s390x"),
    bad("wrong-entry-point", change=entry("/no/such/program"), default=True),
    bad("entry-point-not-executable", change=entry("/etc/passwd")),
    bad("ends-in-its-entry-point", change=entry("/bin/false")),
    bad("port-clash", change=entry("python3", "-c", PORT_CLASH)),
    bad("sleeps", change=entry("sleep", "3600")),
    bad("starts-for-an-hour", start_delay_seconds="3600"),
    bad("migrates-then-crashes", schema=1, exit_code="1", default=True),
    bad("migrates-then-never-healthy", schema=1, health="sick"),
    bad("migrates-for-an-hour", schema=1, migrate_seconds="3600"),
    bad("deletes-its-config", damage="delete", exit_code="1", default=True),
    bad("deletes-its-config-and-hangs", damage="delete", health="hang"),
    bad("corrupts-its-databases", damage="corrupt", schema=1, exit_code="1"),
    bad("makes-its-config-unreadable", damage="unreadable", exit_code="1"),
    bad("fills-its-config-with-junk", damage="junk", schema=1, exit_code="1"),
    bad("ignores-sigterm", schema=1, health="sick", ignore_sigterm="true"),
    bad("restarts-for-ever", exit_after_seconds="1", exit_code="0"),
    bad("migrates-then-never-answers", schema=1, health="hang"),
    bad("migrates-then-flaps", schema=1, flap_seconds="2"),
    bad("migrates-then-is-killed", schema=1, exit_after_seconds="2", exit_code="137"),
    bad("migrates-twice-then-crashes", schema=2, exit_code="1"),
    bad("makes-its-config-unreadable-and-hangs", damage="unreadable", health="hang"),
    bad("fills-its-config-with-junk-and-crashes", damage="junk", exit_code="1"),
    bad("pruned-during-its-trial", schema=1, health="sick", meanwhile=PRUNE),
    bad("docker-restarted-during-its-trial", schema=1, health="sick", meanwhile=RESTART_DOCKER),
    later("registry-500", registry="500", default=True),
    later("registry-429", registry="429"),
    later("registry-down-in-mid-pull", registry="down"),
    later("truncated-pull", registry="cut"),
    good("quick", default=True),
    good("starts-slowly", start_delay_seconds="9", default=True),
    good("migrates-slowly-then-restarts", schema=1, migrate_seconds="2", restarts="1",
         default=True),
    good("sick-at-first", sick_seconds="7", default=True),
    good("restarts-twice", restarts="2"),
    good("answers-slowly", delay_seconds="1"),
    good("stops-slowly", ignore_sigterm="true"),
    good("old-one-ignored-sigterm"),
    good("slow-registry", registry="slow"),
    good("docker-restarts-in-the-gate", meanwhile=RESTART_DOCKER),
    good("pruned-in-the-gate", meanwhile=PRUNE),
    good("starts-in-3-s", start_delay_seconds="3"),
    good("starts-in-6-s", start_delay_seconds="6"),
    good("starts-in-3-s-and-migrates", start_delay_seconds="3", schema=1, migrate_seconds="2"),
    good("starts-in-5-s-and-restarts", start_delay_seconds="2", restarts="1"),
    good("starts-slowly-and-answers-slowly", start_delay_seconds="3", delay_seconds="1"),
    good("starts-slowly-and-stops-slowly", start_delay_seconds="4", ignore_sigterm="true"),
    good("migrates-at-once", schema=1),
    good("migrates-for-1-s", schema=1, migrate_seconds="1"),
    good("migrates-for-3-s", schema=1, migrate_seconds="3"),
    good("migrates-for-6-s", schema=1, migrate_seconds="6"),
    good("migrates-two-schemas", schema=2, migrate_seconds="1"),
    good("migrates-three-schemas", schema=3),
    good("migrates-and-answers-slowly", schema=1, delay_seconds="1"),
    good("migrates-and-stops-slowly", schema=1, ignore_sigterm="true"),
    good("migrates-then-restarts-twice", schema=1, restarts="2"),
    good("migrates-while-docker-restarts", schema=1, migrate_seconds="3",
         meanwhile=RESTART_DOCKER),
    good("migrates-while-pruned", schema=1, migrate_seconds="3", meanwhile=PRUNE),
    good("sick-for-3-s", sick_seconds="3"),
    good("sick-for-5-s", sick_seconds="5"),
    good("sick-then-migrated", sick_seconds="3", schema=1),
    good("sick-and-answers-slowly", sick_seconds="4", delay_seconds="1"),
    good("restarts-once", restarts="1"),
    good("restarts-once-and-answers-slowly", restarts="1", delay_seconds="1"),
    good("restarts-once-and-stops-slowly", restarts="1", ignore_sigterm="true"),
    good("answers-in-2-s", delay_seconds="2"),
    good("of-an-index", index_for=HERE),
    good("slow-registry-and-migrates", registry="slow", schema=1),
    good("slow-registry-and-starts-slowly", registry="slow", start_delay_seconds="4"),
    good("slow-registry-and-pruned", registry="slow", meanwhile=PRUNE),
)  # fmt: skip
