"""Relays orders from a stream in Tokyo into one in Oregon, also with the relay broken off, and shows what arrived.

Nothing enters; a transcript leaves on stdout. The exit code is 0 only if every check held. Run as
`python -m demo.stream_relay`.

Real are the state machine, the function, the table and the streams, as far as the local AWS goes. What is in the
streams is read back by PyPI's `aws-kinesis-agg`. The requests of the function, and those that write orders one by one,
pass a door, which counts them. The door is a stand-in for a stream that is throttled, since the local one never is, and
kills the function in the middle. While the stream is throttled, the function has one second in place of five minutes;
the pauses between retries are a tenth of what they are.
"""

import json
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo import transcript
from support import aws, paths
from support.cdk import Cdk
from support.executions import Execution, execute
from support.ministack import Ministack, ministack
from support.passing import Answer, Asked, Passing, Unanswered, passing
from support.process import children
from support.reader import Reader

HERE = "ap-northeast-1"
THERE = "us-west-2"
APP = paths.CDK / "examples" / "stream-relay"
COPY = "orders-copy"
COUNT = 500
KEYS = 50
WAIT_SCALE = "0.1"
# Requests of a relay that the copy takes before it is broken off: into the second shard of the source.
TAKEN = 4
# The function's time while the copy is throttled.
SHORT_S = 1
THROTTLED = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard."}

Order = tuple[str, str]


@dataclass
class Door:
    """What becomes of the records that are put into the copy."""

    # How many requests it takes, and what comes then.
    takes: float = math.inf
    then: Callable[[dict[str, Any], Callable[[], Answer]], Answer] = lambda _, forward: forward()

    def around(self, asked: Asked, forward: Callable[[], Answer]) -> Answer:
        told = json.loads(asked.body or b"{}")
        if "Records" not in told:
            return forward()
        self.takes -= 1
        return forward() if self.takes >= 0 else self.then(told, forward)


@dataclass
class Relay:
    """The streams, through the eyes of the local AWS, of the door, and of a reader."""

    local: Ministack
    door: Door
    passed: Passing
    source: Reader
    copy: Reader
    machine: str
    sent: list[Order] = field(default_factory=list)
    checks: list[tuple[bool, str]] = field(default_factory=list)

    def check(self, holds: bool, text: str) -> None:
        self.checks.append((holds, text))

    def orders(self, name: str) -> list[Order]:
        """New ones, of some 200 bytes."""
        new = [(f"customer-{at % KEYS}", f"{name} {at} {'x' * 180}") for at in range(COUNT)]
        self.sent += new
        return new

    def write_one_by_one(self, orders: list[Order]) -> None:
        client = aws.client(self.passed.url, "kinesis", HERE)
        for key, text in orders:
            client.put_record(StreamName=self.source.stream, PartitionKey=key, Data=text.encode())

    def write(self, orders: list[Order]) -> None:
        entries = [{"PartitionKey": key, "Data": text.encode()} for key, text in orders]
        self.local.client("kinesis", HERE).put_records(StreamName=self.source.stream, Records=entries)

    def requests(self, operation: str, region: str) -> int:
        return sum(one.region == region for one in self.passed.of(operation))

    def kept(self) -> dict[str, str]:
        """The checkpoint in the table."""
        table = self.local.client("dynamodb", HERE)
        (name,) = table.list_tables()["TableNames"]
        item = table.get_item(TableName=name, Key={"relay": {"S": "orders"}}, ConsistentRead=True).get("Item")
        return json.loads(item["checkpoint"]["S"]) if item else {}

    def repeated(self) -> Counter[Order]:
        """Orders that are in the copy beyond the first time."""
        return Counter(self.copy.without_it) - Counter(set(self.copy.without_it))

    def lost(self) -> set[Order]:
        return set(self.sent) - set(self.copy.without_it)

    def in_order(self) -> bool:
        """Of each customer, what comes for the first time comes as it was sent."""
        first = list(dict.fromkeys(self.copy.without_it))
        return all(_of(key, first) == _of(key, self.sent) for key in dict(self.sent))

    def set_timeout(self, seconds: int) -> int:
        """What it was before."""
        client = self.local.client("lambda", HERE)
        (function,) = (it for it in client.list_functions()["Functions"] if "Relaying" in it["FunctionName"])
        client.update_function_configuration(FunctionName=function["FunctionName"], Timeout=seconds)
        return function["Timeout"]


def _is_same(some: list[Order], others: list[Order]) -> bool:
    """In whatever order, but each as often."""
    return Counter(some) == Counter(others)


def _of(key: str, orders: list[Order]) -> list[Order]:
    return [order for order in orders if order[0] == key]


@contextmanager
def relay(say: Callable[[str], None] = print) -> Iterator[Relay]:
    with ExitStack() as stack:
        door = Door()
        passed = stack.enter_context(passing(door.around))
        local = stack.enter_context(ministack(AWS_ENDPOINT_URL=passed.url, SFN_WAIT_SCALE=WAIT_SCALE))
        passed.target = local.url
        start = time.monotonic()
        with ThreadPoolExecutor() as pool:
            _, outputs = pool.map(_deploy, [local] * 2, [THERE, HERE], ["OrdersCopy", "StreamRelay"])
        say(f"deployed in both Regions by `cdk deploy` in {time.monotonic() - start:.0f} s")
        source = Reader(local.client("kinesis", HERE), outputs["Stream"])
        copy = Reader(local.client("kinesis", THERE), COPY)
        yield Relay(local, door, passed, source, copy, outputs["StateMachineArn"])


def _deploy(local: Ministack, region: str, stack: str) -> dict[str, str]:
    home = Path(local.home, stack)
    home.mkdir()
    app = Cdk(local.url, region, APP, home)
    app.bootstrap()
    return app.deploy(stack)


def run(say: Callable[[str], None] = print) -> bool:
    """True if every check held."""
    say(f"A stream in {HERE} is relayed into a stream in {THERE}.\n")
    with relay(say) as made:
        _one_by_one(made, say)
        _throttled(made, say)
        _killed(made, say)
        _nothing_new(made, say)
        say("\nwhat is where\n")
        held = transcript.all_held(made.checks, say)
    say(f"\nlocal AWS stopped: {'every check held' if held else 'NOT every check held'}")
    return held


def _one_by_one(made: Relay, say: Callable[[str], None]) -> None:
    say(f"\n{COUNT} orders are written one by one, and relayed\n")
    made.write_one_by_one(made.orders("first"))
    ended = _relayed(made, say)
    written = (made.requests("PutRecord", HERE), made.source.records, made.source.payload_units)
    copied = (made.requests("PutRecords", THERE), made.copy.records, made.copy.payload_units)
    rows = [("one by one", *map(str, written)), ("relayed", *map(str, copied))]
    say("\n" + transcript.table([("", "requests", "records of the stream", "payload units"), *rows]))
    made.check(ended.status == "SUCCEEDED", "the execution succeeded")
    made.check(written == (COUNT,) * 3, f"one by one, {COUNT} orders are as many requests, records and payload units")
    made.check(max(copied) * 20 <= COUNT, "relayed, a twentieth of them or less")
    told = tuple((ended.output or {}).get(name) for name in ("requests", "records", "payloadUnits"))
    made.check(told == copied, "and as many as the execution tells")
    made.check(_is_same(made.copy.without_it, made.sent), "every order arrived once")
    made.check(made.in_order(), "in the order of its customer")
    made.check(_is_same(made.source.up_to(made.kept()), made.sent), "the checkpoint that is kept is at their end")


def _throttled(made: Relay, say: Callable[[str], None]) -> None:
    say(f"\n{COUNT} more; after {TAKEN} requests the stream in {THERE} is throttled\n")
    made.write(made.orders("second"))
    before = len(made.copy.without_it)
    made.door.takes, made.door.then = TAKEN, _throttle
    minutes = made.set_timeout(SHORT_S)
    ended = _relayed(made, say)
    arrived = len(made.copy.without_it) - before
    made.check((ended.status, ended.error) == ("FAILED", "CrossRegion.Incomplete"), "the execution failed")
    made.check(0 < arrived < COUNT, "with some of the orders there")
    made.check(_is_same(made.source.up_to(made.kept()), made.copy.without_it), "the checkpoint that is kept says which")

    say("\nthe stream takes records again; another execution\n")
    made.door.takes = math.inf
    made.set_timeout(minutes)
    ended = _relayed(made, say)
    made.check(ended.status == "SUCCEEDED", "the execution succeeded")
    made.check((ended.output or {}).get("put") == COUNT - arrived, "it put the others alone")
    made.check(not made.lost(), "nothing is lost")
    made.check(not made.repeated(), "nothing is there twice")


def _killed(made: Relay, say: Callable[[str], None]) -> None:
    say(f"\n{COUNT} more; when the stream in {THERE} has taken {TAKEN} requests, the function is killed\n")
    made.write(made.orders("third"))
    before, kept = len(made.copy.without_it), made.kept()

    def kill(_: dict[str, Any], forward: Callable[[], Answer]) -> Answer:
        forward()
        for pid in children(made.local.server.pid, "bootstrap"):
            os.kill(pid, signal.SIGKILL)
        raise Unanswered

    made.door.takes, made.door.then = TAKEN - 1, kill
    ended = _relayed(made, say)
    arrived = made.copy.without_it[before:]
    made.check((ended.status, ended.error) == ("FAILED", "Runtime.ExitError"), "the execution failed")
    made.check(0 < len(arrived) < COUNT, "with some of the orders there")
    made.check(made.kept() == kept, "of which the checkpoint knows nothing")

    say("\nanother execution\n")
    made.door.takes = math.inf
    ended = _relayed(made, say)
    made.check(ended.status == "SUCCEEDED", "the execution succeeded")
    made.check(not made.lost(), "nothing is lost")
    made.check(made.repeated() == Counter(arrived), "what the killed function had put is there twice, and nothing else")
    made.check(made.in_order(), "what came first came in the order of its customer")
    made.check(_is_same(made.source.up_to(made.kept()), made.sent), "the checkpoint that is kept is at the end")


def _nothing_new(made: Relay, say: Callable[[str], None]) -> None:
    say("\nonce more, with nothing new\n")
    put = made.requests("PutRecords", THERE)
    ended = _relayed(made, say)
    made.check(ended.status == "SUCCEEDED", "the execution succeeded")
    made.check(made.requests("PutRecords", THERE) == put, "and put nothing")


def _throttle(told: dict[str, Any], _: Callable[[], Answer]) -> Answer:
    refused = [THROTTLED] * len(told["Records"])
    body = json.dumps({"FailedRecordCount": len(refused), "Records": refused}).encode()
    return Answer(200, [("content-type", "application/x-amz-json-1.1")], body)


def _relayed(made: Relay, say: Callable[[str], None]) -> Execution:
    ended = execute(made.local, made.machine, {})
    rows = [("run of the function", "put", "requests", "payload units")]
    for event in ended.history:
        failed, left = event.get("taskFailedEventDetails"), event.get("stateExitedEventDetails", {})
        if failed:
            rows.append((f"failed with {failed['error']}", "-", "-", "-"))
        elif left.get("name") == "Relay":
            told = json.loads(left["output"])
            how = "caught up" if told["caughtUp"] else f"broke off at {told.get('error')}"
            rows.append((how, *(str(told[name]) for name in ("put", "requests", "payloadUnits"))))
    say(transcript.table(rows))
    made.source.read()
    made.copy.read()
    there, twice = len(set(made.copy.without_it)), made.repeated().total()
    say(f"\n  {ended.status} in {ended.took_s:.1f} s")
    say(f"  {there} of {len(made.sent)} orders are in {THERE}, {twice} of them twice")
    say(f"  the checkpoint that is kept stands after {len(made.source.up_to(made.kept()))} orders")
    return ended


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
