"""What web interfaces answer: statuses and bodies, in the order of the questions."""

import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

SECONDS = 10.0


def main(questions: "list[dict[str, Any]]") -> "list[list[Any]]":
    """[[status, body]] of {"url", "headers", "form"}; cookies of one answer go with the next."""
    cookies = urllib.request.HTTPCookieProcessor(CookieJar())
    opener = urllib.request.build_opener(cookies)
    return [answer(opener, one) for one in questions]


def answer(opener: urllib.request.OpenerDirector, question: "dict[str, Any]") -> "list[Any]":
    form = question.get("form")
    data = urllib.parse.urlencode(form).encode() if form else None
    headers = question.get("headers") or {}
    request = urllib.request.Request(question["url"], data, headers)  # noqa: S310
    try:
        with opener.open(request, timeout=SECONDS) as found:
            return [found.status, found.read().decode(errors="replace")]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode(errors="replace")]
    except OSError as error:
        return [0, str(error)]
