"""From process start to the first answer: one DynamoDB `getItem` over plain HTTP.

A `Side`, the URL of a local AWS and perhaps a quota enter; milliseconds and the peak of resident memory
leave. Fails if the answer is not the item that was put there.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.quota import Quota
from bench.sides import Side
from support import aws
from support.ministack import Ministack
from support.runtime_api import function

REGION = "us-west-2"
_TABLE = "orders"
_ITEM = {"id": {"S": "order-17"}, "total": {"N": "42"}}
_EVENT = {
    "service": "dynamodb",
    "action": "getItem",
    "region": REGION,
    "parameters": {"TableName": _TABLE, "Key": {"id": {"S": "order-17"}}},
}
_PERMITTED = [
    {
        "service": "dynamodb",
        "actions": ["getItem"],
        "regions": [REGION],
        "endpoints": [],
        "roles": [],
        "results": [],
    }
]


@dataclass(frozen=True)
class Run:
    ms: float
    peak_kib: int


@dataclass(frozen=True)
class Series:
    runs: tuple[Run, ...]

    @property
    def ms(self) -> float:
        return statistics.median(run.ms for run in self.runs)

    @property
    def spread_ms(self) -> float:
        """Half of the runs lie in an interval of this width."""
        low, _, high = statistics.quantiles((run.ms for run in self.runs), n=4)
        return high - low

    @property
    def peak_mib(self) -> float:
        return statistics.median(run.peak_kib for run in self.runs) / 1024


def prepare(local: Ministack) -> None:
    """Puts the item, and asks for it once, so that no side pays for the server's own first time."""
    dynamodb = local.client("dynamodb", REGION)
    dynamodb.create_table(
        TableName=_TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=_TABLE, Item=_ITEM)
    dynamodb.get_item(**_EVENT["parameters"])


def once(side: Side, local: Ministack, quota: Quota | None = None) -> Run:
    environment = {**aws.environment(local.url, "ap-northeast-1"), **side.environment}
    enter = quota.enter if quota else None
    event = json.dumps(_EVENT).encode()
    with function(side.command, environment, _PERMITTED, first_event=event, enter=enter) as running:
        if quota:
            with quota.pace(running.process.pid):
                answer = running.answer(120)
        else:
            answer = running.answer(60)
        if answer.kind != "response" or answer.json().get("Item") != _ITEM:
            raise RuntimeError(f"{side.name} answered {answer.kind} {answer.body[:500]!r}\n{running.log()}")
        return Run((answer.at_ns - running.started_ns) / 1e6, running.memory_kib("VmHWM"))


def alternate(sides: Sequence[Side], local: Ministack, runs: int, quota: Quota | None = None) -> list[Series]:
    """Runs the sides in turn, each once more at the beginning, uncounted, to fill the page cache."""
    taken = [[once(side, local, quota) for side in sides] for _ in range(runs + 1)][1:]
    return [Series(tuple(row[at] for row in taken)) for at in range(len(sides))]
