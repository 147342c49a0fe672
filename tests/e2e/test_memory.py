"""Memory stays flat over a thousand calls of the largest service; over twenty thousand in `make prove`."""

import os

import pytest

from e2e.events import event, permit
from support import aws
from support.runtime_api import function

CALLS = [
    event("ec2", "describeRegions"),
    event("ec2", "describeVpcs"),
    event("ec2", "describeInstances"),
    event("ec2", "describeSecurityGroups", parameters={"MaxResults": 5}),
]
TABLE = [permit("ec2", *(call["action"] for call in CALLS))]
COUNT = 20_000 if "PROVE" in os.environ else 1_000
SETTLED = 200
ALLOWED_GROWTH_KIB = 512


@pytest.mark.timeout(1800)
def test_calls_of_ec2_grow_nothing(binary, local):
    with function([binary], aws.environment(local.url, "ap-northeast-1"), TABLE) as running:
        held = []
        for count in range(COUNT):
            answer = running.invoke(CALLS[count % len(CALLS)])
            assert answer.kind == "response", answer
            if count in (SETTLED - 1, COUNT - 1):
                held.append(running.memory_kib("VmRSS"))
    early, late = held
    assert late - early <= ALLOWED_GROWTH_KIB, f"{early} KiB after {SETTLED} calls, {late} KiB after {COUNT}"
