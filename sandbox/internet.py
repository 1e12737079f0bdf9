"""Each box's internet: a helper container with a VPN provider and a public side of its own.

A box routes everything that is not on its link to it (box_files/sandbox-routes), so whatever leaves
a box arrives there and is recorded; nothing goes further, for the helper has no way out and the
outer machine's drop rules stay as they are. What runs inside is internet_files/. `control` asks and
steers it from checks and tests.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from sandbox import names, progress, recipe, root_filesystem, secrets_file
from sandbox.command import SandboxError, output, run, succeeds

READY_TIMEOUT_SECONDS = 30.0
CONTROL_TIMEOUT_SECONDS = 60.0
SOURCES = Path(__file__).parent
LIBRARY = "/usr/local/lib"
PACKAGES = ("wireguard-go", "wireguard-tools", "nftables")
CONTROL = '#!/bin/sh\nexec python3 -m internet.control "$@"\n'
DOCKERFILE = """\
FROM {base}
RUN apt-get update -qq \\
 && apt-get install -y -qq --no-install-recommends {packages} >/dev/null \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
COPY root/ /
ENV PYTHONPATH={library}
CMD ["python3", "-m", "internet.main"]
"""
CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "NET_RAW")


def image() -> str:
    """The image of the helper, built when missing. Raises SandboxError."""
    files: dict[str, tuple[bytes, int]] = {
        f"{LIBRARY}/internet/{path.name}": (path.read_bytes(), 0o644)
        for path in (SOURCES / "internet_files").glob("*.py")
    }
    files["/usr/local/bin/internet-control"] = (CONTROL.encode(), 0o755)
    dockerfile = DOCKERFILE.format(
        base=root_filesystem.base(), packages=" ".join(PACKAGES), library=LIBRARY
    )
    tag = f"{names.IMAGE_PREFIX}/internet:{recipe.digest(dockerfile, recipe.files_digest(files))}"
    if not recipe.exists(tag):
        with progress.step("building the box's internet"):
            recipe.build(tag, dockerfile, files, network=names.EGRESS_NETWORK)
    return tag


def ensure(box_name: str, box_address: str) -> None:
    """Start the internet of a box, or leave it running; it knows the checkout's WireGuard keys.

    The network must exist. Raises SandboxError when it does not come up.
    """
    container = names.internet_container(box_name)
    tag = image()
    made_by = recipe.digest(tag, box_address, CAPABILITIES)
    label = f'{{{{index .Config.Labels "{names.RECIPE_LABEL}"}}}}'
    template = f"{{{{.State.Running}}}} {label}"
    shown = run(["docker", "inspect", "--format", template, container], check=False)
    running = False
    if shown.returncode == 0:
        state, found = (*shown.stdout.split(), "")[:2]
        if found != made_by:
            remove(box_name)
        else:
            running = state == "true"
            if not running:
                run(["docker", "start", container])
    if not running and not succeeds(["docker", "inspect", container]):
        _create(container, tag, box_address, made_by)
        run(["docker", "start", container])
    if not running:
        _wait_until_ready(container)
    secrets_file.ensure()
    for key in secrets_file.wireguard_keys():
        # On stdin: no private key in a process list.
        run(["docker", "exec", "--interactive", container, "internet-control", "key"],
            check=False, text_input=key)  # fmt: skip


def remove(box_name: str) -> None:
    """Remove the internet of a box; missing is fine."""
    run(["docker", "rm", "--force", "--volumes", names.internet_container(box_name)], check=False)


def control(box_name: str, verb: str, *words: str) -> dict[str, Any]:
    """Run `internet-control VERB` for a box and return its answer (internet_files/control.py).

    Raises SandboxError when the internet does not run or refuses.
    """
    container = names.internet_container(box_name)
    command = ["docker", "exec", container, "internet-control", verb, *words]
    shown = run(command, check=False, timeout=CONTROL_TIMEOUT_SECONDS)
    try:
        answer: dict[str, Any] = json.loads(shown.stdout)
    except ValueError as error:
        raise SandboxError(f"{container} does not answer: {shown.stderr.strip()}") from error
    if "error" in answer:
        raise SandboxError(f"internet-control {verb}: {answer['error']}")
    return answer


def route(container: str) -> None:
    """Give a running box its routes: a box made by an older sandbox does not set them at boot."""
    script = (SOURCES / "box_files" / "sandbox-routes").read_text(encoding="utf-8")
    run(["docker", "exec", "--interactive", container, "/bin/sh", "-s"], text_input=script)


def _create(container: str, tag: str, box_address: str, made_by: str) -> None:
    arguments = ["docker", "create", "--init", "--name", container, *names.LABEL_ARGUMENTS]
    arguments += ["--label", f"{names.RECIPE_LABEL}={made_by}"]
    arguments += ["--network", names.NETWORK, "--ip", names.internet_address(box_address)]
    arguments += ["--ip6", names.internet_address_ipv6(box_address)]
    arguments += ["--env", f"BOX_ADDRESS={box_address}"]
    arguments += ["--env", f"BOX_ADDRESS_IPV6={names.box_address_ipv6(box_address)}"]
    arguments += ["--device", "/dev/net/tun", "--tmpfs", "/run"]
    for capability in CAPABILITIES:
        arguments += ["--cap-add", capability]
    # It makes network namespaces and sets their kernel settings, like the box does.
    arguments += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    arguments += ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
    run([*arguments, tag])


def _wait_until_ready(container: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if succeeds(["docker", "exec", container, "internet-control", "ready"], timeout=20):
            return
        if output(["docker", "inspect", "--format", "{{.State.Running}}", container]) != "true":
            break
        time.sleep(0.1)
    log = output(["docker", "logs", "--tail", "20", container])
    raise SandboxError(f"{container} does not come up:\n{log}")
