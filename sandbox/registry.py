"""The registry and the package cache: two small containers of one image on the sandbox's bridge.

`registry.lan:5000` is Debian's docker-registry over plain http; the outer engine pushes to it on
loopback. Boxes cannot reach the internet, so their packages come through apt-cacher-ng, which has a
second leg outside and only serves Debian's archives. Its cache is a volume: a second deploy into a
fresh box downloads nothing.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request

from sandbox import names, progress, recipe, root_filesystem
from sandbox.command import SandboxError, output, run

READY_TIMEOUT_SECONDS = 30.0
MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
)
REGISTRY_CONFIGURATION = f"""\
version: 0.1
log: {{level: warn}}
storage:
  delete: {{enabled: true}}
  filesystem: {{rootdirectory: /var/lib/docker-registry}}
http: {{addr: ":{names.REGISTRY_PORT}"}}
"""
# Of the distributions that apt-cacher-ng's own configuration knows, only Debian stays, and nothing
# that no such line names is fetched. Verbose objects are what a deploy hardly needs.
DOCKERFILE = """\
FROM {base}
RUN apt-get update -qq \\
 && apt-get install -y -qq --no-install-recommends docker-registry apt-cacher-ng >/dev/null \\
 && sed -i -E '/^Remap-/{{/^Remap-(debrep|secdeb)/!d}}' /etc/apt-cacher-ng/acng.conf \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
COPY root/ /
"""
PACKAGES_COMMAND = (
    "/bin/sh",
    "-c",
    "chown -R apt-cacher-ng: /var/cache/apt-cacher-ng && install -d -o apt-cacher-ng "
    "/run/apt-cacher-ng && exec setpriv --reuid=apt-cacher-ng --regid=apt-cacher-ng --init-groups "
    "apt-cacher-ng -c /etc/apt-cacher-ng ForeGround=1 ForceManaged=1 ExThreshold=30 "
    f"Port={names.PACKAGES_PORT}",
)
REGISTRY_COMMAND = ("docker-registry", "serve", "/etc/docker/registry/sandbox.yml")


def image() -> str:
    """The image of both helpers, built when missing."""
    base = root_filesystem.base()
    dockerfile = DOCKERFILE.format(base=base)
    files = {"/etc/docker/registry/sandbox.yml": (REGISTRY_CONFIGURATION.encode(), 0o644)}
    tag = f"{names.IMAGE_PREFIX}/helpers:{recipe.digest(dockerfile, recipe.files_digest(files))}"
    if not recipe.exists(tag):
        with progress.step("building the registry and the package cache"):
            recipe.build(tag, dockerfile, files)
    return tag


def ensure() -> None:
    """Start the registry and the package cache, or leave them running; wait for both to answer.

    The network must exist. Raises SandboxError when one of them does not answer.
    """
    tag = image()
    if _is_missing(names.PACKAGES_CONTAINER, tag):
        options = ("--volume", f"{names.PACKAGES_VOLUME}:/var/cache/apt-cacher-ng")
        _create(names.PACKAGES_CONTAINER, names.PACKAGES_ADDRESS, options, tag, PACKAGES_COMMAND)
        run(["docker", "network", "connect", names.EGRESS_NETWORK, names.PACKAGES_CONTAINER])
        run(["docker", "start", names.PACKAGES_CONTAINER])
    if _is_missing(names.REGISTRY_CONTAINER, tag):
        options = (
            "--volume", f"{names.REGISTRY_VOLUME}:/var/lib/docker-registry",
            "--network-alias", names.REGISTRY_NAME,
            "--publish", f"{names.PUSH_REGISTRY}:{names.REGISTRY_PORT}",
        )  # fmt: skip
        _create(names.REGISTRY_CONTAINER, names.REGISTRY_ADDRESS, options, tag, REGISTRY_COMMAND)
        run(["docker", "start", names.REGISTRY_CONTAINER])
    _wait_for(f"http://{names.PUSH_REGISTRY}/v2/", names.REGISTRY_CONTAINER)
    _wait_for(f"{names.PACKAGES_PROXY}/acng-report.html", names.PACKAGES_CONTAINER)


def manifest_digest(repository: str, tag: str) -> str:
    """The digest the registry serves for `repository:tag`, "" when it has none."""
    request = urllib.request.Request(
        f"http://{names.PUSH_REGISTRY}/v2/{repository}/manifests/{tag}",
        method="HEAD",
        headers={"Accept": MANIFEST_TYPES},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return str(response.headers.get("Docker-Content-Digest", ""))
    except urllib.error.URLError:
        return ""


def _is_missing(container: str, tag: str) -> bool:
    """True when `container` must be made; one that is stopped is started, another's is removed."""
    shown = run(
        ["docker", "inspect", "--format", "{{.State.Running}} {{.Config.Image}}", container],
        check=False,
    )
    if shown.returncode != 0:
        return True
    running, of_image = shown.stdout.split()
    if of_image != tag:
        run(["docker", "rm", "--force", container])
        return True
    if running != "true":
        run(["docker", "start", container])
    return False


def _create(
    container: str,
    address: str,
    options: tuple[str, ...],
    tag: str,
    program: tuple[str, ...],
) -> None:
    place = ("--name", container, "--network", names.NETWORK, "--ip", address, "--init")
    run(["docker", "create", *place, *names.LABEL_ARGUMENTS, *options, tag, *program])


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
