"""Deploys a state machine in ap-northeast-1 that acts in us-west-2, runs it, and shows what happened where.

Nothing enters; a transcript leaves on stdout. The exit code is 0 only if every effect is in us-west-2
and none is in ap-northeast-1. The local AWS is started here and stopped here, whatever happens.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from demo import there, transcript
from demo.there import HERE, THERE, Things
from support import paths
from support.cdk import Cdk
from support.executions import execute
from support.ministack import Ministack, ministack

STACK = "MainJob"
_ITEM = {
    "id": {"S": "order-17"},
    "customer": {"M": {"name": {"S": "Ada"}, "premium": {"BOOL": True}, "note": {"NULL": True}}},
    "lines": {
        "L": [
            {"M": {"sku": {"S": "A-1"}, "quantity": {"N": "2"}}},
            {"M": {"sku": {"S": "B-7"}, "quantity": {"N": "1"}, "tags": {"SS": ["fragile", "gift"]}}},
        ]
    },
    "signature": {"B": b"\x00\x01\x02\xfd\xfe\xff"},
}


def run(say: Callable[[str], None] = print) -> bool:
    """True if every check held."""
    say(f"A state machine in {HERE} acts in {THERE}.\n")
    with ministack() as local:
        say(f"local AWS at {local.url} (process {local.server.pid})")
        things = there.make(local)
        say(f"made in {THERE}: {_names(things)}")
        app = Cdk(local.url, HERE, paths.CDK / "examples" / "main-job", local.home)
        with _deployed(app, say) as machine:
            ended = execute(local, machine, things.execution_input)
            say(f"\nexecution in {HERE}: {ended.status} in {ended.took_s:.1f} s\n")
            if ended.output is None:
                say(f"failed in {ended.last_state} with {ended.error}: {ended.cause}")
                return False
            steps = transcript.steps(ended, _log(local))
            header = ("state", "Region", "call", "took", "outcome")
            rows = [(step.state, step.region, step.call, step.took, step.outcome) for step in steps]
            say(transcript.table([header, *rows]))
            checks = list(_checks(things, ended.output, steps))
        say("\nwhat is where\n")
        held = transcript.all_held(checks, say)
    say(f"\nstack destroyed, local AWS stopped: {'every check held' if held else 'NOT every check held'}")
    return held


@contextmanager
def _deployed(app: Cdk, say: Callable[[str], None]) -> Iterator[str]:
    """The deployed state machine's ARN; the stack is destroyed afterwards, whatever happened."""
    app.bootstrap()
    try:
        start = time.monotonic()
        machine = app.deploy(STACK)["StateMachineArn"]
        say(f"deployed in {HERE} by `cdk deploy` in {time.monotonic() - start:.0f} s: {machine}")
        yield machine
    finally:
        app.destroy(STACK)


def _log(local: Ministack) -> Iterator[dict[str, Any]]:
    """The function's lines, from where CloudWatch Logs keeps them between those of the platform."""
    logs = local.client("logs", HERE)
    for group in logs.describe_log_groups()["logGroups"]:
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
            if event["message"].startswith("{"):
                yield json.loads(event["message"])


def _checks(things: Things, output: dict[str, Any], steps: list[transcript.Step]) -> Iterator[tuple[bool, str]]:
    """Each a fact that could be otherwise: looked up at the source, not in what the tasks reported."""
    yield len(steps) == 10 and {step.region for step in steps} == {THERE}, f"all ten calls went to {THERE}"
    yield things.bucket_region() == THERE, f"the bucket is in {THERE}"
    yield output["GetText"]["Body"] == there.TEXT, "the text object came back as text, letter by letter"
    yield (
        output["GetJson"]["Body"] == json.loads(there.JSON),
        "the JSON object came back as JSON, number by number",
    )
    yield things.items(THERE) == [_ITEM], f"the item, nested and binary, is in `orders` in {THERE}"
    yield things.items(HERE) == [], f"`orders` in {HERE} is empty"
    yield _same_item(output["GetItem"]["Item"]), "the item was read back as it was written"
    messages = things.messages(THERE)
    yield (
        len(messages) == 1 and _is_order(messages[0]),
        f"one message, JSON of the item, is in `shipments` in {THERE}",
    )
    yield things.messages(HERE) == [], f"`shipments` in {HERE} is empty"
    jobs = things.ingestions(THERE)
    yield (
        [job["status"] for job in jobs] == ["COMPLETE"],
        f"one ingestion job of the knowledge base in {THERE} is complete",
    )
    yield things.ingestions(HERE) == [], f"no ingestion job is in {HERE}"
    started = output["StartIngestion"]["ingestionJob"]["ingestionJobId"]
    yield [job["ingestionJobId"] for job in jobs] == [started], "it is the one that the state machine started"
    regions = {region["RegionName"] for region in output["DescribeRegions"]["Regions"]}
    yield regions == {HERE, THERE}, "ec2 described the two Regions that it was asked for"
    yield output["WhoAmI"]["Account"] == "000000000000", "sts knows the function's account"
    yield output["Refused"]["Error"] == "NoSuchKey", "the refused call was caught by the service's error name"


def _same_item(shown: dict[str, Any]) -> bool:
    return shown == {**_ITEM, "signature": {"B": "AAEC/f7/"}}


def _is_order(message: str) -> bool:
    told = json.loads(message)
    return told["order"] == "order-17" and _same_item(told["item"])


def _names(things: Things) -> str:
    told = things.execution_input
    return (
        f"bucket {told['bucket']} with two objects, table {told['table']}, queue shipments, "
        f"knowledge base {told['knowledgeBaseId']}; a table and a queue of the same names in {HERE}"
    )


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
