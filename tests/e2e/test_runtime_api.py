"""The function's behaviour at the Runtime API: whatever comes in, one well-formed answer goes out.

Held against our own Runtime API, where bytes are seen as they are sent, and against AWS's emulator.
"""

import json

import pytest

from e2e.events import REGION, error, event, named, permit
from support import aws
from support.rie import rie
from support.runtime_api import FunctionError, function

TABLE = [permit("sts", "getCallerIdentity")]
GOOD = event("sts", "getCallerIdentity")

MALFORMED = {
    "truncated": b'{"service": "sts"',
    "not JSON": b"hello",
    "trailing comma": json.dumps(GOOD).encode()[:-1] + b",}",
    "two documents": json.dumps(GOOD).encode() * 2,
    "not UTF-8": b'{"service": "sts\xff", "action": "getCallerIdentity", "region": "us-west-2"}',
    "lone surrogate": b'{"service": "\\ud800", "action": "getCallerIdentity", "region": "us-west-2"}',
    "null": b"null",
    "a list": b"[]",
    "a string": b'"sts"',
    "an empty object": b"{}",
    "a duplicate key": b'{"service":"sts","service":"sts","action":"getCallerIdentity","region":"us-west-2"}',
    "a duplicate key inside": json.dumps(GOOD).encode()[:-1] + b',"parameters":{"a":1,"a":2}}',
    "an unknown field": json.dumps({**GOOD, "regoin": REGION}).encode(),
    "no region": json.dumps({"service": "sts", "action": "getCallerIdentity"}).encode(),
    "a number for a Region": json.dumps({**GOOD, "region": 1}).encode(),
    "a Region that is no host label": json.dumps({**GOOD, "region": "x.evil.example/#"}).encode(),
    "depth 10,000": b'{"parameters":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
}


@pytest.fixture(scope="module")
def running(binary, local):
    with function([binary], aws.environment(local.url, "ap-northeast-1"), TABLE) as started:
        yield started


@pytest.fixture(scope="module")
def emulated(binary, local):
    with rie(binary, aws.environment(local.url, "ap-northeast-1"), TABLE) as started:
        yield started


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_event_is_an_invalid_event(running, body):
    name, message = error(running.invoke(body))
    assert name == "CrossRegion.InvalidEvent"
    assert message["effect"] == "none"
    for foreign in ("::", "serde", "panicked", "lambda_runtime"):
        assert foreign not in message["message"]


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_event_under_the_emulator(emulated, body):
    name, message = named(json.loads(emulated.invoke(body)))
    assert (name, message["effect"]) == ("CrossRegion.InvalidEvent", "none")


def test_empty_body_is_an_invalid_event(running):
    assert error(running.invoke(b""))[0] == "CrossRegion.InvalidEvent"


def test_good_event_after_all_of_them(running):
    answer = running.invoke(GOOD)
    assert answer.kind == "response"
    assert answer.json()["Account"] == aws.ACCOUNT
    assert answer.json()["$metadata"]["region"] == REGION


def test_good_event_under_the_emulator(emulated):
    assert json.loads(emulated.invoke(GOOD))["Account"] == aws.ACCOUNT


def test_passed_deadline_is_an_answer_not_a_kill(running):
    name, message = error(running.invoke(GOOD, deadline_s=0.0))
    assert (name, message["effect"]) == ("CrossRegion.DeadlineExceeded", "none")


def test_without_a_table_nothing_is_called(binary, local):
    with function([binary], aws.environment(local.url, "ap-northeast-1"), table=None) as started:
        assert error(started.invoke(GOOD))[0] == "CrossRegion.NotAllowed"


@pytest.mark.parametrize("table", ["{", "{}", '[{"service":"sts"}]', '[{"service":"stss","actions":["x"]}]'])
def test_malformed_table_stops_the_function_at_init(binary, local, table):
    environment = {**aws.environment(local.url, "ap-northeast-1"), "OPERATION_TABLE": table}
    with function([binary], environment) as started:
        try:
            answer = started.invoke(GOOD, deadline_s=5)
        except FunctionError:
            assert "OPERATION_TABLE" in started.log()
        else:
            assert answer.kind == "init-error"
            assert b"OPERATION_TABLE" in answer.body
