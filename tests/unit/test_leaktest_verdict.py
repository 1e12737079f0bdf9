"""Safe is only what was proven; whatever got out is a LEAK; all else says why it is neither."""

from __future__ import annotations

from typing import Any

import leaktest_house as house
import pytest
from leaktest_house import EXIT, HOST, HOST6, Fault, around, both, deaf, inside, out, page, probe

from mediastack import leaktest_report
from mediastack import leaktest_verdict as verdict
from mediastack.leaktest_verdict import INCONCLUSIVE, LEAK, SAFE


def examined(fault: Fault | None = None) -> dict[str, verdict.Test]:
    seen, found = house.seen(), house.found()
    if fault:
        fault(seen, found)
    return {one.test: one for one in verdict.examine(seen, found)}


def nothing(_: Any, __: Any) -> None:
    """No fault."""


def gluetun_says(public_ip: str) -> Fault:
    return lambda seen, _: seen["gluetun"].update(public_ip=public_ip)


CASES: list[tuple[str, str, str, Fault]] = [
    # test, verdict, words, fault
    ("namespace", LEAK, "host's own network", inside(namespace="host")),
    ("namespace", INCONCLUSIVE, "is not Gluetun's", inside(namespace="other")),
    ("namespace", INCONCLUSIVE, "could not be compared", inside(namespace="unknown")),
    ("exit", LEAK, "the host's own address", page("inside", "4", HOST)),
    (
        "exit",
        LEAK,
        "the host's own address",
        both(page("inside", "4", HOST), gluetun_says("")),
    ),
    ("exit", INCONCLUSIVE, "cannot be told apart", both(page("host", "4", EXIT))),
    ("exit", INCONCLUSIVE, "cannot be asked from inside: no answer", page("inside", "4", "")),
    ("exit", INCONCLUSIVE, "it knows none", gluetun_says("")),
    ("exit", INCONCLUSIVE, "neither Gluetun's", page("inside", "4", "198.51.100.99")),
    ("exit", INCONCLUSIVE, "host's own address is not known", page("host", "4", "")),
    ("exit", INCONCLUSIVE, "exit_check_url is empty", lambda seen, _: seen["pages"].clear()),
    ("dns", LEAK, "beside the tunnel", probe(names={"127.0.0.11": {"got": "no error"}})),
    ("dns", LEAK, "beside the tunnel", probe(names={"127.0.0.11": {"got": "no such name"}})),
    ("dns", INCONCLUSIVE, "names no resolver", inside(resolvers=[])),
    ("dns", INCONCLUSIVE, "containers' own network", inside(resolvers=["172.30.0.1"])),
    (
        "dns",
        INCONCLUSIVE,
        "cannot be looked up at 127.0.0.1: server failure",
        probe(names={"127.0.0.1": {"got": "server failure"}}),
    ),
    (
        "dns",
        INCONCLUSIVE,
        "at 127.0.0.1: no answer",
        probe(names={"127.0.0.1": {"error": "no answer"}}),
    ),
    ("ipv6", LEAK, "host's network", page("inside", "6", HOST6)),
    ("ipv6", LEAK, "host's network", page("inside", "6", HOST6.replace("10", "beef"))),
    (
        "ipv6",
        LEAK,
        "TCP through eth0",
        both(around("2001:db8:a::99", route=True), out("tcp", 6)),
    ),
    (
        "ipv6",
        INCONCLUSIVE,
        "has 2001:db8:a::99 beside the tunnel, and TCP says nothing",
        both(around("2001:db8:a::99"), deaf("tcp", 6)),
    ),
    (
        "ipv6",
        INCONCLUSIVE,
        "host's own IPv6 address is not known",
        both(around(route=True), page("inside", "6", "2001:db8:e::7"), page("host", "6", "")),
    ),
    ("beside", LEAK, "TCP through eth0", out("tcp")),
    ("beside", LEAK, "DNS over UDP through eth0", out("dns")),
    ("beside", LEAK, "ICMP through eth0", out("icmp")),
    ("beside", LEAK, "TCP through eth0", both(out("tcp"), deaf("tcp"))),
    ("beside", INCONCLUSIVE, "the host itself gets no answer", deaf("tcp")),
    ("beside", INCONCLUSIVE, "the host itself gets no answer", deaf("dns")),
    (
        "beside",
        INCONCLUSIVE,
        "not tried there",
        lambda seen, _: seen.update(host={"error": "no end after 25 s"}),
    ),
    ("beside", INCONCLUSIVE, "nothing was tried", probe(targets=[])),
]


def test_a_zone_in_which_all_is_well_is_safe_in_every_test() -> None:
    assert {one: test.verdict for one, test in examined().items()} == dict.fromkeys(
        ("namespace", "exit", "dns", "ipv6", "beside"), SAFE
    )
    assert {case[0] for case in CASES} == set(examined())


@pytest.mark.parametrize(("test", "wanted", "words", "fault"), CASES)
def test_a_planted_fault_is_told_and_nothing_safe_comes_of_it(
    test: str, wanted: str, words: str, fault: Fault
) -> None:
    found = examined(fault)[test]
    assert found.verdict == wanted, found
    assert words in found.reason, found


@pytest.mark.parametrize(
    ("test", "words", "fault"),
    [
        ("beside", "ICMP says nothing", deaf("icmp")),
        ("beside", "no other device", probe(devices=["lo", "tun0"])),
        ("ipv6", "in the tunnel", page("inside", "6", "2001:db8:e::7")),
        ("ipv6", "nothing gets out there", around("fd00:30::10", route=True)),
        ("dns", "asks 10.2.0.1", both(inside(resolvers=["10.2.0.1"]),
                                      probe(names={"10.2.0.1": {"got": "no error"}}))),
        ("dns", "asks 127.0.0.1", probe(names={"127.0.0.1": {"got": "no such name"}})),
    ],
)  # fmt: skip
def test_what_proves_enough_is_safe_and_says_what_it_rests_on(
    test: str, words: str, fault: Fault
) -> None:
    found = examined(fault)[test]
    assert (found.verdict, words in found.reason) == (SAFE, True), found


def test_what_the_user_stopped_is_not_tested_and_what_does_not_run_is_not_safe() -> None:
    assert examined(inside(state="exited", stopped=True)) == {}
    found = examined(inside(state="exited"))
    assert [one.verdict for one in found.values()] == [INCONCLUSIVE]
    assert "does not run (exited)" in found["namespace"].reason


def test_a_probe_that_failed_is_inconclusive() -> None:
    found = examined(inside(probe={"error": "setns: Operation not permitted"}))
    assert found["exit"].verdict == INCONCLUSIVE
    assert "setns" in found["exit"].reason


def test_the_total_is_the_worst_and_nothing_tested_is_not_safe() -> None:
    assert verdict.total([SAFE, SAFE]) == SAFE
    assert verdict.total([SAFE, INCONCLUSIVE]) == INCONCLUSIVE
    assert verdict.total([SAFE, INCONCLUSIVE, LEAK]) == LEAK
    assert verdict.total([]) == INCONCLUSIVE
    assert verdict.EXIT_CODES == {SAFE: 0, LEAK: 1, INCONCLUSIVE: 3}


def quiet(seen: Any, found: Any) -> None:
    """The tunnel is down, and nothing gets out."""
    found["tunnel_status"] = "stopped"
    found["probe"] |= {"devices": ["lo", "eth0"], "pages": {}}
    found["probe"]["targets"] = house.tries(False, ("", "eth0"), (4, 6))


@pytest.mark.parametrize(
    ("wanted", "words", "fault"),
    [
        (SAFE, "nothing gets out (TCP, DNS over UDP, ICMP, TCP over IPv6", nothing),
        (LEAK, "TCP over IPv4", out("tcp", 4, "")),
        (LEAK, "DNS over UDP through eth0 over IPv4", out("dns", 4)),
        (LEAK, "ICMP over IPv6", out("icmp", 6, "")),
        (INCONCLUSIVE, "host itself gets no answer", deaf("tcp")),
        (INCONCLUSIVE, "not stopped", inside(tunnel_status="running")),
        (INCONCLUSIVE, "calls the tunnel nothing", inside(tunnel_status="")),
        (INCONCLUSIVE, "no such process", inside(probe={"error": "no such process"})),
    ],
)
def test_a_drill_is_safe_only_when_everything_was_silent_that_the_host_is_answered(
    wanted: str, words: str, fault: Fault
) -> None:
    seen, found = house.seen(), house.found()
    quiet(seen, found)
    fault(seen, found)
    told = verdict.silence(seen, found)
    assert told.verdict == wanted, told
    assert words in told.reason, told


def report(drill: dict[str, Any] | None = None, fault: Fault = nothing) -> dict[str, Any]:
    seen, services = house.seen(), {name: house.found() for name in ("qbittorrent", "sonarr")}
    fault(seen, services["sonarr"])
    return leaktest_report.build(seen, services, drill)


def test_a_safe_report_says_so_in_a_table_and_in_its_last_line() -> None:
    found = report()
    text = leaktest_report.lines(found)
    assert found["verdict"] == SAFE
    assert text[0] == f"Gluetun leaves as {EXIT}, this host as {HOST}"
    assert text[-1].startswith("safe: nothing gets out beside the tunnel (2 services, 10 tests")
    assert sum(line.count(" safe") for line in text if line.startswith(("qbit", "sonarr"))) == 10
    assert len(text) < 15, "what is the same for all is told once"


def test_one_leaking_service_makes_a_leak_and_is_named() -> None:
    found = report(fault=out("tcp"))
    text = leaktest_report.lines(found)
    assert found["verdict"] == LEAK
    assert "beside: LEAK: got out beside the tunnel: TCP through eth0 (sonarr)" in text
    assert text[-1].startswith("LEAK: ")
    assert "docs/vpn.md" in text[-1]


def test_a_stopped_service_is_shown_and_does_not_count() -> None:
    found = report(fault=inside(state="absent", stopped=True))
    assert found["verdict"] == SAFE
    assert "stopped by you" in "\n".join(leaktest_report.lines(found))
    assert "(1 services" in leaktest_report.lines(found)[-1]


def drilled(**changes: Any) -> dict[str, Any]:
    seen, found = house.seen(), house.found()
    quiet(seen, found)
    return {"services": {"sonarr": found}, "error": "", "back_seconds": 3.2, **changes}


def test_a_drill_is_part_of_the_verdict() -> None:
    found = report(drilled())
    assert found["verdict"] == SAFE
    assert "drill: the tunnel is back, after 3.2 s" in leaktest_report.lines(found)
    assert report(drilled(back_seconds=None))["verdict"] == INCONCLUSIVE
    assert report(drilled(services={}, error="Gluetun did not stop"))["verdict"] == INCONCLUSIVE
    leaking = drilled()
    out("dns", 4, "")({}, leaking["services"]["sonarr"])
    assert report(leaking)["verdict"] == LEAK
