"""Lives of real things in some twenty services: made, read, listed, changed, deleted, asked for in vain.

Each file in `lives` is one service, under the name that its users write, and a list of steps, each one call
through the function:
`with` are its parameters, `keep` names parts of the result (JMESPath) for later steps to mention in braces,
`expect` is what such parts must be, `error` is the name with which the service must refuse.
"""

import json
from pathlib import Path
from typing import Any

import jmespath
import pytest

from e2e.events import REGION, error, event, permit
from support import aws
from support.ministack import ministack
from support.runtime_api import function

LIVES = sorted((Path(__file__).parent / "lives").glob("*.json"))


@pytest.fixture(scope="module")
def empty_cloud():
    with ministack() as running:
        yield running


@pytest.mark.parametrize("path", LIVES, ids=lambda path: path.stem)
def test_life(binary, empty_cloud, path):
    service, steps = path.stem, json.loads(path.read_text())
    table = [permit(service, *{step["call"] for step in steps})]
    kept: dict[str, Any] = {}
    with function([binary], aws.environment(empty_cloud.url, REGION), table) as running:
        for step in steps:
            answer = running.invoke(event(service, step["call"], parameters=_filled(step.get("with", {}), kept)))
            if "error" in step:
                name, message = error(answer)
                assert (name, message["effect"]) == (step["error"], "none"), (step, message)
                continue
            assert answer.kind == "response", (step, answer)
            result = answer.json()
            assert result["$metadata"]["region"] == REGION
            kept |= {name: jmespath.search(part, result) for name, part in step.get("keep", {}).items()}
            for part, expected in _filled(step.get("expect", {}), kept).items():
                assert jmespath.search(part, result) == expected, (step, result)


def _filled(value: Any, kept: dict[str, Any]) -> Any:
    """`value` with each string that is one kept name in braces replaced by what was kept."""
    match value:
        case dict():
            return {name: _filled(member, kept) for name, member in value.items()}
        case list():
            return [_filled(member, kept) for member in value]
        case str() if value.startswith("{") and value[1:-1] in kept:
            return kept[value[1:-1]]
        case _:
            return value
