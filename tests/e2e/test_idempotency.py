"""Invoked twice, done once: histories of many workers, each a process of its own, against two DynamoDB servers.

Every history is checked against a model (`support/once.py`), step by step; the counts are printed. With PROVE the
rounds are 500.
"""

import base64
import contextlib
import json
import os
import random
import subprocess
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import aws
from support.between import STEPS, Between, Cut
from support.moto import moto
from support.once import check
from support.runtime_api import Function, function

ROUNDS = 500 if "PROVE" in os.environ else 24
DUPLICATES = 1000 if "PROVE" in os.environ else 200
SEED = 20261125

HERE = "ap-northeast-1"
THERE = "us-west-2"
TABLE = "records"
ORDERS = f"arn:aws:dynamodb:{THERE}:{aws.ACCOUNT}:table/orders"

# The clock margin that is added to every lease, and more than what is left of an invocation.
LEASE_IS_OVER_S = 300.0

# How each kind of work is asked for, and whether a repetition does no harm.
KINDS = {
    "write": ("kinesis", "putRecord", False),
    "declared": ("kinesis", "putRecord", True),
    "token": ("dynamodb", "exportTableToPointInTime", True),
    "read": ("kinesis", "listStreams", True),
}
PERMITTED = [
    {"service": "kinesis", "actions": ["putRecord", "listStreams"], "regions": [THERE], "idempotency": True},
    {"service": "dynamodb", "actions": ["exportTableToPointInTime"], "regions": [THERE], "idempotency": True},
]


def work(kind: str, key: str, **more: Any) -> dict[str, Any]:
    service, action, _ = KINDS[kind]
    parameters: dict[str, dict[str, Any]] = {
        "putRecord": {"StreamName": "orders", "PartitionKey": key, "Data": {"$text": "order"}},
        "exportTableToPointInTime": {"TableArn": ORDERS, "S3Bucket": "exports", "S3Prefix": key},
        "listStreams": {},
    }
    declared = {"onUncertain": "repeat"} if kind == "declared" else {}
    record = {"namespace": "Stack/Task", "key": key, **declared, **more}
    return {
        "service": service,
        "action": action,
        "region": THERE,
        "parameters": parameters[action],
        "idempotency": record,
    }


@pytest.fixture(scope="session")
def clock(tmp_path_factory) -> Path:
    source = Path(__file__).parents[1] / "support" / "ahead.c"
    library = tmp_path_factory.mktemp("clock") / "ahead.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="module", params=["ministack", "moto"])
def dynamodb(request) -> Iterator[tuple[str, str]]:
    """Two implementations of DynamoDB's conditions that know nothing of each other: a URL, and the table's ARN."""
    with contextlib.ExitStack() as stack:
        url = request.getfixturevalue("local").url if request.param == "ministack" else stack.enter_context(moto())
        client = aws.client(url, "dynamodb", HERE)
        arns = {}
        for name, key in ((TABLE, "id"), ("other-key", "pk")):
            made = client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
            arns[name] = made["TableDescription"]["TableArn"]
        yield url, arns[TABLE]
        for name in (TABLE, "other-key"):
            client.delete_table(TableName=name)


class Workers:
    """Processes by name, with what each was told and answered in the history."""

    def __init__(self, between: Between, arn: str, binary: Path, clock: Path, stack: contextlib.ExitStack):
        self.between, self.arn = between, arn
        self._binary, self._clock, self._stack = binary, clock, stack
        self._functions: dict[str, tuple[Function, float]] = {}

    def start(self, name: str, ahead_s: float = 0.0, table: str | None = None) -> None:
        url = self._stack.enter_context(self.between.port(name))
        environment = {
            **aws.environment(url, HERE),
            "IDEMPOTENCY_TABLE": table or self.arn,
            "LD_PRELOAD": str(self._clock),
            "AHEAD_S": str(int(ahead_s)),
        }
        running = self._stack.enter_context(function([self._binary], environment, PERMITTED))
        self._functions[name] = (running, ahead_s)

    def kill(self, name: str) -> None:
        self._functions[name][0].process.kill()

    def invoke(self, name: str, kind: str, key: str, event: dict[str, Any] | None = None, within_s: float = 30) -> str:
        """Leaves the answer's name: `ok`, an error's, or `died`. The answer itself stands in the history."""
        running, ahead_s = self._functions[name]
        self.between.note("begin", name, key=key, kind=kind, may_repeat=KINDS[kind][2], ahead_s=ahead_s)
        body = json.dumps(event or work(kind, key)).encode()
        # Lambda and its function have one clock.
        running._api.put(body, within_s + ahead_s)
        try:
            answer = running.answer(within_s + 10)
        except RuntimeError:
            self.between.note("died", name)
            return "died"
        told = answer.json()
        called = "ok" if answer.kind == "response" else told["errorType"]
        self.between.note("end", name, name=called, answer=answer.body.decode())
        return called

    def last(self, name: str) -> Any:
        ends = [step for step in self.between.history if step.what == "end" and step.worker == name]
        return json.loads(ends[-1].details["answer"])

    def error(self, name: str) -> dict[str, Any]:
        return json.loads(self.last(name)["errorMessage"])

    def log(self, name: str) -> dict[str, Any]:
        return json.loads(self._functions[name][0].log().splitlines()[-1])


@pytest.fixture
def workers(dynamodb, binary, clock) -> Iterator[Workers]:
    with contextlib.ExitStack() as stack:
        url, arn = dynamodb
        yield Workers(Between(url), arn, binary, clock, stack)


def item(between: Between, key: str) -> dict[str, Any] | None:
    """The record as it stands, found by the id that was put for the key."""
    puts = [step for step in between.history if step.what == "write" and step.details["operation"] == "put"]
    begun = {step.worker: step.details["key"] for step in between.history if step.what == "begin"}
    ids = [step.details["request"]["Item"]["id"] for step in puts if begun[step.worker] == key]
    return aws.client(between.backend, "dynamodb", HERE).get_item(TableName=TABLE, Key={"id": ids[-1]}).get("Item")


def say(request, title: str, counts: Counter) -> None:
    backend = request.node.callspec.params["dynamodb"]
    line = f"{title}, {backend}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n  {line}")


def test_duplicates_over_sixteen_workers(workers, request):
    names = [f"w{at}" for at in range(16)]
    for name in names:
        workers.start(name)
    left = list(range(DUPLICATES))
    waits: Counter = Counter()

    def serve(name: str) -> None:
        while left:
            with contextlib.suppress(IndexError):
                left.pop()
                while (told := workers.invoke(name, "write", "duplicates")) == "CrossRegion.InProgress":
                    waits[told] += 1
                assert told == "ok", told

    threads = [threading.Thread(target=serve, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = check(workers.between.history)
    answers = {step.details["answer"] for step in workers.between.history if step.details.get("name") == "ok"}
    writes = [step for step in workers.between.history if step.what == "write"]
    assert (workers.between.effects, counts["ok"], len(answers)) == (1, DUPLICATES, 1)
    # Two writes for the first call, one for each that was answered from its record or told to wait.
    assert len(writes) == 2 + (DUPLICATES - 1) + waits["CrossRegion.InProgress"]
    say(request, f"{DUPLICATES} duplicates over 16 workers", counts)


def test_killed_at_any_step(workers, request):
    """A worker ends at a step; others come with it or right after it, and when its lease is over."""
    chance = random.Random(SEED)
    workers.start("now")
    workers.start("later", LEASE_IS_OVER_S)
    for at in range(ROUNDS):
        first, key = f"first-{at}", f"killed-{at}"
        kind, step = chance.choice(list(KINDS)), chance.choice((*STEPS, "never"))
        together = chance.sample(["now", "later"], chance.randint(0, 2))
        with contextlib.ExitStack() as stack:
            doomed = Workers(workers.between, workers.arn, workers._binary, workers._clock, stack)
            doomed.start(first)

            def end(worker: str, met: str, doomed=doomed, first=first, step=step) -> None:
                if worker == first and met == step:
                    doomed.kill(first)
                    raise Cut

            workers.between.at = end
            threads = [threading.Thread(target=workers.invoke, args=(name, kind, key)) for name in together]
            for thread in threads:
                thread.start()
            told = doomed.invoke(first, kind, key)
            for thread in threads:
                thread.join()
            assert together or told == ("ok" if step == "never" else "died"), (kind, step, told)
        order = chance.sample(["now", "later", "later", "now"], 4)
        for name in order:
            told = workers.invoke(name, kind, key)
            if together:
                continue
            expected = {"ok"}
            if step in ("after put", "before effect", "after effect", "before update"):
                over = "ok" if KINDS[kind][2] else "CrossRegion.StateUncertain"
                expected = {over} if name == "later" else {"CrossRegion.InProgress", "ok"}
            assert told in expected, (kind, step, name, told)
    counts = check(workers.between.history)
    assert counts["died"] > 0
    say(request, f"{ROUNDS} rounds, killed at any step", counts)


def test_clocks_that_are_five_minutes_apart(workers, request):
    """Ten minutes between the two, beyond the margin: what is lost is an answer, never a call made twice."""
    chance = random.Random(SEED)
    skews = {"behind": -300.0, "right": 0.0, "ahead": 300.0}
    for name, ahead_s in skews.items():
        workers.start(name, ahead_s)
    for at in range(max(ROUNDS // 4, 8)):
        kind, key = chance.choice(["write", "token"]), f"skewed-{at}"
        threads = [threading.Thread(target=workers.invoke, args=(name, kind, key)) for name in skews]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in chance.sample(list(skews), 3):
            workers.invoke(name, kind, key)
    counts = check(workers.between.history)
    assert counts["ok"] > 0
    say(request, "clocks five minutes ahead and behind", counts)


def hold(between: Between, worker: str) -> tuple[threading.Event, threading.Event]:
    """Keeps the answer to the worker's call until the second event is set; the first tells that it was made."""
    made, go = threading.Event(), threading.Event()

    def at(met: str, step: str) -> None:
        if met == worker and step == "after effect":
            made.set()
            go.wait(60)

    between.at = at
    return made, go


@pytest.mark.parametrize("kind", ["write", "declared", "token"])
def test_a_late_first_attempt(workers, kind):
    """The first attempt is at work beyond its lease. It cannot touch what another attempt has written since."""
    workers.start("first")
    workers.start("later", LEASE_IS_OVER_S)
    made, go = hold(workers.between, "first")
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(workers.invoke("first", kind, f"late-{kind}")))
    thread.start()
    assert made.wait(30)
    second = workers.invoke("later", kind, f"late-{kind}")
    between_them = item(workers.between, f"late-{kind}")
    go.set()
    thread.join()
    after = item(workers.between, f"late-{kind}")
    check(workers.between.history)
    if kind == "write":
        assert second == "CrossRegion.StateUncertain"
        assert told == ["ok"], "nobody took the record over, so the late answer is written down"
        assert after["status"] == {"S": "COMPLETED"}
        assert workers.invoke("later", kind, f"late-{kind}") == "ok"
        assert workers.between.effects == 1
    else:
        assert (second, told) == ("ok", ["ok"])
        assert after == between_them, "the late attempt changed its successor's record"
        assert workers.last("first") == workers.last("later"), "everybody is answered what the record holds"
        assert workers.between.effects == (1 if kind == "token" else 2)
    check(workers.between.history)


def test_what_it_costs(workers):
    """Two writes for a first call, one for a replay, and nothing else."""
    workers.start("w")
    operations = []
    for _ in range(3):
        before = len(workers.between.history)
        assert workers.invoke("w", "write", "cost") == "ok"
        steps = workers.between.history[before:]
        operations.append([step.details["operation"] for step in steps if step.what == "write"])
    assert operations == [["put", "update"], ["put"], ["put"]]
    assert workers.log("w")["record"] == "replayed"


def test_a_key_stands_for_one_payload(workers):
    workers.start("w")
    assert workers.invoke("w", "write", "k1") == "ok"
    other = work("write", "k1")
    other["parameters"]["Data"] = {"$text": "another order"}
    assert workers.invoke("w", "write", "k1", other) == "CrossRegion.KeyReused"
    # With a payload of its own, parameters may differ.
    assert workers.invoke("w", "write", "k2", work("write", "k2", payload={"order": 17})) == "ok"
    other = work("write", "k2", payload={"order": 17})
    other["parameters"]["Data"] = {"$text": "another text"}
    assert workers.invoke("w", "write", "k2", other) == "ok"
    assert workers.between.effects == 2


def test_without_effect_the_key_is_free(workers):
    workers.start("w")
    workers.between.fail = lambda _: (400, "ResourceNotFoundException")
    assert workers.invoke("w", "write", "free") == "ResourceNotFoundException"
    assert workers.error("w")["effect"] == "none"
    assert item(workers.between, "free") is None
    workers.between.fail = lambda _: None
    assert workers.invoke("w", "write", "free") == "ok"
    check(workers.between.history)


def test_an_uncertain_call_stays_uncertain_until_somebody_clears_it(workers, binary):
    workers.start("w")
    workers.between.fail = lambda _: (500, "InternalFailure")
    assert workers.invoke("w", "write", "unsure") not in ("ok", "died")
    assert workers.error("w")["effect"] == "unknown"
    sends = sum(step.what == "begin" for step in workers.between.history)
    assert sends == 1, "under a record, what may have taken effect is not sent again"
    record = item(workers.between, "unsure")
    assert record["status"] == {"S": "UNCERTAIN"}
    assert "expiration" not in record, "what is uncertain is not forgotten"

    workers.between.fail = lambda _: None
    assert workers.invoke("w", "write", "unsure") == "CrossRegion.StateUncertain"
    assert record["id"]["S"] in workers.error("w")["message"]

    def operator(verb: str) -> tuple[int, dict[str, Any]]:
        command = [binary, "record", verb, record["id"]["S"], "--table", workers.arn]
        environment = {**os.environ, **aws.environment(workers.between.backend, HERE)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
        return done.returncode, json.loads(done.stdout)

    shown = operator("show")
    assert (shown[0], shown[1]["status"], shown[1]["isUncertain"]) == (0, "UNCERTAIN", True)
    assert operator("clear") == (0, {"id": record["id"]["S"], "cleared": True})
    assert workers.invoke("w", "write", "unsure") == "ok"
    code, refusal = operator("clear")
    assert (code, refusal["errorType"]) == (1, "CrossRegion.Internal"), "only what is uncertain is cleared"
    assert workers.invoke("w", "write", "unsure") == "ok"


def test_a_repetition_without_effect_does_not_settle_what_was_uncertain(workers):
    workers.start("w")
    workers.between.fail = lambda _: (500, "InternalFailure")
    workers.invoke("w", "declared", "still")
    workers.between.fail = lambda _: (400, "ResourceNotFoundException")
    assert workers.invoke("w", "declared", "still") == "ResourceNotFoundException"
    assert item(workers.between, "still")["status"] == {"S": "UNCERTAIN"}


def test_a_result_is_replayed_byte_for_byte_and_expires(workers):
    workers.start("w")
    workers.start("next week", 8 * 24 * 3600)
    assert workers.invoke("w", "write", "bytes") == "ok"
    assert workers.invoke("w", "write", "bytes") == "ok"
    answers = [step.details["answer"] for step in workers.between.history if step.what == "end"]
    record = item(workers.between, "bytes")
    stored = record["body"]["B"] if isinstance(record["body"]["B"], bytes) else base64.b64decode(record["body"]["B"])
    assert answers == [zlib.decompress(stored, -15).decode()] * 2
    expires = int(record["expiration"]["N"])
    assert 0 <= expires - (time.time() + 24 * 3600) <= 90, "a day, and the margin of the clocks"
    # The TTL has not removed it, and the next attempt judges for itself.
    assert workers.invoke("next week", "write", "bytes") == "ok"
    assert workers.between.effects == 2
    check(workers.between.history)


def test_a_table_that_is_throttled(workers):
    workers.start("w")
    refusals = iter([(400, "ProvisionedThroughputExceededException")] * 2)
    workers.between.refuse = lambda _worker, _operation: next(refusals, None)
    assert workers.invoke("w", "write", "slow") == "ok"
    workers.between.refuse = lambda _worker, _operation: (400, "ProvisionedThroughputExceededException")
    assert workers.invoke("w", "write", "throttled") == "CrossRegion.Unreachable"
    assert (workers.error("w")["effect"], workers.between.effects) == ("none", 1)


def test_a_table_that_is_lost_after_the_call(workers):
    """The call was made, and its answer is told; what it came to is not known to anyone else."""
    workers.start("w")
    workers.start("later", LEASE_IS_OVER_S)
    throttled = (400, "ProvisionedThroughputExceededException")
    workers.between.refuse = lambda _worker, operation: throttled if operation == "update" else None
    assert workers.invoke("w", "write", "lost") == "ok"
    assert workers.log("w")["record"] == "lost"
    workers.between.refuse = lambda _worker, _operation: None
    assert workers.invoke("w", "write", "lost") == "CrossRegion.InProgress"
    assert workers.invoke("later", "write", "lost") == "CrossRegion.StateUncertain"
    assert workers.between.effects == 1


@pytest.mark.parametrize("name", ["nowhere", "other-key"])
def test_a_table_that_is_missing_or_has_another_key(workers, name):
    workers.start("w", table=workers.arn.replace(TABLE, name))
    assert workers.invoke("w", "write", "k") == "CrossRegion.Internal"
    message = workers.error("w")
    assert (message["effect"], workers.between.effects) == ("none", 0)
    assert "table of idempotency records" in message["message"]


def test_without_a_table_nothing_starts_and_nothing_is_sent(binary, local):
    plain = [{"service": "kinesis", "actions": ["putRecord"], "regions": [THERE]}]
    with function([binary], aws.environment(local.url, HERE), plain) as running:
        told = running.invoke(work("write", "k")).json()
        assert told["errorType"] == "CrossRegion.InvalidEvent"
        assert "IDEMPOTENCY_TABLE" in json.loads(told["errorMessage"])["message"]
    with function([binary], aws.environment(local.url, HERE), PERMITTED) as running:
        answer = running.answer(10)
        assert answer.kind == "init-error"
        assert "IDEMPOTENCY_TABLE" in answer.body.decode()
