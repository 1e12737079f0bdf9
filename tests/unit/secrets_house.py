"""A little house in a temporary directory: settings, secrets and templates, as a host has."""

import os
import stat

from mediastack import secrets

ME = {"uid": os.getuid(), "gid": os.getgid()}


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


class House:
    """A little house in a temporary directory."""

    def __init__(self, base):
        self.base = base
        self.secrets = base / "etc" / "secrets"
        self.settings = {
            "paths": {"etc": str(base / "etc"), "config": str(base / "config")},
            "secrets": [],
            "secret_files": [],
        }
        (base / "templates").mkdir()
        (base / "etc").mkdir()
        (base / "config").mkdir()

    def secret(self, name, origin="generated", **changes):
        service, _, name = name.partition("/")
        entry = {"service": service, "name": name, "origin": origin, "kind": "password"}
        self.settings["secrets"].append({**entry, "source": "", "required": True, **ME, **changes})

    def file(self, text, destination="app/app.conf", **changes):
        template = self.base / "templates" / f"{len(self.settings['secret_files'])}.conf"
        template.write_text(text)
        seed = changes.get("seed", False)
        target = (self.base / "config" if seed else self.secrets) / destination
        entry = {"service": "app", "template": str(template), "destination": str(target)}
        self.settings["secret_files"].append({**entry, "mode": "0400", **ME, **changes})
        return target

    def apply(self, **given):
        return secrets.apply(self.settings, given)

    def check(self, **given):
        found = secrets.check(self.settings, given)
        return {os.path.relpath(entry["path"], self.base): entry["problem"] for entry in found}

    def read(self, name):
        return (self.secrets / name).read_text()
