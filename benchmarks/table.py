"""Figures with their targets, as a table and as one JSON line. What is missed says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure. `at_most` or `at_least` is its target; with neither it is for orientation."""

    name: str
    title: str
    value: float | bool
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one. A yes-or-no figure has to be yes."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.value if isinstance(self.value, bool) else None

    def cells(self) -> tuple[str, str, str, str]:
        """Title, figure, target, verdict."""
        unit = f" {self.unit}" if self.unit else ""
        figure = ("yes" if self.value else "no") if isinstance(self.value, bool) else None
        target = "yes" if figure else "-"
        if self.at_most is not None:
            target = f"<= {self.at_most:g}{unit}"
        elif self.at_least is not None:
            target = f">= {self.at_least:g}{unit}"
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        return self.title, figure or f"{self.value:g}{unit}", target, verdict


def table(rows: list[Row]) -> list[str]:
    """One line per figure under a heading."""
    lines = [("FIGURE", "VALUE", "TARGET", ""), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return [
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]
        ).rstrip()
        for line in lines
    ]


def summary(rows: list[Row]) -> dict[str, Any]:
    """Figures by name, and the names of those that missed their target."""
    return {
        "figures": {row.name: row.value for row in rows},
        "missed": [row.name for row in rows if row.met is False],
    }
