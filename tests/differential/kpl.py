"""What two others make of the aggregated format: the library `aws-kinesis-agg`, and protobuf's own runtime.

    python -m differential.kpl

reads one JSON object: `pack`, batches of user records, each a partition key, an explicit hash key or null, and a
payload; `unpack`, records of a stream. It writes one: `packed`, what the library makes of each batch; `unpacked`, the
user records that the library finds in each record, or null where it takes it for a plain one; `parsed`, the message as
protobuf reads it, or null where it does not or where a required field is missing. Bytes are base64, keys as well.
"""

import base64
import contextlib
import hashlib
import io
import json
import sys

import aws_kinesis_agg
from aws_kinesis_agg import aggregator, deaggregator, messages_pb2
from google.protobuf.message import DecodeError


def told(text):
    """Protobuf gives a string that is no text as bytes."""
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def packed(batch):
    record = aggregator.AggRecord(max_size=1 << 20)
    for partition_key, explicit_hash_key, data in batch:
        if not record.add_user_record(partition_key, base64.b64decode(data), explicit_hash_key):
            raise ValueError("a batch does not fit")
    return told(record.get_contents()[2])


def unpacked(raw):
    event = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "outer",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 0,
            "data": raw,
        }
    }
    found = []
    # At an index beyond a table it stops, and tells of it there; for some it fails at telling.
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(IndexError, TypeError):
        for record in deaggregator.iter_deaggregate_records([event]):
            if record is event:
                return None
            user = record["kinesis"]
            hash_key = user["explicitHashKey"]
            found.append(
                [
                    told(user["partitionKey"]),
                    None if hash_key is None else told(hash_key),
                    user["data"].decode(),
                    user["subSequenceNumber"],
                ]
            )
    return found


def parsed(raw):
    content = base64.b64decode(raw)
    magic, message, digest = content[:4], content[4:-16], content[-16:]
    if magic != aws_kinesis_agg.MAGIC or not message or hashlib.md5(message).digest() != digest:
        return None
    aggregated = messages_pb2.AggregatedRecord()
    try:
        aggregated.ParseFromString(message)
    except DecodeError:
        return None
    if not aggregated.IsInitialized():
        return None
    return {
        "partition_keys": [told(key) for key in aggregated.partition_key_table],
        "explicit_hash_keys": [told(key) for key in aggregated.explicit_hash_key_table],
        "records": [
            [
                str(record.partition_key_index),
                str(record.explicit_hash_key_index) if record.HasField("explicit_hash_key_index") else None,
                told(record.data),
                [[told(tag.key), told(tag.value) if tag.HasField("value") else None] for tag in record.tags],
            ]
            for record in aggregated.records
        ],
    }


def main():
    asked = json.load(sys.stdin)
    answer = {
        "packed": [packed(batch) for batch in asked["pack"]],
        "unpacked": [unpacked(raw) for raw in asked["unpack"]],
        "parsed": [parsed(raw) for raw in asked["unpack"]],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
