"""How a service stands: its containers, the image lock, what the updater has written down of it,
and its databases, read by SQLite here. With `prepare` first a row and odd files are added."""

import json
import os
import sqlite3
import subprocess
import urllib.request
from typing import Any

STATE = "/var/lib/mediastack"
STACKS = "/opt/mediastack/stacks"
SERVICE = "io.mediastack.service"
ROWS = "/standin/rows"


def output(*command: str) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def parsed(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        return json.loads(text.partition("\n")[2] if text.startswith("#") else text)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        return {"damaged": str(error)}


def inspected(kind: str, *names: str) -> "list[dict[str, Any]]":
    return json.loads(output("docker", kind, "inspect", *names) or "[]") if names else []


def containers(service: str) -> "list[dict[str, Any]]":
    label = f"label={SERVICE}={service}"
    listed = output("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", label).split()
    found = []
    for one in inspected("container", *listed):
        state, images = one["State"], inspected("image", one["Image"])
        networks = one["NetworkSettings"]["Networks"].values()
        found.append({
            "name": one["Name"].lstrip("/"),
            "id": one["Id"],
            "reference": one["Config"]["Image"],
            "digests": [d.partition("@")[2] for i in images for d in i["RepoDigests"]],
            "status": state["Status"],
            "health": (state.get("Health") or {}).get("Status", "none"),
            "started": state["StartedAt"],
            "restart": one["HostConfig"]["RestartPolicy"]["Name"],
            "address": next((net["IPAddress"] for net in networks), ""),
        })  # fmt: skip
    return found


def database(path: str) -> "dict[str, Any]":
    """Integrity, schema, and every row."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            schema = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY 1").fetchall()
            tables = [name for name, sql in schema if sql and sql.startswith("CREATE TABLE")]
            return {
                "integrity": connection.execute("PRAGMA integrity_check").fetchone()[0],
                "schema": [f"{name}: {sql}" for name, sql in schema],
                "version": connection.execute("PRAGMA user_version").fetchone()[0],
                "rows": {
                    name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()  # noqa: S608
                    for name in tables
                },
            }
        finally:
            connection.close()
    except sqlite3.Error as error:
        return {"integrity": str(error), "schema": [], "version": 0, "rows": {}}


def disturb(config: str, mark: str) -> None:
    """Files whose names, modes, owners and kinds a careless copy gets wrong."""
    odd = f"{config}/odd"
    os.makedirs(f"{odd}/empty", exist_ok=True)
    for name, mode, owner in (("a b\u00e9\n.txt", 0o640, 1234), ("key", 0o400, 0)):
        with open(f"{odd}/{name}", "w", encoding="utf-8") as handle:
            handle.write(mark)
        os.chown(f"{odd}/{name}", owner, owner)
        os.chmod(f"{odd}/{name}", mode)
    for name, target in (("dangling", "/nowhere"), ("absolute", config)):
        if not os.path.lexists(f"{odd}/{name}"):
            os.symlink(target, f"{odd}/{name}")
    os.chmod(f"{odd}/empty", 0o700)
    os.utime(f"{odd}/key", (1, 1))


def main(
    service: str,
    config: str,
    stack: str,
    databases: "list[str]",
    port: int = 0,
    mark: str = "",
) -> "dict[str, Any]":
    """`mark`: add it as a row (through the program's port) and in odd files first."""
    found = containers(service)
    if mark:
        disturb(config, mark)
    if mark and port:
        url = f"http://{found[0]['address']}:{port}{ROWS}"
        request = urllib.request.Request(url, json.dumps({"text": mark}).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
            answer.read()
    lock = parsed(f"{STATE}/images.lock")
    images = parsed(f"{STACKS}/{stack}/images.yaml")
    return {
        "containers": found,
        "lock": (lock.get("services") or {}).get(service, {}),
        "override": (images.get("services") or {}).get(service, {}).get("image", ""),
        "journal": parsed(f"{STATE}/updater/inflight.json"),
        "acting": parsed(f"{STATE}/acting.json").get(service),
        "intent": parsed(f"{STATE}/intent.json").get(service),
        "refused": list(parsed(f"{STATE}/updater/refused.json").get(service, {})),
        "hints": parsed(f"{STATE}/updater/hints.json").get(service),
        "databases": {name: database(f"{config}/{name}") for name in databases},
        "leftovers": sorted(
            name for name in os.listdir(os.path.dirname(config))
            if name.startswith((f".{service}", f"{service}."))
        ),
        "paused": output("docker", "ps", "--filter", "status=paused", "--format", "{{.Names}}"),
    }  # fmt: skip
