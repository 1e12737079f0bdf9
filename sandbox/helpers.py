"""The helpers on the sandbox's bridge: registry, package cache and name server, all of one image.

`registry.lan:5000` is Debian's docker-registry over plain http; the outer engine pushes to it on
loopback. Boxes cannot reach the internet, so their packages come through apt-cacher-ng, which has a
second leg outside and only serves Debian's archives; its cache is a volume, so a second deploy into
a fresh box downloads nothing. No helper forwards packets: a box that takes one for its gateway gets
nowhere.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from sandbox import names, progress, recipe, root_filesystem
from sandbox.command import SandboxError, output, run

READY_TIMEOUT_SECONDS = 30.0
REGISTRY_CONFIGURATION = f"""\
version: 0.1
log: {{level: warn}}
storage:
  delete: {{enabled: true}}
  filesystem: {{rootdirectory: /var/lib/docker-registry}}
http: {{addr: ":{names.REGISTRY_PORT}"}}
"""
# Of the distributions that apt-cacher-ng's own configuration knows, only Debian stays, and nothing
# that no such line names is fetched (ForceManaged).
DOCKERFILE = """\
FROM {base}
RUN apt-get update -qq \\
 && apt-get install -y -qq --no-install-recommends docker-registry apt-cacher-ng >/dev/null \\
 && sed -i -E '/^Remap-/{{/^Remap-(debrep|secdeb)/!d}}' /etc/apt-cacher-ng/acng.conf \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
COPY root/ /
"""
# Which network Docker takes the default route from differs between engines: say it ourselves.
PACKAGES_SCRIPT = f"""\
set -e
ip route replace default via {names.EGRESS_GATEWAY}
ip -6 route flush default || true
chown -R apt-cacher-ng: /var/cache/apt-cacher-ng
install -d -o apt-cacher-ng /run/apt-cacher-ng
exec setpriv --reuid=apt-cacher-ng --regid=apt-cacher-ng --init-groups --bounding-set=-all \\
  apt-cacher-ng -c /etc/apt-cacher-ng ForeGround=1 ForceManaged=1 Port={names.PACKAGES_PORT}
"""


@dataclass(frozen=True)
class Helper:
    """One helper container: its address on the bridge, its options, its program."""

    container: str
    address: str
    options: tuple[str, ...]
    program: tuple[str, ...]
    second_network: str = ""


ALL = (
    Helper(
        names.REGISTRY_CONTAINER,
        names.REGISTRY_ADDRESS,
        (
            "--volume", f"{names.REGISTRY_VOLUME}:/var/lib/docker-registry",
            "--publish", f"{names.PUSH_REGISTRY}:{names.REGISTRY_PORT}",
        ),
        ("docker-registry", "serve", "/etc/docker/registry/sandbox.yml"),
    ),
    Helper(
        names.PACKAGES_CONTAINER,
        names.PACKAGES_ADDRESS,
        ("--volume", f"{names.PACKAGES_VOLUME}:/var/cache/apt-cacher-ng", "--cap-add", "NET_ADMIN"),
        ("/bin/sh", "-c", PACKAGES_SCRIPT),
        names.EGRESS_NETWORK,
    ),
    Helper(
        names.NAMES_CONTAINER,
        names.NAMES_ADDRESS,
        (),
        (
            "python3", "/usr/local/lib/name_server.py",
            f"{names.REGISTRY_NAME}={names.REGISTRY_ADDRESS}",
        ),
    ),
)  # fmt: skip


def image() -> str:
    """The image of the helpers, built when missing."""
    dockerfile = DOCKERFILE.format(base=root_filesystem.base())
    server = (Path(__file__).parent / "name_server.py").read_bytes()
    files = {
        "/etc/docker/registry/sandbox.yml": (REGISTRY_CONFIGURATION.encode(), 0o644),
        "/usr/local/lib/name_server.py": (server, 0o644),
    }
    tag = f"{names.IMAGE_PREFIX}/helpers:{recipe.digest(dockerfile, recipe.files_digest(files))}"
    if not recipe.exists(tag):
        with progress.step("building the registry and the package cache"):
            recipe.build(tag, dockerfile, files, network=names.EGRESS_NETWORK)
    return tag


def ensure() -> None:
    """Start the helpers, or leave them running; wait until registry and cache answer.

    The network must exist. Raises SandboxError when one of them does not answer.
    """
    tag = image()
    for helper in ALL:
        if _must_be_made(helper, tag):
            _make(helper, tag)
    _wait_for(f"http://{names.PUSH_REGISTRY}/v2/", names.REGISTRY_CONTAINER)
    _wait_for(f"{names.PACKAGES_PROXY}/acng-report.html", names.PACKAGES_CONTAINER)


def _recipe(helper: Helper, tag: str) -> str:
    return recipe.digest(tag, helper.address, helper.options, helper.program)


def _must_be_made(helper: Helper, tag: str) -> bool:
    """True when it is missing; a stopped one is started, an outdated one removed."""
    label = f'{{{{index .Config.Labels "{names.RECIPE_LABEL}"}}}}'
    template = f"{{{{.State.Running}}}} {label}"
    shown = run(["docker", "inspect", "--format", template, helper.container], check=False)
    if shown.returncode != 0:
        return True
    running, made_by = shown.stdout.split()
    if made_by != _recipe(helper, tag):
        run(["docker", "rm", "--force", helper.container])
        return True
    if running != "true":
        run(["docker", "start", helper.container])
    return False


def _make(helper: Helper, tag: str) -> None:
    arguments = ["docker", "create", "--init", "--name", helper.container, *names.LABEL_ARGUMENTS]
    arguments += ["--label", f"{names.RECIPE_LABEL}={_recipe(helper, tag)}"]
    arguments += ["--network", names.NETWORK, "--ip", helper.address]
    arguments += ["--sysctl", "net.ipv4.ip_forward=0"]
    arguments += ["--sysctl", "net.ipv6.conf.all.forwarding=0"]
    run([*arguments, *helper.options, tag, *helper.program])
    if helper.second_network:
        run(["docker", "network", "connect", helper.second_network, helper.container])
    run(["docker", "start", helper.container])


def _wait_for(url: str, container: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers, whatever it thinks of the question
        except OSError:
            time.sleep(0.1)
    log = output(["docker", "logs", "--tail", "15", container])
    raise SandboxError(f"{container} does not answer at {url}:\n{log}")
