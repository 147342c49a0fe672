"""What takes more than one call, in state machines on the local AWS: pages, waits, what batches leave, and results
that are stored.

The local AWS never leaves a part of a batch, so that a server of this suite stands in for Kinesis there.
"""

import contextlib
import hashlib
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.cdk import Cdk
from support.executions import Execution, execute
from support.ministack import Ministack, ministack

HERE = "ap-northeast-1"
THERE = "us-west-2"
APP = Path(__file__).parent / "apps" / "several"
KEYS = [f"folder/{at:05}" for at in range(10_000)]
#: A minute of waiting takes a tenth of a second.
SCALE = 1 / 600


@dataclass(frozen=True)
class Cloud:
    local: Ministack
    machines: dict[str, str]
    #: How many records each call brought.
    batches: list[int]

    def execute(self, machine: str, told: Any) -> Execution:
        return execute(self.local, self.machines[f"{machine}Arn"], told)

    def lines(self) -> list[dict[str, Any]]:
        """What the function logged, an invocation a line."""
        logs = self.local.client("logs", HERE)
        groups = logs.describe_log_groups()["logGroups"]
        events = [
            event
            for group in groups
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            for event in page["events"]
        ]
        told = [event["message"] for event in events if event["message"].startswith("{")]
        return [line for line in map(json.loads, told) if "outcome" in line]


@pytest.fixture(scope="module")
def cloud(binary) -> Iterator[Cloud]:
    with ministack(SFN_WAIT_SCALE=str(SCALE)) as local, leaving() as (endpoint, batches):
        app = Cdk(local.url, HERE, APP, local.home, {"ENDPOINT": endpoint})
        app.bootstrap()
        machines = app.deploy("Several")
        s3 = local.client("s3", THERE)
        s3.create_bucket(Bucket="several", CreateBucketConfiguration={"LocationConstraint": THERE})
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: s3.put_object(Bucket="several", Key=key), KEYS))
        yield Cloud(local, machines, batches)


@contextlib.contextmanager
def leaving() -> Iterator[tuple[str, list[int]]]:
    """A Kinesis that takes the first record of each call and throttles the others."""
    batches: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            records = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Records"]
            batches.append(len(records))
            throttled = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
            answers = [{"SequenceNumber": str(len(batches)), "ShardId": "s"}, *[throttled] * (len(records) - 1)]
            body = json.dumps({"FailedRecordCount": len(records) - 1, "Records": answers}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", batches
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_ten_thousand_keys_are_ten_requests(cloud):
    ended = cloud.execute("AllPages", {})
    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output == {"result": KEYS, "resume": None}
    (line,) = [line for line in cloud.lines() if line["action"] == "listObjectsV2"]
    assert line["attempts"] == 10


def test_a_state_machine_goes_on_where_the_pages_were_cut(cloud):
    ended = cloud.execute("PageByPage", {})
    assert ended.status == "SUCCEEDED", ended.cause
    # Four pages, four, and the last two.
    assert ended.output == {"result": KEYS[8_000:], "resume": None}
    assert [line["attempts"] for line in cloud.lines() if line["action"] == "listObjectsV2"][-3:] == [4, 4, 2]


def test_a_wait_ends_when_what_it_waits_for_has_come(cloud):
    created = threading.Timer(0.5, _create_table, [cloud.local, "late"])
    created.start()
    ended = cloud.execute("TableExists", {})
    created.join()
    assert ended.status == "SUCCEEDED", ended.cause
    assert _looks(ended) >= 2


def test_a_wait_of_an_hour_is_as_many_invocations_as_looks(cloud):
    _create_table(cloud.local, "there")
    before = len(cloud.lines())
    started = time.monotonic()
    ended = cloud.execute("AnHour", {})
    assert (ended.status, ended.error) == ("FAILED", "CrossRegion.NotReady")
    assert _looks(ended) == 60
    assert time.monotonic() - started >= 59 * 60 * SCALE
    assert len(cloud.lines()) - before == 60


def test_what_a_batch_left_is_sent_again(cloud):
    records = [{"Data": "AAAA", "PartitionKey": f"{at}"} for at in range(5)]
    ended = cloud.execute("Batch", {"records": records})
    assert ended.status == "SUCCEEDED", ended.cause
    assert cloud.batches == [5, 4, 3, 2, 1]
    assert [record["SequenceNumber"] for record in ended.output["Records"]] == ["1", "2", "3", "4", "5"]
    assert ended.output["FailedRecordCount"] == 0


def test_an_object_goes_to_a_bucket_here(cloud):
    # Three parts.
    video = random.Random(17).randbytes(17 << 20)
    there = cloud.local.client("s3", THERE)
    there.create_bucket(Bucket="videos", CreateBucketConfiguration={"LocationConstraint": THERE})
    there.put_object(Bucket="videos", Key="one", Body=video, ContentType="video/mp4")
    ended = cloud.execute("StoreObject", {"key": "one"})
    assert ended.status == "SUCCEEDED", ended.cause
    stored = ended.output["resultTo"]
    assert (stored["size"], stored["sha256"]) == (len(video), hashlib.sha256(video).hexdigest())
    assert "Body" not in ended.output
    here = cloud.local.client("s3", HERE)
    found = here.get_object(Bucket=stored["bucket"], Key=stored["key"])
    assert (found["Body"].read(), found["ContentType"]) == (video, "video/mp4")
    assert "Uploads" not in here.list_multipart_uploads(Bucket="results")


def test_pages_that_are_larger_than_a_state_go_to_a_bucket_here(cloud):
    ended = cloud.execute("StorePages", {})
    assert ended.status == "SUCCEEDED", ended.cause
    assert set(ended.output) == {"$metadata", "resultTo"}
    found = cloud.local.client("s3", HERE).get_object(Bucket="results", Key="keys.json")
    body = found["Body"].read()
    assert (len(body), found["ContentType"]) == (ended.output["resultTo"]["size"], "application/json")
    assert [entry["Key"] for entry in json.loads(body)["Contents"]] == KEYS


def _create_table(local: Ministack, name: str) -> None:
    local.client("dynamodb", THERE).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _looks(ended: Execution) -> int:
    return sum(event["type"] in ("LambdaFunctionScheduled", "TaskScheduled") for event in ended.history)
