//! Amazon S3: names and keys that are awkward, customer keys, checksums, directory buckets, access points.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, ChecksumAlgorithm, CompletedMultipartUpload,
    CompletedPart, CreateBucketConfiguration, Delete, MetadataDirective, ObjectIdentifier, Tag, Tagging,
    VersioningConfiguration,
};
use serde_json::json;
use tests::wire::Form;

use crate::{Suite, case, client};

const ACTIONS: [&str; 18] = [
    "abortMultipartUpload",
    "completeMultipartUpload",
    "copyObject",
    "createBucket",
    "createSession",
    "deleteObject",
    "deleteObjects",
    "getBucketLocation",
    "getObject",
    "headBucket",
    "headObject",
    "listBuckets",
    "listObjectsV2",
    "putBucketPolicy",
    "putBucketVersioning",
    "putObject",
    "putObjectTagging",
    "uploadPart",
];

const EXPRESS: &str = "fast--usw2-az1--x-s3";
const ACCESS_POINT: &str = "arn:aws:s3:us-west-2:123456789012:accesspoint/reports";
const MULTI_REGION: &str = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap";
const OUTPOST: &str =
    "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01234567890123456/accesspoint/reports";

/// Every character that one layer or another treats in its own way.
const AWKWARD: &str = "a b+c%20d/é/.././/ü&=?#;:@$,'()*!~[]{}|^`\"<>\\日本";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one case after another")]
async fn requests() {
    let mut suite = Suite::new("typed oracle, s3", "s3", Form::Xml, &ACTIONS);
    let client = client!(aws_sdk_s3, suite.typed());

    case!(suite, "getObject", {"Bucket": "b", "Key": "k"}, client.get_object().bucket("b").key("k"));
    for key in ["photos/2026/a b.jpg", "plain", "+", "a//b", "trailing/", "日本/é", AWKWARD, "%41", "~-_."]
    {
        case!(suite, "getObject", {"Bucket": "b", "Key": key}, client.get_object().bucket("b").key(key));
    }
    case!(
        suite,
        "getObject",
        {"Bucket": "name.with.dots", "Key": "k", "Range": "bytes=0-9", "VersionId": "v 1", "ResponseContentType": "text/plain; charset=utf-8"},
        client
            .get_object()
            .bucket("name.with.dots")
            .key("k")
            .range("bytes=0-9")
            .version_id("v 1")
            .response_content_type("text/plain; charset=utf-8")
    );
    case!(
        suite,
        "headObject",
        {"Bucket": "b", "Key": "k", "IfModifiedSince": "2026-01-02T03:04:05Z", "ChecksumMode": "ENABLED"},
        client
            .head_object()
            .bucket("b")
            .key("k")
            .if_modified_since(aws_sdk_s3::primitives::DateTime::from_secs(1_767_323_045))
            .checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled)
    );
    case!(
        suite,
        "putObject",
        {"Bucket": "b", "Key": "k", "Body": "hello", "ContentType": "text/plain", "Metadata": {"Title": "a b", "n": "1"}, "Tagging": "a=b&c=d%20e"},
        client
            .put_object()
            .bucket("b")
            .key("k")
            .body(ByteStream::from_static(b"hello"))
            .content_type("text/plain")
            .metadata("Title", "a b")
            .metadata("n", "1")
            .tagging("a=b&c=d%20e")
    );
    case!(
        suite,
        "putObject",
        {"Bucket": "b", "Key": "k", "Body": "hello", "ChecksumAlgorithm": "SHA256"},
        client
            .put_object()
            .bucket("b")
            .key("k")
            .body(ByteStream::from_static(b"hello"))
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
    );
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1"] {
        case!(
            suite,
            "putObject",
            {"Bucket": "b", "Key": "k", "Body": "hello", "ChecksumAlgorithm": algorithm},
            client
                .put_object()
                .bucket("b")
                .key("k")
                .body(ByteStream::from_static(b"hello"))
                .checksum_algorithm(ChecksumAlgorithm::from(algorithm))
        );
    }
    case!(
        suite,
        "putObject",
        {"Bucket": "b", "Key": "k", "Body": "hello", "ChecksumCRC32C": "yZRlqg=="},
        client
            .put_object()
            .bucket("b")
            .key("k")
            .body(ByteStream::from_static(b"hello"))
            .checksum_crc32_c("yZRlqg==")
    );
    // Without a body the generated client makes up an empty one, with a media type.
    case!(
        suite,
        "putObject",
        {"Bucket": "b", "Key": "empty", "Body": ""},
        client.put_object().bucket("b").key("empty")
    );
    case!(
        suite,
        "uploadPart",
        {"Bucket": "b", "Key": "k", "UploadId": "u+/=", "PartNumber": 3, "Body": "part",
         "SSECustomerAlgorithm": "AES256", "SSECustomerKey": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "SSECustomerKeyMD5": "hRasmdxgYDKV3nvbahU1MA=="},
        client
            .upload_part()
            .bucket("b")
            .key("k")
            .upload_id("u+/=")
            .part_number(3)
            .body(ByteStream::from_static(b"part"))
            .sse_customer_algorithm("AES256")
            .sse_customer_key("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
            .sse_customer_key_md5("hRasmdxgYDKV3nvbahU1MA==")
    );
    case!(
        suite,
        "copyObject",
        {"Bucket": "b", "Key": "k", "CopySource": "other/a%20b?versionId=1", "MetadataDirective": "REPLACE", "Metadata": {"a": "b"}},
        client
            .copy_object()
            .bucket("b")
            .key("k")
            .copy_source("other/a%20b?versionId=1")
            .metadata_directive(MetadataDirective::Replace)
            .metadata("a", "b")
    );
    let part = |number| CompletedPart::builder().part_number(number).e_tag(format!("\"e{number}\"")).build();
    case!(
        suite,
        "completeMultipartUpload",
        {"Bucket": "b", "Key": "k", "UploadId": "u", "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "\"e1\""}, {"PartNumber": 2, "ETag": "\"e2\""}]}},
        client.complete_multipart_upload().bucket("b").key("k").upload_id("u").multipart_upload(
            CompletedMultipartUpload::builder().parts(part(1)).parts(part(2)).build()
        )
    );
    case!(
        suite,
        "abortMultipartUpload",
        {"Bucket": "b", "Key": "k", "UploadId": "u"},
        client.abort_multipart_upload().bucket("b").key("k").upload_id("u")
    );
    let object = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    case!(
        suite,
        "deleteObjects",
        {"Bucket": "b", "Delete": {"Objects": [{"Key": "a<&>\"'b"}, {"Key": "line\nbreak\r"}], "Quiet": true}, "BypassGovernanceRetention": true},
        client
            .delete_objects()
            .bucket("b")
            .delete(
                Delete::builder()
                    .objects(object("a<&>\"'b"))
                    .objects(object("line\nbreak\r"))
                    .quiet(true)
                    .build()
                    .unwrap()
            )
            .bypass_governance_retention(true)
    );
    case!(
        suite,
        "deleteObject",
        {"Bucket": "b", "Key": "k", "IfMatch": "\"e\""},
        client.delete_object().bucket("b").key("k").if_match("\"e\"")
    );
    case!(
        suite,
        "listObjectsV2",
        {"Bucket": "b", "Prefix": "a b/+&", "Delimiter": "/", "MaxKeys": 7, "ContinuationToken": "t/+=", "FetchOwner": false},
        client
            .list_objects_v2()
            .bucket("b")
            .prefix("a b/+&")
            .delimiter("/")
            .max_keys(7)
            .continuation_token("t/+=")
            .fetch_owner(false)
    );
    case!(suite, "listBuckets", {}, client.list_buckets());
    case!(suite, "headBucket", {"Bucket": "b"}, client.head_bucket().bucket("b"));
    case!(
        suite,
        "createBucket",
        {"Bucket": "b", "CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}},
        client.create_bucket().bucket("b").create_bucket_configuration(
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::UsWest2)
                .build()
        )
    );
    case!(
        suite,
        "putBucketVersioning",
        {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}},
        client.put_bucket_versioning().bucket("b").versioning_configuration(
            VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build()
        )
    );
    case!(
        suite,
        "putBucketPolicy",
        {"Bucket": "b", "Policy": {"$json": {"Version": "2012-10-17", "Statement": []}}, "ExpectedBucketOwner": "123456789012"},
        client
            .put_bucket_policy()
            .bucket("b")
            .policy(json!({"Version": "2012-10-17", "Statement": []}).to_string())
            .expected_bucket_owner("123456789012")
    );
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    case!(
        suite,
        "putObjectTagging",
        {"Bucket": "b", "Key": "k", "Tagging": {"TagSet": [{"Key": "a", "Value": ""}, {"Key": "é", "Value": " b "}]}},
        client.put_object_tagging().bucket("b").key("k").tagging(
            Tagging::builder().tag_set(tag("a", "")).tag_set(tag("é", " b ")).build().unwrap()
        )
    );
    for bucket in [ACCESS_POINT, MULTI_REGION, OUTPOST] {
        case!(
            suite,
            "getObject",
            {"Bucket": bucket, "Key": "a b/é"},
            client.get_object().bucket(bucket).key("a b/é")
        );
        case!(
            suite,
            "putObject",
            {"Bucket": bucket, "Key": "k", "Body": "x"},
            client.put_object().bucket(bucket).key("k").body(ByteStream::from_static(b"x"))
        );
    }
    // The first call opens a session, the others use it.
    case!(suite, "getObject", {"Bucket": EXPRESS, "Key": "k"}, client.get_object().bucket(EXPRESS).key("k"));
    case!(
        suite,
        "putObject",
        {"Bucket": EXPRESS, "Key": AWKWARD, "Body": "x"},
        client.put_object().bucket(EXPRESS).key(AWKWARD).body(ByteStream::from_static(b"x"))
    );
    case!(suite, "headBucket", {"Bucket": EXPRESS}, client.head_bucket().bucket(EXPRESS));
    case!(
        suite,
        "listObjectsV2",
        {"Bucket": EXPRESS, "Prefix": "p/"},
        client.list_objects_v2().bucket(EXPRESS).prefix("p/")
    );

    suite.finish();
}
