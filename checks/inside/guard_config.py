"""Another mediastack.toml for the disk guard alone: a small disk in place of /data.

Its unit gets a drop-in that is gone with the next boot; everybody else keeps the deployed file.
"""

import os
import subprocess

UNIT = "mediastack-disk-guard.service"
DROP_IN = f"/run/systemd/system/{UNIT}.d/check.conf"
DEPLOYED, OWN = "/etc/mediastack/mediastack.toml", "/run/check-disk-guard.toml"


def replaced(text: str, table: str, key: str, value: str) -> str:
    """The TOML text with another value in one line. Raise ValueError when there is none."""
    head, mark, rest = text.partition(f"[{table}]\n")
    lines = rest.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("["):
            break
        if line.startswith(f"{key} = "):
            lines[number] = f'{key} = "{value}"'
            return head + mark + "\n".join(lines)
    raise ValueError(f"no {key} in [{table}]")


def main(values: "dict[str, dict[str, str]]") -> bool:
    """{table: {key: value}}; without any the guard goes back to the deployed file."""
    if values:
        with open(DEPLOYED, encoding="utf-8") as handle:
            text = handle.read()
        for table, changes in values.items():
            for key, value in changes.items():
                text = replaced(text, table, key, value)
        with open(OWN, "w", encoding="utf-8") as handle:
            handle.write(text)
        os.makedirs(os.path.dirname(DROP_IN), exist_ok=True)
        with open(DROP_IN, "w", encoding="utf-8") as handle:
            handle.write(f"[Service]\nEnvironment=MEDIASTACK_CONFIG={OWN}\n")
    else:
        for path in (DROP_IN, OWN):
            if os.path.exists(path):
                os.unlink(path)
        if os.path.isdir(os.path.dirname(DROP_IN)):
            os.rmdir(os.path.dirname(DROP_IN))
    for command in (["daemon-reload"], ["restart", UNIT]):
        subprocess.run(["systemctl", *command], check=True)
    return True
