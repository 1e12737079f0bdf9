"""The leak test's report: for a person, as JSON, and in the ledger. Pure, but for the ledger.

    {"schema": 1, "verdict": "safe" | "LEAK" | "inconclusive",
     "gluetun": {"public_ip", "error"}, "host": {"exit", "exit_ipv6", "error"},
     "asked": {family: url},
     "services": [{"service", "verdict", "stopped", "tests": [{"test", "verdict", "reason"}]}],
     "drill": null | {"verdict", "error", "back_seconds",
                      "services": [{"service", "verdict", "reason"}]}}

Fields are only ever added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mediastack import leaktest_verdict as verdict
from mediastack import ledger

SCHEMA = 1
ACTOR = "leaktest"
COLUMNS = ("namespace", "exit", "dns", "ipv6", "beside")
Report = dict[str, Any]


def build(
    seen: Mapping[str, Any],
    services: Mapping[str, Mapping[str, Any]],
    drill: Mapping[str, Any] | None,
) -> Report:
    """Return the report described above."""
    rows: list[dict[str, Any]] = []
    for name, found in services.items():
        tests = verdict.examine(seen, found)
        rows.append(
            {
                "service": name,
                "stopped": not tests,
                "verdict": verdict.total(one.verdict for one in tests) if tests else "",
                "tests": [one._asdict() for one in tests],
            }
        )
    exercise = None if drill is None else _drill(seen, drill)
    verdicts = [row["verdict"] for row in rows if not row["stopped"]]
    if exercise:
        verdicts.append(exercise["verdict"])
    pages = seen["host"].get("pages", {})
    return {
        "schema": SCHEMA,
        "verdict": verdict.total(verdicts),
        "gluetun": dict(seen["gluetun"]),
        "host": {
            "exit": pages.get("4", {}).get("got", ""),
            "exit_ipv6": pages.get("6", {}).get("got", ""),
            "error": seen["host"].get("error", ""),
        },
        "asked": dict(seen["pages"]),
        "services": rows,
        "drill": exercise,
    }


def lines(report: Report) -> list[str]:
    """Return what a person reads: a table, the reasons of what is not safe, the verdict last."""
    rows = report["services"]
    width = max([len("SERVICE"), *(len(row["service"]) for row in rows)])
    said = {row["service"]: {one["test"]: one for one in row["tests"]} for row in rows}
    table = [["SERVICE".ljust(width), *(name.upper().ljust(12) for name in COLUMNS)]]
    for row in rows:
        of = said[row["service"]]
        cells = [of[name]["verdict"] if name in of else "-" for name in COLUMNS]
        cells = ["stopped by you"] if row["stopped"] else [cell.ljust(12) for cell in cells]
        table.append([row["service"].ljust(width), *cells])
    text = [_seen(report), "", *("  ".join(cells).rstrip() for cells in table), ""]
    text += [*_reasons(rows), *_drill_lines(report["drill"])]
    return [*text, _conclusion(report)]


def record(report: Report, subject: str) -> None:
    """Write the outcome into the ledger: a drill always, a LEAK too."""
    what = "leaktest" if report["drill"] is None else "drill"
    details = {
        "services": {row["service"]: row["verdict"] for row in report["services"]},
        "drill": report["drill"],
    }
    cause = "; ".join(dict.fromkeys(_causes(report)))
    seconds = (report["drill"] or {}).get("back_seconds") or 0.0
    ledger.append(
        ACTOR,
        subject,
        f"{what}: {report['verdict']}",
        cause=cause,
        details=details,
        duration_seconds=seconds,
    )


def _drill(seen: Mapping[str, Any], drill: Mapping[str, Any]) -> dict[str, Any]:
    tests = {name: verdict.silence(seen, found) for name, found in drill["services"].items()}
    verdicts = [one.verdict for one in tests.values()]
    error = drill["error"]
    if drill["back_seconds"] is None and not error:
        error = "the tunnel did not come back; restart gluetun"
    if error:
        verdicts.append(verdict.INCONCLUSIVE)
    return {
        "verdict": verdict.total(verdicts),
        "error": error,
        "back_seconds": drill["back_seconds"],
        "services": [
            {"service": name, "verdict": one.verdict, "reason": one.reason}
            for name, one in tests.items()
        ],
    }


def _seen(report: Report) -> str:
    inside = (
        report["gluetun"]["public_ip"] or f"unknown ({report['gluetun']['error'] or 'no tunnel'})"
    )
    outside = report["host"]["exit"] or f"unknown ({report['host']['error'] or 'no answer'})"
    return f"Gluetun leaves as {inside}, this host as {outside}"


def _reasons(rows: list[dict[str, Any]]) -> list[str]:
    """What is the same for several services is told once."""
    told: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        for one in row["tests"]:
            key = (one["test"], one["verdict"], one["reason"])
            told.setdefault(key, []).append(row["service"])
    everybody = [row["service"] for row in rows if not row["stopped"]]
    return [
        f"{test}: {found}: {reason}" + ("" if names == everybody else f" ({', '.join(names)})")
        for (test, found, reason), names in sorted(told.items(), key=_worst_first)
    ]


def _worst_first(item: tuple[tuple[str, str, str], Any]) -> tuple[int, int]:
    test, found, _ = item[0]
    order = (verdict.LEAK, verdict.INCONCLUSIVE, verdict.SAFE)
    return order.index(found), COLUMNS.index(test)


def _drill_lines(drill: Mapping[str, Any] | None) -> list[str]:
    if drill is None:
        return []
    told: dict[str, list[str]] = {}
    for one in drill["services"]:
        told.setdefault(f"drill: {one['verdict']}: {one['reason']}", []).append(one["service"])
    several = len(told) > 1
    text = [f"{line} ({', '.join(names)})" if several else line for line, names in told.items()]
    if drill["error"]:
        text.append(f"drill: {drill['verdict']}: {drill['error']}")
    if drill["back_seconds"] is not None:
        text.append(f"drill: the tunnel is back, after {drill['back_seconds']:.1f} s")
    return text


def _conclusion(report: Report) -> str:
    tested = [row for row in report["services"] if not row["stopped"]]
    count = f"{len(tested)} services, {sum(len(row['tests']) for row in tested)} tests"
    if report["drill"] and not report["drill"]["error"]:
        count += ", and without the tunnel"
    found = report["verdict"]
    ending = {
        verdict.SAFE: f"nothing gets out beside the tunnel ({count})",
        verdict.LEAK: "something gets out beside the tunnel; stop it: "
        "stack-manage.sh downloads down; then docs/vpn.md",
        verdict.INCONCLUSIVE: f"nothing was seen to get out, but not all of it is proven ({count})",
    }
    return f"{found}: {ending[found]}"


def _causes(report: Report) -> Iterable[str]:
    for row in report["services"]:
        for one in row["tests"]:
            if one["verdict"] != verdict.SAFE:
                yield f"{one['test']}: {one['reason']}"
    for one in (report["drill"] or {}).get("services", ()):
        if one["verdict"] != verdict.SAFE:
            yield one["reason"]
    if report["drill"] and report["drill"]["error"]:
        yield report["drill"]["error"]
