"""Ask Gluetun's control server, as the holder of its key does, to stop or start the tunnel."""

import json
import urllib.error
import urllib.request

KEY = "/etc/mediastack/secrets/gluetun/control_api_key"


def main(address: str, status: str) -> "dict[str, object]":
    """{"code": …, "answer": …}; code 0 when nobody answers, which is an answer as well."""
    with open(KEY, encoding="utf-8") as handle:
        key = handle.read().strip()
    request = urllib.request.Request(  # noqa: S310 - our own http address
        f"http://{address}:8000/v1/vpn/status",
        data=json.dumps({"status": status}).encode(),
        headers={"X-API-Key": key, "Content-Type": "application/json"},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=8) as answer:  # noqa: S310
            return {"code": answer.status, "answer": answer.read().decode(errors="replace")}
    except urllib.error.HTTPError as error:
        return {"code": error.code, "answer": error.read().decode(errors="replace")}
    except OSError as error:
        return {"code": 0, "answer": str(error)}
