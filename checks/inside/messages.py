"""What arrived on the household's phones: ntfy's topic, read with the account made for them."""

import base64
import json
import urllib.request
from typing import Any

PASSWORD = "/etc/mediastack/secrets/ntfy/admin_password"  # noqa: S105 - a path


def main(url: str, topic: str, since: int) -> "list[dict[str, Any]]":
    with open(PASSWORD, encoding="utf-8") as handle:
        login = base64.b64encode(f"household:{handle.read().strip()}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - our own http address
        f"{url}/{topic}/json?poll=1&since={since}", headers={"Authorization": f"Basic {login}"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        lines = answer.read().decode().splitlines()
    keys = ("time", "title", "message", "priority")
    return [{key: json.loads(line).get(key) for key in keys} for line in lines if line]
