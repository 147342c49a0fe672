"""`kinesis.putAggregated` from an S3 object at the local AWS: in little memory, however large the object is, and in
calls that go on where the one before stopped, each record there once.

With `PROVE` the object is larger than all memory of the smallest function. A state machine does the same with the
rights that its tasks were given, and none beside them.
"""

import json
import os
from pathlib import Path

import pytest

from support import aws
from support.cdk import Cdk
from support.executions import execute
from support.ministack import ministack
from support.reader import Reader
from support.runtime_api import function

APP = Path(__file__).parent / "apps" / "records-as-caller"
HERE = "ap-northeast-1"
THERE = "us-west-2"
BUCKET = "records"
SHARDS = 4
# MiB of the objects.
SMALL, LARGE = 8, 200 if "PROVE" in os.environ else 32
PAYLOAD = 700
SECONDS = 3
ALLOWED_GROWTH_KIB = 4 * 1024
TABLE = [{"procedure": "kinesis.putAggregated", "regions": [HERE, THERE], "sources": [{"bucket": BUCKET}]}]


def record(at: int) -> str:
    text = f"{at}:".ljust(PAYLOAD, "x")
    return json.dumps({"PartitionKey": f"customer-{at % 1000}", "Data": {"$text": text}}) + "\n"


@pytest.mark.timeout(600)
def test_an_object_of_any_size_is_put_in_little_memory(binary, local, capsys):
    s3, kinesis = local.client("s3", HERE), local.client("kinesis", THERE)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": HERE})
    rows, peaks = [], []
    with function([binary], aws.environment(local.url, HERE), TABLE) as running:
        for size in (SMALL, LARGE):
            count = size * 1024 * 1024 // len(record(0))
            s3.put_object(Bucket=BUCKET, Key=f"{size}.jsonl", Body="".join(map(record, range(count))).encode())
            stream = f"of-{size}"
            kinesis.create_stream(StreamName=stream, ShardCount=SHARDS)
            source = {"Bucket": BUCKET, "Key": f"{size}.jsonl", "region": HERE, "format": "jsonLines"}
            put = requests = units = calls = 0
            is_done = False
            before = running.cpu_ms()
            while not is_done:
                parameters = {"StreamName": stream, "recordsFrom": source, "partial": True}
                asked = {"procedure": "kinesis.putAggregated", "region": THERE, "parameters": parameters}
                answer = running.invoke(asked, deadline_s=SECONDS)
                assert answer.kind == "response", answer
                result = answer.json()
                assert result.get("error") in (None, "CrossRegion.Incomplete")
                assert result.get("uncertain", 0) == 0
                put, calls = put + result["put"], calls + 1
                requests, units = requests + result["requests"], units + result["payloadUnits"]
                is_done = result["next"] is None
                source = {**source, "start": result["next"]}
            assert put == count
            assert calls > 1 or size == SMALL
            assert read(kinesis, stream) == list(range(count))
            peaks.append(running.memory_kib("VmHWM"))
            cpu = (running.cpu_ms() - before) / 1000
            rows.append(
                f"| {size} MiB | {count:,} | {calls} | {requests} | {units} | {cpu:.2f} | {peaks[-1] / 1024:.1f} |"
            )
    with capsys.disabled():
        print("\n" + "\n".join(rows), end="")
    assert peaks[1] - peaks[0] <= ALLOWED_GROWTH_KIB, peaks


def test_a_state_machine_puts_all_of_an_object(binary):
    count = 12 * 1024 * 1024 // len(record(0))
    with ministack(AUTH="true") as local:
        app = Cdk(local.url, HERE, APP, local.home)
        app.bootstrap()
        machine = app.deploy("Records")["StateMachineArn"]
        s3, kinesis = local.client("s3", HERE), local.client("kinesis", THERE)
        kinesis.create_stream(StreamName="copy", ShardCount=2)
        body = "".join(map(record, range(count))).encode()
        for key in ("days/1.jsonl", "else.jsonl"):
            s3.put_object(Bucket="exports", Key=key, Body=body)

        ended = execute(local, machine, {"key": "days/1.jsonl"})
        assert ended.status == "SUCCEEDED", (ended.last_state, ended.error, ended.cause)
        calls = [event for event in ended.history if event["type"] == "TaskSucceeded"]
        assert len(calls) > 1, "it never went on"
        assert read(kinesis, "copy") == list(range(count))

        ended = execute(local, machine, {"key": "else.jsonl"})
        assert (ended.status, ended.error) == ("FAILED", "CrossRegion.NotAllowed")
        app.destroy("Records")


def read(kinesis, stream: str) -> list[int]:
    """The numbers of all records."""
    reader = Reader(kinesis, stream)
    reader.read()
    return sorted(int(text.split(":")[0]) for _, text in reader.without_it)
