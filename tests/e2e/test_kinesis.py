"""Aggregated records in streams of the local AWS, read back by what nobody here wrote, `aws-kinesis-agg`; streams that
this library, too, has written, relayed to another Region; and the example stream-relay, deployed.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from demo import stream_relay
from support import aws
from support.passing import Answer, Asked, passing
from support.process import plain_environment
from support.reader import Reader

HERE = "ap-northeast-1"
THERE = "us-west-2"
TABLE = [{"procedure": name, "regions": [HERE, THERE]} for name in ("kinesis.putAggregated", "kinesis.relay")]
LARGEST = (1 << 128) - 1


@pytest.fixture
def run(binary, local, tmp_path) -> Callable[..., dict[str, Any]]:
    """One event, in a person's hands."""
    (tmp_path / "table.json").write_text(json.dumps(TABLE))

    def run(procedure: str, parameters: dict[str, Any], url: str = local.url) -> dict[str, Any]:
        event = {"procedure": procedure, "region": THERE, "parameters": parameters}
        done = subprocess.run(
            [binary, "call", "--event", "-", "--table", "table.json"],
            cwd=tmp_path,
            env={**plain_environment(tmp_path), **aws.environment(url, HERE)},
            input=json.dumps(event),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def users(count: int, name: str) -> list[tuple[str, str]]:
    return [(f"customer-{at % 50}", f"{name} {at}") for at in range(count)]


def stream(client, name: str, shards: int) -> Reader:
    client.create_stream(StreamName=name, ShardCount=shards)
    client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    return Reader(client, name)


def given(users: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"PartitionKey": key, "Data": {"$text": text}} for key, text in users]


def test_another_reader_finds_every_record_once(run, local):
    reader = stream(local.client("kinesis", THERE), "put", 4)
    sent = users(1_000, "order")
    result = run("kinesis.putAggregated", {"StreamName": "put", "Records": given(sent)})
    reader.read()
    assert Counter(reader.without_it) == Counter(reader.under_the_rule) == Counter(sent)
    assert (result["put"], result["records"], result["requests"]) == (1_000, reader.records, 1)
    assert reader.records < 20

    run("kinesis.putAggregated", {"StreamName": "put", "Records": given([("alone", "as it is")])})
    reader.read()
    assert reader.without_it[-1] == ("alone", "as it is")


def test_shards_are_split_while_records_are_on_their_way(run, local):
    client = local.client("kinesis", THERE)
    reader = stream(client, "split", 2)

    def split() -> None:
        # The local AWS forgets what a shard held that is split.
        reader.read()
        for shard in client.list_shards(StreamName="split")["Shards"]:
            first, last = (int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
            middle = str((first + last) // 2 + 1)
            client.split_shard(StreamName="split", ShardToSplit=shard["ShardId"], NewStartingHashKey=middle)

    def split_before_the_first(_: Asked, forward: Callable[[], Answer]) -> Answer:
        if [one.operation for one in proxy.requests] == ["ListShards", "PutRecords"]:
            split()
        return forward()

    with passing(split_before_the_first) as proxy:
        proxy.target = local.url
        sent = users(600, "order")
        parameters = {"StreamName": "split", "Records": given(sent), "targetSize": 2_000}
        result = run("kinesis.putAggregated", parameters, url=proxy.url)
        operations = [one.operation for one in proxy.requests]
    reader.read()
    assert operations == ["ListShards", "PutRecords", "ListShards", "PutRecords"]
    assert Counter(reader.under_the_rule) == Counter(sent)
    assert result["misplaced"] > 0
    twice = len(reader.without_it) - len(sent)
    print(f"{result['misplaced']} records of the stream misplaced; {twice} user records twice without the rule")
    assert twice > 0


def test_a_stream_is_relayed_to_another_region(run, local):
    here = local.client("kinesis", HERE)
    stream(here, "orders", 2)
    reader = stream(local.client("kinesis", THERE), "copy", 3)
    checkpoint: dict[str, str] = {}
    sent: list[tuple[str, str]] = []
    for day in range(3):
        plain_ones, packed = users(200, f"plain {day}"), users(200, f"packed {day}")
        entries = [{"PartitionKey": key, "Data": text.encode()} for key, text in plain_ones]
        here.put_records(StreamName="orders", Records=entries)
        # As the other library writes them, which does not know of shards: all of a key go to one.
        for key in dict(packed):
            aggregator = RecordAggregator()
            for one, text in packed:
                if one == key:
                    aggregator.add_user_record(key, text.encode())
            outer, _, data = aggregator.clear_and_get().get_contents()
            here.put_record(StreamName="orders", PartitionKey=outer, Data=data)
        sent += plain_ones + packed
        source = {"region": HERE, "StreamName": "orders"}
        result = run("kinesis.relay", {"StreamName": "copy", "source": source, "checkpoint": checkpoint})
        assert (result["caughtUp"], result["put"], result["faulty"]) == (True, 400, 0)
        checkpoint = result["checkpoint"]
        reader.read()
        assert Counter(reader.without_it) == Counter(reader.under_the_rule) == Counter(sent)
    assert reader.records <= 3 * 2 * 3


def test_the_example_app_relays_orders_and_loses_none(binary):
    said: list[str] = []
    assert stream_relay.run(said.append), "\n".join(said)
