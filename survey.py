"""What the operations want to know about a host, asked in one go when pyinfra executes.

Operations announce their questions while pyinfra prepares. The first one that executes asks its own
and all later ones in one round trip (remote/survey.py); the later ones find their answer here. An
operation that is about to change something forgets all answers first, so what comes after it is
asked anew: an answer is never older than the last change of this run. A check that failed in the
survey has no answer, and its operation asks alone. While preparing every operation asks alone too:
which ones are still to come is not known then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from pyinfra import host, state
from pyinfra.api.host import Host
from pyinfra.context import ctx_host

from facts import Answer, HostProgram, Sealed, program, source

# The questions about what the host's own programs are made of.
PROGRAMS = ("tree", "packages", "programs")


@dataclass(frozen=True, eq=False)
class Question:
    """What a check of remote/, or with a path a verb of the host programs, shall say.

    Its representation shows no specification: pyinfra prints arguments, and there are secrets.
    """

    about: str
    specification: Any = field(repr=False)
    path: str = ""

    def alone(self) -> Any:
        """Ask it by itself."""
        if self.path:
            stdin = Sealed([json.dumps(self.specification)])
            unfit = of_host().programs_differ and not state.is_executing
            return host.get_fact(
                HostProgram, path=self.path, verb=self.about, unfit=unfit, _stdin=stdin
            )
        check = program(self.about, "check", self.specification)
        return host.get_fact(Answer, about=self.about, _stdin=check)

    def spoken(self) -> dict[str, Any]:
        """The question as remote/survey.py takes it."""
        if self.path:
            return {"path": self.path, "verb": self.about, "stdin": self.specification}
        text = source(self.about)
        return {"module": self.about, "source": text, "specification": self.specification}


@dataclass
class Survey:
    """A host's questions that are still open, and the answers since the last change."""

    open: list[Question] = field(default_factory=list)
    answers: dict[Question, dict[str, Any]] = field(default_factory=dict)
    programs_differ: bool = False


_surveys: WeakKeyDictionary[Host, Survey] = WeakKeyDictionary()


def of_host() -> Survey:
    """The survey of the host that pyinfra works on."""
    return _surveys.setdefault(ctx_host.get(), Survey())


def announce(question: Question) -> Question:
    """This question will be asked in its turn."""
    of_host().open.append(question)
    return question


def ask(question: Question) -> Any:
    """The answer: from the survey while pyinfra executes, else from the host alone."""
    survey = of_host()
    if not state.is_executing or question not in survey.open:
        found = question.alone()
        survey.programs_differ |= question.about in PROGRAMS and bool(found)
        return found
    if question not in survey.answers and len(survey.open) > 1:
        spoken = {"questions": [one.spoken() for one in survey.open]}
        said = host.get_fact(Answer, about="survey", _stdin=program("survey", "check", spoken))
        survey.answers = dict(zip(survey.open, said or [], strict=False))
    survey.open.remove(question)
    answer = survey.answers.pop(question, {})
    return answer["found"] if "found" in answer else question.alone()


def forget() -> None:
    """Something is about to change: what was answered does not count any more."""
    of_host().answers.clear()
