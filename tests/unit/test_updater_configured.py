"""updater.configured: the configuration as it is at each moment, a deploy in between or not."""

from __future__ import annotations

from typing import Any

import pytest

from mediastack.config import ConfigError
from mediastack.updater.configured import Configured
from mediastack.updater.house import Trouble


def test_a_deploy_in_between_is_seen() -> None:
    loaded: list[dict[str, Any]] = [{"schema": 1}]
    host = Configured(lambda: loaded[-1])
    assert host.config == {"schema": 1}
    loaded.append({"schema": 1, "services": {}})
    assert host.config == {"schema": 1, "services": {}}


def test_a_configuration_that_cannot_be_read_is_no_fault_of_the_image() -> None:
    def load() -> dict[str, Any]:
        raise ConfigError("mediastack.toml: not valid TOML")

    with pytest.raises(Trouble, match="not valid TOML") as raised:
        _ = Configured(load).config
    assert raised.value.kind == "passing"
