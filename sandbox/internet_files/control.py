"""`internet-control VERB [WORD...]`: ask and steer the box's internet; the answer is JSON.

ready              {"ready": true} once it is built (exit 1 before)
key                read a WireGuard private key from stdin, accept its public half
peer PUBLICKEY     accept one more client key        peers: the last handshake of each
port N             the next NAT-PMP port (0: none to give)
ports              the port and the leases
tunnel on|off      the provider answers, or drops everything on its endpoint's port
dial PORT [udp]    call the exit address from the public internet
packets [--since T]    what arrived from the box: all but the tunnel's data, which is counted
arrivals [--since T]   what arrived at the public internet, with its source
names [--since T]      what its name server was asked
clear              forget packets, arrivals and names
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from . import addresses, provider, public
from .system import ask, run

PROVIDER_VERBS = ("port", "ports", "tunnel", "peer", "peers")
RECORDS = {
    "packets": addresses.PACKETS,
    "arrivals": addresses.ARRIVALS,
    "names": addresses.NAMES,
}
COUNTER = ("counter", "inet", "internet", "tunnel")


def main(arguments: list[str]) -> int:
    """Run one verb. 0 when it worked, 1 when it did not, 2 on wrong usage."""
    if not arguments or arguments[0] in ("--help", "-h"):
        print(__doc__)
        return 0 if arguments else 2
    try:
        answer = _answer(arguments[0], arguments[1:])
    except (OSError, ValueError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
    return 1 if "error" in answer or answer.get("ready") is False else 0


def _answer(verb: str, words: list[str]) -> dict[str, Any]:
    if verb == "ready":
        return {"ready": addresses.READY.exists() and "port" in ask(provider.QUESTIONS, "ports")}
    if verb == "key":
        public_key = run("wg", "pubkey", text=sys.stdin.read()).strip()
        return {**ask(provider.QUESTIONS, "peer", public_key), "public_key": public_key}
    if verb in PROVIDER_VERBS:
        return ask(provider.QUESTIONS, verb, *words)
    if verb == "dial":
        return ask(public.QUESTIONS, verb, *words)
    if verb == "clear":
        for path in RECORDS.values():
            if path.exists():
                os.truncate(path, 0)
            path.with_suffix(".lost").unlink(missing_ok=True)
        run("nft", "reset", *COUNTER)
        return {"cleared": True}
    if verb in RECORDS:
        return _records(verb, float(words[1]) if words[:1] == ["--since"] else 0.0)
    raise ValueError(f"no such verb: {verb}")


def _records(verb: str, since: float) -> dict[str, Any]:
    path = RECORDS[verb]
    found = [record for record in _read(path) if record["time"] >= since]
    answer: dict[str, Any] = {verb: found, "lost": _lost(path)}
    if verb == "packets":
        listed = json.loads(run("nft", "--json", "list", *COUNTER))["nftables"]
        counter = next(entry["counter"] for entry in listed if "counter" in entry)
        answer["tunnel"] = {"packets": counter["packets"], "bytes": counter["bytes"]}
    return answer


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    # The last line may still be on its way.
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def _lost(path: Path) -> int:
    lost = path.with_suffix(".lost")
    return int(lost.read_text(encoding="ascii")) if lost.exists() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
