"""Up and down: the order in which the sandbox's parts come and go.

The door is closed before anything that could walk through it exists. The box's root file system and
the stand-ins are built side by side, because a fresh machine has two cores and little patience.
`down` goes by labels and names, never by what this run remembers, so it also removes what a killed
run left.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox import (
    box,
    engine,
    helpers,
    images,
    internet,
    names,
    network,
    progress,
    root_filesystem,
    state,
)
from sandbox.command import run
from sandbox.state import Box


def up(
    name: str = "box",
    *,
    suite: str = "trixie",
    assume_yes: bool = False,
    with_images: bool = True,
) -> Box:
    """Bring up everything and box `name`; what is there already is reused.

    Raises SandboxError with what to do about it.
    """
    with state.exclusive():
        engine.ensure(assume_yes)
        network.ensure()
        root_filesystem.clear()
        with ThreadPoolExecutor(max_workers=2) as workers:
            box_image = workers.submit(_box_images, suite)
            served = workers.submit(_serve, with_images)
            box_image.result()
            served.result()
        return box.ensure(name, suite)


def ensure_images(assume_yes: bool = False) -> dict[str, str]:
    """Build and push the stand-ins; return {reference under the mirror: digest}."""
    with state.exclusive():
        engine.ensure(assume_yes)
        network.ensure()
        helpers.ensure()
        return images.ensure()


def down(name: str | None = None, *, keep_cache: bool = False, assume_yes: bool = False) -> None:
    """Remove box `name`, or (None) every trace of the sandbox.

    `keep_cache` keeps images, the registry's content and the package cache for a next `up`.
    """
    with state.exclusive(), progress.step("removing the sandbox"):
        engine.wake(assume_yes)
        if name is not None:
            box.remove(name)
            return
        _remove_all("ps", "rm", "--force", "--volumes")
        keep = {names.REGISTRY_VOLUME, names.PACKAGES_VOLUME} if keep_cache else set()
        volumes = _listed("volume", "--format", "{{.Name}}")
        for volume in [*volumes, names.REGISTRY_VOLUME, names.PACKAGES_VOLUME]:
            if volume not in keep:
                run(["docker", "volume", "rm", "--force", volume], check=False)
        network.remove()
        root_filesystem.clear()
        if not keep_cache:
            _remove_images()
        state.forget()


def status() -> dict[str, Any]:
    """What there is: boxes, helpers and whether the door is closed."""
    template = "{{.Names}}\t{{.State}}"
    shown = run(
        ["docker", "ps", "--all", "--filter", names.LABEL_FILTER, "--format", template], check=False
    )
    containers = dict(line.split("\t") for line in shown.stdout.splitlines())
    boxes = {}
    for name in state.saved_names():
        saved = state.load(name)
        boxes[name] = {
            "state": containers.get(names.box_container(name), "gone"),
            "address": saved.address if saved else "",
            "internet": containers.get(names.internet_container(name), "gone"),
        }
    return {
        "boxes": boxes,
        "helpers": {helper: containers.get(helper, "gone") for helper in names.HELPERS},
        "registry": names.REGISTRY,
        "closed": network.is_closed(),
    }


def _box_images(suite: str) -> None:
    box.image(suite)
    internet.image()


def _serve(with_images: bool) -> None:
    helpers.ensure()
    if with_images:
        images.ensure()


def _listed(kind: str, *options: str) -> list[str]:
    verb = ["docker", "ps", "--all"] if kind == "ps" else ["docker", kind, "ls"]
    result = run([*verb, "--filter", names.LABEL_FILTER, *options], check=False)
    return result.stdout.split()


def _remove_all(kind: str, *removal: str) -> None:
    found = _listed(kind, "--quiet")
    if found:
        run(["docker", *removal, *found], check=False)


def _remove_images() -> None:
    """Remove our images, children before parents: the engine refuses the other order."""
    for _ in range(3):
        found = sorted(set(_listed("image", "--all", "--quiet")))
        if not found:
            return
        run(["docker", "image", "rm", "--force", *found], check=False)
