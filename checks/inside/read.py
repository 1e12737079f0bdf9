"""The content of files; None for one that is not there."""


def main(paths: "list[str]") -> "list[str | None]":
    found: list[str | None] = []
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                found.append(handle.read().strip())
        except FileNotFoundError:
            found.append(None)
    return found
