"""The box: a fresh Debian server as a container with systemd and sshd, and nothing of Docker's.

It gets capabilities by name (--privileged fails where root lacks one), volumes where an overlay on
an overlay would not work, and `/mnt/disk`, the user's media disk: `/data` is bound to it by a line
in /etc/fstab, so it can be unmounted, fail and come back like a real disk. Both of its SSH keys are
ours and are put in before it starts. `reboot` is a restart of the container, with the boot order
problems of a real one.
"""

from __future__ import annotations

import io
import os
import tarfile
import time
from pathlib import Path

from sandbox import internet, names, network, progress, recipe, root_filesystem, state
from sandbox.command import SandboxError, output, run, succeeds
from sandbox.state import Box

BOOT_TIMEOUT_SECONDS = 90.0
SHUTDOWN_TIMEOUT_SECONDS = 60
CAPABILITIES = (
    "SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_NICE", "SYS_TIME", "MKNOD",
    "AUDIT_WRITE", "DAC_READ_SEARCH", "IPC_LOCK", "LEASE", "SYSLOG", "SYS_BOOT", "SYS_CHROOT",
)  # fmt: skip
FSTAB = "# nofail: a server boots without its media disk.\n/mnt/disk /data none bind,nofail 0 0\n"
SSHD = "HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\nUseDNS no\n"
APT = f'Acquire::http::Proxy "{names.PACKAGES_PROXY}";\nAcquire::Retries "2";\n'
DOCKERFILE = """\
FROM {root}
RUN rm -f /etc/ssh/ssh_host_* && systemctl mask --quiet systemd-networkd-wait-online.service \\
    getty.target console-getty.service
COPY root/ /
STOPSIGNAL SIGRTMIN+3
ENV container=docker
CMD ["/usr/local/sbin/sandbox-init"]
"""


def image(suite: str = "trixie") -> str:
    """The box image of `suite`, built when missing. Raises SandboxError."""
    scripts = Path(__file__).parent / "box_files"
    files = {
        **{
            f"/usr/local/sbin/{name}": ((scripts / name).read_bytes(), 0o755)
            for name in ("sandbox-init", "sandbox-routes")
        },
        "/etc/fstab": (FSTAB.encode(), 0o644),
        "/etc/ssh/sshd_config.d/sandbox.conf": (SSHD.encode(), 0o644),
        "/etc/apt/apt.conf.d/90sandbox": (APT.encode(), 0o644),
    }
    dockerfile = DOCKERFILE.format(root=root_filesystem.box(suite))
    version = recipe.digest(dockerfile, recipe.files_digest(files))
    tag = f"{names.IMAGE_PREFIX}/box-{suite}:{version}"
    if not recipe.exists(tag):
        with progress.step(f"building the box image ({suite})"):
            recipe.build(tag, dockerfile, files, directories=("/data", "/mnt/disk"))
    return tag


def ensure(name: str = "box", suite: str = "trixie") -> Box:
    """Create or start box `name` and its internet, wait until it is booted; reuse what runs.

    The network must exist. A box whose checkout is gone is nobody's and is made anew. Raises
    SandboxError when the name is another checkout's box or it does not boot.
    """
    tag = image(suite)
    state.make_keys(name)
    container = names.box_container(name)
    found = _inspect(container)
    if found is not None and not os.path.isdir(found[2]):
        _remove_container(name)
        found = None
    if found is not None:
        running, key, checkout, tag_found = found
        if checkout != str(state.ROOT):
            raise SandboxError(
                f"box {name} belongs to {checkout}; fix: use --name, or take it down there"
            )
        if not tag_found.startswith(f"{names.IMAGE_PREFIX}/box-{suite}:"):
            raise SandboxError(
                f"box {name} is not {suite}; fix: another --name, or down --name {name} first"
            )
        box = state.load(name)
        if key == state.key_fingerprint(name) and box is not None:
            internet.ensure(name, box.address)
            if running and succeeds_over_ssh(box):
                internet.route(container)
                return box
            run(["docker", "start", container])
            return _wait_until_booted(box)
        _remove_container(name)
    # A run killed between here and the keys must not look like a finished box to the next one.
    state.forget_address(name)
    address = _free_address()
    with progress.step(f"starting box {name}"):
        _create(name, tag, address)
        internet.ensure(name, address)
        run(["docker", "start", container])
        return _wait_until_booted(state.save(name, address))


def reboot(name: str = "box", *, hard: bool = False) -> Box:
    """Restart box `name` (`hard`: as if the power failed) and wait until it is booted again."""
    box = load(name)
    container = names.box_container(name)
    with progress.step(f"rebooting box {name}"):
        if hard:
            run(["docker", "kill", container])
            run(["docker", "start", container])
        else:
            run(["docker", "restart", "--time", str(SHUTDOWN_TIMEOUT_SECONDS), container])
        return _wait_until_booted(box)


def remove(name: str) -> None:
    """Remove box `name`, its internet, its volumes and its keys; missing ones are fine."""
    _remove_container(name)
    internet.remove(name)
    state.forget(name)


def load(name: str = "box") -> Box:
    """The saved box `name`. Raises SandboxError when there is none."""
    box = state.load(name)
    if box is None:
        raise SandboxError(f"there is no box {name}; fix: python -m sandbox up --name {name}")
    return box


def ssh_arguments(box: Box) -> list[str]:
    """The ssh command line up to and including the destination: our key, the pinned host key."""
    options = {
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": box.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "BatchMode": "yes",
        "ConnectTimeout": "5",
        "LogLevel": "ERROR",
    }
    arguments = ["ssh", "-F", "/dev/null", "-i", box.key, "-p", str(box.ssh_port)]
    for key, value in options.items():
        arguments += ["-o", f"{key}={value}"]
    return [*arguments, f"{box.user}@{box.address}"]


def execute(box: Box, shell_command: str, *, check: bool = True, timeout: float = 120) -> str:
    """Run `shell_command` in the box over SSH and return its stripped output."""
    result = run([*ssh_arguments(box), shell_command], check=check, timeout=timeout)
    return result.stdout.strip()


def succeeds_over_ssh(box: Box, shell_command: str = "true") -> bool:
    """True when the box answers over SSH and `shell_command` exits 0 there."""
    return succeeds([*ssh_arguments(box), shell_command], timeout=20)


def _remove_container(name: str) -> None:
    """Remove the container and the volumes of box `name`, if there are any."""
    run(["docker", "rm", "--force", "--volumes", names.box_container(name)], check=False)
    run(["docker", "volume", "rm", "--force", *names.box_volumes(name)], check=False)


def _inspect(container: str) -> tuple[bool, str, str, str] | None:
    """Running?, key label, checkout label and image of `container`; None when there is none."""
    template = "{{.State.Running}}\t{{index .Config.Labels %s}}\t{{index .Config.Labels %s}}"
    template %= (f'"{names.KEY_LABEL}"', f'"{names.CHECKOUT_LABEL}"')
    template += "\t{{.Config.Image}}"
    shown = run(["docker", "inspect", "--format", template, container], check=False)
    if shown.returncode != 0:
        return None
    running, key, checkout, image_tag = shown.stdout.rstrip("\n").split("\t")
    return running == "true", key, checkout, image_tag


def _free_address() -> str:
    """The first address that no box has, running or stopped."""
    boxes = output(["docker", "ps", "--all", "--quiet", "--filter", f"label={names.KEY_LABEL}"])
    template = f'{{{{(index .NetworkSettings.Networks "{names.NETWORK}").IPAMConfig.IPv4Address}}}}'
    taken: set[str] = set()
    if boxes:
        taken = set(output(["docker", "inspect", "--format", template, *boxes.split()]).split())
    for number in range(names.FIRST_BOX_ADDRESS, names.LAST_BOX_ADDRESS + 1):
        address = f"{names.SUBNET.rsplit('.', 1)[0]}.{number}"
        if address not in taken:
            return address
    raise SandboxError("no address is left for another box; fix: python -m sandbox down")


def _create(name: str, tag: str, address: str) -> None:
    container = names.box_container(name)
    arguments = ["docker", "create", "--name", container, "--hostname", name]
    arguments += names.LABEL_ARGUMENTS
    arguments += ["--label", f"{names.KEY_LABEL}={state.key_fingerprint(name)}"]
    arguments += ["--label", f"{names.CHECKOUT_LABEL}={state.ROOT}"]
    arguments += ["--network", names.NETWORK, "--ip", address]
    arguments += ["--ip6", names.box_address_ipv6(address)]
    # It knows the registry and denies all other names at once (name_server.py).
    arguments += ["--dns", names.NAMES_ADDRESS, "--dns-search", "."]
    arguments += ["--add-host", f"{names.REGISTRY_NAME}:{names.REGISTRY_ADDRESS}"]
    arguments += ["--cgroupns", "private", "--device", "/dev/net/tun", "--device", "/dev/fuse"]
    for capability in CAPABILITIES:
        arguments += ["--cap-add", capability]
    arguments += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    # Without IPv6 inside, every test that looks for an IPv6 leak would pass for nothing.
    arguments += ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
    for mount in ("/run", "/run/lock", "/tmp:exec"):
        arguments += ["--tmpfs", mount]
    for volume, target in names.box_volumes(name).items():
        run(["docker", "volume", "create", *names.LABEL_ARGUMENTS, volume])
        arguments += ["--volume", f"{volume}:{target}"]
    run([*arguments, tag])
    _put_keys(name, container)


def _put_keys(name: str, container: str) -> None:
    """Copy the authorized key and the host key into the created, not yet started container."""
    host_key = state.directory(name) / state.HOST_KEY
    entries = {
        "root/.ssh": (None, 0o700),
        "root/.ssh/authorized_keys": (state.public_key(name, state.CLIENT_KEY) + "\n", 0o600),
        "etc/ssh/ssh_host_ed25519_key": (host_key.read_text(encoding="utf-8"), 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": (state.public_key(name, state.HOST_KEY) + "\n", 0o644),
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, (content, mode) in entries.items():
            entry = tarfile.TarInfo(path)
            entry.mode = mode
            entry.mtime = int(time.time())
            if content is None:
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = len(content.encode())
                tar.addfile(entry, io.BytesIO(content.encode()))
    # Keys and archive are ASCII, so they travel as text through the one way we run programs.
    command = ["docker", "cp", "-", f"{container}:/"]
    run(command, text_input=archive.getvalue().decode("ascii"))


def _wait_until_booted(box: Box) -> Box:
    deadline = time.monotonic() + BOOT_TIMEOUT_SECONDS
    seen = "no answer over SSH"
    while time.monotonic() < deadline:
        if succeeds_over_ssh(box):
            seen = execute(box, "systemctl is-system-running --wait", check=False)
            if seen in {"running", "degraded"}:
                internet.route(names.box_container(box.name))
                return box
        time.sleep(0.2)
    log = run(["docker", "logs", "--tail", "20", names.box_container(box.name)], check=False)
    closed = "" if network.is_closed() else " (the firewall rules are gone)"
    raise SandboxError(f"box {box.name} did not boot{closed}: {seen}\n{log.stdout}{log.stderr}")
