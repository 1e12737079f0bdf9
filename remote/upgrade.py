"""What a host is, as a newer checkout sees it before it is deployed: read, and nothing written.

The newer checkout's own host programs look at the containers and secrets, because those that are
installed may not know yet what there is to see. They come as a zip archive over stdin and run in
the host's environment from memory (a memfd): the disk is left alone.
"""

import json
import os
import subprocess
from typing import Any

# Reads a line with the archive and the verb, and leaves the rest of stdin to the verb.
START = """
import base64
import importlib
import json
import os
import sys
sys.dont_write_bytecode = True
order = json.loads(sys.stdin.buffer.readline())
archive = os.memfd_create("mediastack")
os.write(archive, base64.b64decode(order["archive"]))
sys.path.insert(0, f"/proc/self/fd/{archive}")
sys.exit(importlib.import_module("mediastack.cli").main(order["verb"]))
"""


def ask(spec: "dict[str, Any]", verb: "list[str]", given: Any) -> Any:
    """What one verb of the newer programs says; {"failed": why} when it could not say."""
    order = json.dumps({"archive": spec["archive"], "verb": verb})
    done = subprocess.run(
        [f"{spec['program']}/venv/bin/python", "-c", START],
        input=f"{order}\n{json.dumps(given)}",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return {"failed": words}
    return {"found": json.loads(done.stdout)}


def recorded(path: str) -> str:
    """The text of the deployed mediastack.toml, "" when there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except OSError:
        return ""


def check(spec: "dict[str, Any]") -> "dict[str, Any]":
    """{"recorded": text, "observed", "secrets"}: the last two are None on a host without us."""
    deployed = os.access(f"{spec['program']}/venv/bin/python", os.X_OK)
    if not deployed:
        return {"recorded": recorded(spec["config_file"]), "observed": None, "secrets": None}
    return {
        "recorded": recorded(spec["config_file"]),
        "observed": ask(spec, ["observe", "--config", "-"], spec["config"]),
        "secrets": ask(spec, ["secrets-check"], spec["secrets"]),
    }
