"""Every check of a deploy in one program and one round trip, each beside the others.

A question is a program from remote/ with its specification, or a verb of the host's own programs
with its stdin. An answer is {"found": what the check says} or, when the check could not say,
{"failed": why}: then the operation asks again by itself and reports in its own words. Most checks
wait for another program (dpkg-query, docker, systemctl), so threads make the slowest one the sum.
"""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def ask_program(question: "dict[str, Any]") -> Any:
    """What the check function of a program says; each has a namespace of its own."""
    names: dict[str, Any] = {"__name__": question["module"]}
    exec(compile(question["source"], question["module"], "exec"), names)  # noqa: S102 - our own
    return names["check"](question["specification"])


def ask_host(question: "dict[str, Any]") -> Any:
    """What a verb of the host programs says; None where they are not installed yet."""
    if not os.access(question["path"], os.X_OK):
        return None
    asked = subprocess.run(
        [question["path"], *question["verb"].split()],
        input=json.dumps(question["stdin"]),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(asked.stdout)


def answer(question: "dict[str, Any]") -> "dict[str, Any]":
    try:
        found = ask_host(question) if "verb" in question else ask_program(question)
    except Exception as error:  # the operation asks again, and fails where it belongs
        return {"failed": type(error).__name__}
    return {"found": found}


def check(spec: "dict[str, Any]") -> "list[dict[str, Any]]":
    """The answers, in the order of the questions; the verbs, which take longest, begin first."""
    questions = spec["questions"]
    with ThreadPoolExecutor(max_workers=len(questions) or 1) as pool:
        asked = sorted(range(len(questions)), key=lambda number: "verb" not in questions[number])
        answers = {number: pool.submit(answer, questions[number]) for number in asked}
        return [answers[number].result() for number in range(len(questions))]
