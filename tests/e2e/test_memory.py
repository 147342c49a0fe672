"""Memory stays flat over a thousand calls of the largest service."""

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
ALLOWED_GROWTH_KIB = 512


def test_a_thousand_calls_of_ec2_grow_nothing(binary, local):
    with function([binary], aws.environment(local.url, "ap-northeast-1"), TABLE) as running:
        held = []
        for count in range(1_000):
            answer = running.invoke(CALLS[count % len(CALLS)])
            assert answer.kind == "response", answer
            if count in (199, 999):
                held.append(running.memory_kib("VmRSS"))
    early, late = held
    assert late - early <= ALLOWED_GROWTH_KIB, f"{early} KiB after 200 calls, {late} KiB after 1,000"
