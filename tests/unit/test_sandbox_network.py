"""sandbox.network: the rules themselves; that they hold is tested on a box."""

import pytest

from sandbox import names, network


@pytest.mark.parametrize("family", ["iptables", "ip6tables"])
def test_whatever_leaves_the_bridge_is_dropped_where_dockerd_never_writes(family: str) -> None:
    table, chain, rule = network.rules(family)[0]
    assert (table, chain) == ("mangle", "FORWARD")
    assert rule == ("-i", names.BRIDGE, "!", "-o", names.BRIDGE, "-j", "DROP")


@pytest.mark.parametrize("family", ["iptables", "ip6tables"])
def test_the_machine_is_closed_by_the_last_rule(family: str) -> None:
    table, chain, rule = network.rules(family)[-1]
    assert (table, chain) == ("filter", "INPUT")
    assert rule[:4] == ("-i", names.BRIDGE, "-j", "REJECT")


def test_the_rules_are_inserted_so_that_they_stand_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chains: dict[tuple[str, str, str], list[tuple[str, ...]]] = {}

    def run(arguments: list[str]) -> None:
        family, _, _, table, verb, chain, position, *rule = arguments
        assert (verb, position) == ("-I", "1")
        chains.setdefault((family, table, chain), []).insert(0, tuple(rule))

    monkeypatch.setattr(network, "run", run)
    monkeypatch.setattr(network, "succeeds", lambda _arguments: False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    network.close()
    for family in ("iptables", "ip6tables"):
        wanted = [rule for _, chain, rule in network.rules(family) if chain == "INPUT"]
        assert chains[family, "filter", "INPUT"] == wanted
