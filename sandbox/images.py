"""The stand-in images: built from a table, served under the upstream names and tags.

Every image is one thin layer (its Python, its tool links) on one shared base, so building and
pushing all of them takes seconds. The label with the recipe's hash says whether an image is
current; the registry is asked whether it really serves it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox import names, progress, recipe, registry, root_filesystem
from sandbox.command import SandboxError, run
from sandbox.standin_table import RUNTIME, TABLE, Standin

SOURCES = Path(__file__).parent
LIBRARY = "/usr/lib/standin"
WORKERS = 2
# Where the base's tools are; an image gets a link only to those that its upstream has.
TOOL_TARGETS = {"curl": f"{LIBRARY}/tools/curl", "wget": "/usr/bin/busybox"}


def wanted() -> dict[str, str]:
    """Upstream repository:tag of every service of the catalog -> its stand-in's key."""
    from catalog import SERVICES  # pydantic is only needed here

    found = {}
    for service in SERVICES.values():
        key = service.image.rsplit("/", 1)[-1]
        if key not in TABLE:
            raise SandboxError(
                f"{service.image}: no stand-in; fix: add {key} to sandbox/standin_table.py"
            )
        found[f"{service.image}:{service.tag}"] = key
    return found


def ensure() -> dict[str, str]:
    """Build and push what is missing; return {reference under the mirror: digest}.

    The registry must run. Raises SandboxError.
    """
    base = _base()
    with ThreadPoolExecutor(max_workers=WORKERS) as workers:
        keys = [key for key, standin in TABLE.items() if standin.packages]
        made = workers.map(lambda key: _package_layer(base, TABLE[key]), keys)
        layers = dict(zip(keys, made, strict=True))
    references = wanted()
    current = _current_recipes(references)

    def serve(item: tuple[str, str]) -> str:
        reference, key = item
        layer = layers.get(key, base)
        return publish(reference, key, base=layer, current=current.get(reference, ""))

    with (
        progress.step(f"building and serving {len(references)} stand-in images"),
        ThreadPoolExecutor(max_workers=WORKERS) as workers,
    ):
        digests = dict(zip(references, workers.map(serve, references.items()), strict=True))
    return {f"{names.REGISTRY}/{reference}": digest for reference, digest in digests.items()}


def publish(
    reference: str,
    key: str,
    *,
    base: str = "",
    current: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Build the stand-in `key` as upstream `reference` (repository:tag), push it if it changed.

    `environment` is baked in: a newer tag of a service that is sick, slow or dead. Returns the
    manifest digest the registry serves. Raises SandboxError.
    """
    standin = TABLE[key]
    repository, tag = reference.rsplit(":", 1)
    local = f"{names.PUSH_REGISTRY}/{reference}"
    base = base or _package_layer(_base(), standin)
    dockerfile = _dockerfile(standin, base, tag, environment or {})
    files = _files(standin)
    version = recipe.digest(dockerfile, recipe.files_digest(files), sorted(standin.tools))
    if current is None:
        current = _current_recipes([reference]).get(reference, "")
    if current != version:
        recipe.build(
            local,
            dockerfile,
            files,
            links={f"/usr/local/bin/{tool}": TOOL_TARGETS[tool] for tool in standin.tools},
            directories=(standin.state,) if standin.state else (),
            labels={names.RECIPE_LABEL: version},
        )
    digest = registry.digest(repository, tag)
    if current != version or not digest:
        run(["docker", "push", "--quiet", local])
        digest = registry.digest(repository, tag)
    if not digest:
        raise SandboxError(f"the registry does not serve {reference} after it was pushed")
    return digest


def _base() -> str:
    """The base with its tools out of PATH, the user abc, and the users images run as."""
    root = root_filesystem.base()
    dockerfile = (
        f"FROM {root}\n"
        f"RUN mkdir -p {LIBRARY}/tools && mv /usr/bin/curl {LIBRARY}/tools/ \\\n"
        " && groupadd -g 911 abc && useradd -M -u 911 -g abc -d /config -s /bin/false abc \\\n"
        " && groupadd -g 1000 node && useradd -M -u 1000 -g node -s /bin/sh node\n"
    )
    return _layer("standin-base", dockerfile)


def _package_layer(base: str, standin: Standin) -> str:
    """`base` with the Debian packages of `standin`; `base` itself when it needs none."""
    if not standin.packages:
        return base
    packages = " ".join(standin.packages)
    dockerfile = (
        f"FROM {base}\n"
        "RUN apt-get update -qq \\\n"
        f" && apt-get install -y -qq --no-install-recommends {packages} >/dev/null \\\n"
        " && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin\n"
    )
    return _layer(f"standin-{standin.packages[0]}", dockerfile)


def _layer(name: str, dockerfile: str) -> str:
    tag = f"{names.IMAGE_PREFIX}/{name}:{recipe.digest(dockerfile)}"
    if not recipe.exists(tag):
        with progress.step(f"building {name}"):
            recipe.build(tag, dockerfile, {}, network=names.EGRESS_NETWORK)
    return tag


def _files(standin: Standin) -> recipe.Files:
    modules = (*RUNTIME, *standin.modules) if standin.modules else ()
    files: dict[str, tuple[bytes, int]] = {
        f"{LIBRARY}/standins/{module}.py": (
            (SOURCES / "standins" / f"{module}.py").read_bytes(),
            0o644,
        )
        for module in modules
    }
    if standin.entrypoint:
        files[standin.entrypoint] = (_entrypoint(standin).encode(), 0o755)
    for path, source, mode in standin.files:  # also an entry point that does more than start
        files[path] = ((SOURCES / "box_files" / source).read_bytes(), mode)
    return files


def _entrypoint(standin: Standin) -> str:
    """Upstream's entry point by name, starting the stand-in."""
    return f'#!/bin/sh\nexec python3 -B -m standins {" ".join(standin.arguments)} "$@"\n'


def _dockerfile(standin: Standin, base: str, tag: str, environment: Mapping[str, str]) -> str:
    program = ["python3", "-B", "-m", "standins"]
    entrypoint: list[str] = []
    if standin.start == "linuxserver":
        started = list(standin.command) or [*program, *standin.arguments]
        entrypoint = [*program, "linuxserver", *started]
        command: list[str] = []
    elif standin.entrypoint:
        entrypoint, command = [standin.entrypoint], list(standin.command)
    else:
        command = list(standin.command) or [*program, *standin.arguments]
    variables = {
        "PYTHONPATH": LIBRARY,
        "STANDIN_VERSION": tag,
        "STANDIN_STATE": standin.state,
        **dict(standin.environment),
        **environment,
    }
    lines = [f"FROM {base}", "COPY root/ /"]
    # One line: every line of a Dockerfile costs a commit of the engine, times all images.
    lines += ["ENV " + " ".join(f"{key}={json.dumps(value)}" for key, value in variables.items())]
    lines += [f"EXPOSE {' '.join(map(str, standin.ports))}"] if standin.ports else []
    lines += [f"USER {standin.user}"] if standin.user else []
    lines += [standin.health] if standin.health else []
    lines += [f"ENTRYPOINT {json.dumps(entrypoint)}", f"CMD {json.dumps(command)}"]
    return "\n".join(lines) + "\n"


def _current_recipes(references: Mapping[str, str] | list[str]) -> dict[str, str]:
    """The recipe hash of each local image of `references` (absent: not built)."""
    listed = [f"{names.PUSH_REGISTRY}/{reference}" for reference in references]
    shown = run(["docker", "image", "inspect", *listed], check=False)
    found = {}
    for entry in json.loads(shown.stdout or "[]"):
        label = ((entry.get("Config") or {}).get("Labels") or {}).get(names.RECIPE_LABEL, "")
        for tag in entry.get("RepoTags") or []:
            found[tag.removeprefix(f"{names.PUSH_REGISTRY}/")] = label
    return found
