//! Amazon Kinesis Data Streams: blobs, timestamps, big hash keys, and the account that an ARN or id brings into the host.

use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, ScalingType, ShardFilter, ShardFilterType, ShardIteratorType, StreamMode,
    StreamModeDetails,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::procedure::kpl::{self, Aggregate, Keys, Record};
use tests::wire::Form;

use crate::{Suite, case, client};

const ACTIONS: [&str; 11] = [
    "addTagsToStream",
    "createStream",
    "describeStreamSummary",
    "getRecords",
    "getShardIterator",
    "listShards",
    "listStreams",
    "putRecord",
    "putRecords",
    "registerStreamConsumer",
    "updateShardCount",
];

const STREAM: &str = "arn:aws:kinesis:us-west-2:123456789012:stream/orders";

/// Three user records in one, as the library `aws-kinesis-agg` writes them, and the MD5 of the first one's key.
const AGGREGATED: &str = "f3899ac20a03706b310a03706b3212033132331a0908001a0568656c6c6f1a0b080110001a05776f726c641a070800\
                          1a0300ff21cba7eb507096fff9f0067816c8ee085c";
const FIRST_HASH: &str = "329398341438914906102347661116985167824";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one case after another")]
async fn requests() {
    let mut suite = Suite::new("typed oracle, kinesis", "kinesis", Form::Json, &ACTIONS);
    let client = client!(aws_sdk_kinesis, suite.typed());

    case!(
        suite,
        "putRecord",
        {"StreamName": "orders", "PartitionKey": "é 1", "Data": "AP8=", "ExplicitHashKey": "340282366920938463463374607431768211455"},
        client
            .put_record()
            .stream_name("orders")
            .partition_key("é 1")
            .data(Blob::new([0, 255]))
            .explicit_hash_key("340282366920938463463374607431768211455")
    );
    case!(
        suite,
        "putRecord",
        {"StreamARN": STREAM, "PartitionKey": "1", "Data": {"$text": ""}},
        client.put_record().stream_arn(STREAM).partition_key("1").data(Blob::new([]))
    );
    let entry = |key: &str, data: &str| {
        PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data)).build().unwrap()
    };
    case!(
        suite,
        "putRecords",
        {"StreamARN": STREAM, "Records": [{"PartitionKey": "1", "Data": {"$text": "one"}}, {"PartitionKey": "2", "Data": {"$json": {"n": 2}}}]},
        client.put_records().stream_arn(STREAM).records(entry("1", "one")).records(entry("2", "{\"n\":2}"))
    );
    case!(
        suite,
        "putRecords",
        {"StreamARN": STREAM, "Records": [{"Data": STANDARD.encode(aggregated()), "PartitionKey": "a", "ExplicitHashKey": kpl::hash_of("pk1").to_string()}]},
        client.put_records().stream_arn(STREAM).records(
            PutRecordsRequestEntry::builder()
                .data(Blob::new(hex::decode(AGGREGATED).unwrap()))
                .partition_key("a")
                .explicit_hash_key(FIRST_HASH)
                .build()
                .unwrap()
        )
    );
    case!(
        suite,
        "getShardIterator",
        {"StreamARN": STREAM, "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": "2026-01-02T03:04:05.678Z"},
        client
            .get_shard_iterator()
            .stream_arn(STREAM)
            .shard_id("shardId-000000000000")
            .shard_iterator_type(ShardIteratorType::AtTimestamp)
            .timestamp(DateTime::from_millis(1_767_323_045_678))
    );
    case!(
        suite,
        "getRecords",
        {"ShardIterator": "AAAA+/=", "Limit": 100, "StreamARN": STREAM},
        client.get_records().shard_iterator("AAAA+/=").limit(100).stream_arn(STREAM)
    );
    case!(
        suite,
        "listShards",
        {"StreamName": "orders", "MaxResults": 10, "ShardFilter": {"Type": "FROM_TIMESTAMP", "Timestamp": 1_767_323_045},
         "StreamCreationTimestamp": "2026-01-02T03:04:05+09:00"},
        client
            .list_shards()
            .stream_name("orders")
            .max_results(10)
            .shard_filter(
                ShardFilter::builder()
                    .r#type(ShardFilterType::FromTimestamp)
                    .timestamp(DateTime::from_secs(1_767_323_045))
                    .build()
                    .unwrap()
            )
            .stream_creation_timestamp(DateTime::from_secs(1_767_290_645))
    );
    case!(
        suite,
        "createStream",
        {"StreamName": "orders", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "Tags": {"a": "b"}},
        client
            .create_stream()
            .stream_name("orders")
            .stream_mode_details(
                StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build().unwrap()
            )
            .tags("a", "b")
    );
    case!(
        suite,
        "updateShardCount",
        {"StreamARN": STREAM, "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"},
        client
            .update_shard_count()
            .stream_arn(STREAM)
            .target_shard_count(4)
            .scaling_type(ScalingType::UniformScaling)
    );
    case!(
        suite,
        "addTagsToStream",
        {"StreamName": "orders", "Tags": {"k": "v", "é": ""}},
        client.add_tags_to_stream().stream_name("orders").tags("k", "v").tags("é", "")
    );
    case!(
        suite,
        "registerStreamConsumer",
        {"StreamARN": STREAM, "ConsumerName": "c"},
        client.register_stream_consumer().stream_arn(STREAM).consumer_name("c")
    );
    case!(
        suite,
        "describeStreamSummary",
        {"StreamARN": STREAM},
        client.describe_stream_summary().stream_arn(STREAM)
    );
    case!(suite, "listStreams", {}, client.list_streams());
    case!(suite, "listStreams", {"Limit": 1}, client.list_streams().limit(1));

    suite.finish();
}

/// As `kinesis.putAggregated` sends them.
fn aggregated() -> Vec<u8> {
    let mut aggregate = Aggregate::default();
    for (partition_key, explicit_hash_key, data) in
        [("pk1", None, &b"hello"[..]), ("pk2", Some("123"), b"world"), ("pk1", None, b"\x00\xff!")]
    {
        aggregate.push(Record { keys: Keys { partition_key, explicit_hash_key }, data, tags: &[] });
    }
    aggregate.encode()
}
