"""A reader of a Kinesis stream that unpacks with what nobody here wrote, PyPI's `aws-kinesis-agg`.

A client and the name of a stream enter; its user records leave, in the order in which each shard holds them, and how
many records of the stream they are. The rule of the Kinesis Client Library, which that library does not have, is
written out here: an aggregated record of which one user record lies outside of its shard is dropped.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from aws_kinesis_agg import deaggregator

# Bytes of data and key for which a stream in provisioned mode bills once.
PAYLOAD_UNIT = 25_000


class Reader:
    """Reads a stream shard by shard; may be called again while shards come and go."""

    def __init__(self, client, stream: str) -> None:
        self.client, self.stream = client, stream
        self.under_the_rule: list[tuple[str, str]] = []
        self.without_it: list[tuple[str, str]] = []
        self.records = 0
        self.payload_units = 0
        # By shard and sequence number, the user records of each record.
        self.shards: dict[str, dict[str, list[tuple[str, str]]]] = {}

    def read(self) -> None:
        for shard in self.client.list_shards(StreamName=self.stream)["Shards"]:
            known = {"StreamName": self.stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = self.client.get_shard_iterator(**known)["ShardIterator"]
            seen = self.shards.setdefault(shard["ShardId"], {})
            is_behind = True
            while is_behind:
                answer = self.client.get_records(ShardIterator=iterator)
                for record in answer["Records"]:
                    if record["SequenceNumber"] not in seen:
                        seen[record["SequenceNumber"]] = self._take(record, shard["HashKeyRange"])
                iterator, is_behind = answer.get("NextShardIterator"), answer["MillisBehindLatest"] > 0

    def up_to(self, checkpoint: Mapping[str, str]) -> list[tuple[str, str]]:
        """The user records that do not come after these places, one for each shard."""
        return [
            user
            for shard, records in self.shards.items()
            for number, users in records.items()
            if int(number) <= int(checkpoint.get(shard, 0))
            for user in users
        ]

    def _take(self, record: dict[str, Any], keys: dict[str, str]) -> list[tuple[str, str]]:
        self.records += 1
        self.payload_units += -(-(len(record["Data"]) + len(record["PartitionKey"])) // PAYLOAD_UNIT)
        users = [one["kinesis"] for one in deaggregator.iter_deaggregate_records([record], data_format="Boto3")]
        is_aggregated = users[0].get("aggregated", False)
        # The reader encodes what it has unpacked, and nothing else.
        told = [(one["partitionKey"], plain(one["data"], is_aggregated)) for one in users]
        self.without_it += told
        hashes = [int(hashlib.md5(key.encode()).hexdigest(), 16) for key, _ in told]
        first, last = int(keys["StartingHashKey"]), int(keys["EndingHashKey"])
        if not is_aggregated or all(first <= one <= last for one in hashes):
            self.under_the_rule += told
        return told


def plain(data: bytes, is_encoded: bool) -> str:
    return (base64.b64decode(data) if is_encoded else data).decode()
