"""The walls taken down on purpose, and put up again whatever happens.

Gluetun's wall is its iptables, saved and restored inside its own container. The second wall is an
nftables table whose keeper is paused meanwhile (it would mend at once, which is its promise); when
it goes on, it mends, and that is waited for. The wall on the names is what Docker is told in the
compose file.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from checks import box, leak_operations, leak_sink, runtime
from checks.box import Host
from checks.framework import CheckError, Context

OWNER = "gluetun"
UNIT = "mediastack-wall.service"
TABLE = "inet mediastack_wall"
FAMILIES = ("iptables", "ip6tables")
OPEN = "for c in INPUT FORWARD OUTPUT; do {tool} -w -P $c ACCEPT; {tool} -w -F $c; done"
MENDED_SECONDS = 20.0
COMPOSE_FILE = "/opt/mediastack/stacks/downloads/compose.yaml"
RESOLVER = "127.0.0.153"
RESOLVER_UNIT = "check-resolver"

Plant = Callable[[Context], contextlib.AbstractContextManager[None]]
# A chain, and words that all stand in the JSON of the rules to remove.
Rule = tuple[str, tuple[str, ...]]


@contextlib.contextmanager
def gluetun_open(context: Context) -> Iterator[None]:
    """Gluetun's firewall is open: what is bound to eth0 leaves beside the tunnel."""
    host = context.box
    saved = {tool: box.run(host, f"docker exec {OWNER} {tool}-save -t filter") for tool in FAMILIES}
    try:
        for tool in FAMILIES:
            box.run(host, f"docker exec {OWNER} sh -c {shlex.quote(OPEN.format(tool=tool))}")
        yield
    finally:
        for tool, text in saved.items():
            command = f"docker exec --interactive {OWNER} {tool}-restore -w -T filter"
            box.run(host, f"{command} || docker restart {OWNER}", stdin=text)


@contextlib.contextmanager
def keeper_paused(context: Context) -> Iterator[None]:
    """Nobody mends the second wall meanwhile; afterwards it stands as before."""
    host = context.box
    before = _listing(host)
    if not before:
        raise CheckError(f"there is no table {TABLE}; fix: systemctl restart {UNIT}")
    box.run(host, f"systemctl kill --kill-whom main --signal STOP {UNIT}")
    try:
        yield
    finally:
        box.run(host, f"systemctl kill --kill-whom main --signal CONT {UNIT}")

        def missing() -> str:
            return "" if _listing(host) == before else "it is another than before"

        runtime.wait_until("the second wall is mended", missing, MENDED_SECONDS)


@contextlib.contextmanager
def second_wall_gone(context: Context) -> Iterator[None]:
    """The table of the second wall is deleted and nobody mends it."""
    with keeper_paused(context):
        box.run(context.box, f"nft delete table {TABLE}")
        yield


def without(summary: str, *rules: Rule, also: Sequence[str] = ()) -> Plant:
    """A fault: these rules of the second wall are removed, after the `also` commands of nft."""

    @contextlib.contextmanager
    def removed(context: Context) -> Iterator[None]:
        with keeper_paused(context):
            for command in also:
                box.run(context.box, f"nft {shlex.quote(command)}")
            for chain, words in rules:
                for handle in handles(_json(context.box), chain, words):
                    box.run(context.box, f"nft delete rule {TABLE} {chain} handle {handle}")
            yield

    removed.__doc__ = summary
    return removed


def handles(listed: dict[str, Any], chain: str, words: Sequence[str]) -> list[int]:
    """The handles of the rules with all these words. Raise CheckError when there are none."""
    found = [
        int(one["rule"]["handle"])
        for one in listed["nftables"]
        if one.get("rule", {}).get("chain") == chain
        and all(word in json.dumps(one["rule"]["expr"]) for word in words)
    ]
    if not found:
        raise CheckError(f"the second wall has no rule {chain} {' '.join(words)} to remove")
    return found


@contextlib.contextmanager
def loopback_resolver(context: Context) -> Iterator[None]:
    """The host asks a resolver on its own loopback, as hosts with systemd-resolved do."""
    host = context.box
    before = box.run(host, "cat /etc/resolv.conf")
    source = (box.INSIDE / "resolver.py").read_text(encoding="utf-8")
    box.run(host, f"cat > /run/{RESOLVER_UNIT}.py", stdin=source)
    start = f"systemd-run --quiet --collect --unit {RESOLVER_UNIT} python3 /run/{RESOLVER_UNIT}.py"
    box.run(host, f"{start} {RESOLVER} {leak_sink.TARGETS['resolver']}")
    try:
        # Written in place: it is a mount in a box.
        box.run(host, "cat > /etc/resolv.conf", stdin=f"nameserver {RESOLVER}\n")
        yield
    finally:
        box.run(host, "cat > /etc/resolv.conf", stdin=before)
        box.run(host, f"systemctl stop {RESOLVER_UNIT}; rm -f /run/{RESOLVER_UNIT}.py")


@contextlib.contextmanager
def names_open(context: Context) -> Iterator[None]:
    """Nothing tells Docker where to forward names: it asks the host's resolver, from the host."""
    host = context.box
    before = box.run(host, f"cat {COMPOSE_FILE}")
    try:
        box.run(host, f"cat > {COMPOSE_FILE}", stdin=without_dns(before))
        yield
    finally:
        box.run(host, f"cat > {COMPOSE_FILE}", stdin=before)
        box.run(host, leak_operations.RECREATE)


def without_dns(text: str) -> str:
    """A compose file with no `dns` in it. Raise CheckError when there is none to remove."""
    kept, skipped = [], -1
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if skipped >= 0 and (indent > skipped or line.strip().startswith("- ")):
            continue
        skipped = indent if line.strip().startswith("dns:") else -1
        if skipped < 0:
            kept.append(line)
    if len(kept) == len(text.splitlines()):
        raise CheckError("the compose file sets no dns to remove")
    return "\n".join(kept) + "\n"


def _listing(host: Host) -> str:
    """The second wall without what it counted, "" when it is not there."""
    command = f"nft list table {TABLE} 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*//'"
    return box.run(host, command).strip()


def _json(host: Host) -> dict[str, Any]:
    listed: dict[str, Any] = json.loads(box.run(host, f"nft -j -a list table {TABLE}"))
    return listed
