"""One JSON line of ours per invocation, and nothing else, at the most talkative level there is."""

import json

from e2e.events import REGION, event, permit
from support import aws
from support.runtime_api import function

TALKATIVE = {"AWS_LAMBDA_LOG_LEVEL": "TRACE", "RUST_LOG": "trace", "AWS_LAMBDA_LOG_FORMAT": "JSON"}
SECRET = "s3cr3t-value-of-a-parameter"
INVOCATIONS = [
    event("sts", "getCallerIdentity"),
    event("dynamodb", "getItem", parameters={"TableName": SECRET, "Key": {"id": {"S": SECRET}}}),
    event("sqs", "listQueues", parameters={"QueueNamePrefix": SECRET}),
    b'{"service": "' + SECRET.encode(),
]


def test_one_line_per_invocation_without_values(binary, local):
    environment = {
        **aws.environment(local.url, "ap-northeast-1"),
        **TALKATIVE,
        "AWS_SESSION_TOKEN": "a-session-token-that-must-not-show",
    }
    table = [permit("sts", "getCallerIdentity"), permit("dynamodb", "getItem")]
    with function([binary], environment, table) as running:
        kinds = [running.invoke(invocation).kind for invocation in INVOCATIONS]
        log = running.log()
    assert kinds == ["response", "error", "error", "error"]
    lines = [json.loads(line) for line in log.splitlines()]
    assert len(lines) == len(INVOCATIONS), log
    first = lines[0]
    assert (first["service"], first["action"], first["region"]) == ("sts", "getCallerIdentity", REGION)
    assert first["coldStart"] is True
    assert lines[1]["coldStart"] is False
    for secret in (SECRET, "a-session-token-that-must-not-show", aws.ACCOUNT, "Credential="):
        assert secret not in log
