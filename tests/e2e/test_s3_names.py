"""Objects and buckets whose names are awkward, over a real connection to a real server.

Each object is written, read, listed, copied and deleted by the function; that it lies under the very same name is
another client's word.
"""

from urllib.parse import quote

import pytest

from e2e.events import REGION, event, permit
from support import aws
from support.runtime_api import function

BUCKETS = ["plain-bucket", "bucket.with.dots"]
ACTIONS = [
    "copyObject",
    "createBucket",
    "deleteObjects",
    "getBucketLocation",
    "getObject",
    "headObject",
    "listObjectsV2",
    "putObject",
]
KEYS = [
    "plain",
    "a b",
    "a+b",
    "a%20b",
    "%",
    "%2F",
    "50%/é",
    "日本/語",
    "\U0001f600",
    "&=?#;:@$,",
    "'()*!~",
    '[]{}|^`"<>\\',
    "a/b/c",
    "trailing/",
    "a//b",
    ".hidden/..dots",
    "-_.~",
    "tab\there",
    "k" * 1024,
]


@pytest.fixture(scope="module")
def running(binary, local):
    local.reset()
    environment = aws.environment(local.url, "ap-northeast-1")
    with function([binary], environment, [permit("s3", *ACTIONS)]) as started:
        for bucket in BUCKETS:
            succeed(started, "createBucket", Bucket=bucket)
        yield started


@pytest.fixture(scope="module")
def client(local):
    return local.client("s3", REGION)


def succeed(running, action, **parameters):
    answer = running.invoke(event("s3", action, parameters=parameters))
    assert answer.kind == "response", answer
    return answer.json()


@pytest.mark.parametrize("bucket", BUCKETS)
def test_bucket_is_in_the_region_of_the_call(running, client, bucket):
    assert succeed(running, "getBucketLocation", Bucket=bucket)["LocationConstraint"] == REGION
    assert client.get_bucket_location(Bucket=bucket)["LocationConstraint"] == REGION


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key[:20]))
def test_object_lies_under_its_name(running, client, bucket, key):
    copy = f"copy of {key}"[:1024]
    succeed(running, "putObject", Bucket=bucket, Key=key, Body=key)
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read().decode() == key
    assert succeed(running, "getObject", Bucket=bucket, Key=key)["Body"] == key
    assert succeed(running, "headObject", Bucket=bucket, Key=key)["ContentLength"] == len(key.encode())
    listed = succeed(running, "listObjectsV2", Bucket=bucket, Prefix=key)
    assert [entry["Key"] for entry in listed["Contents"]] == [key]

    succeed(running, "copyObject", Bucket=bucket, Key=copy, CopySource=quote(f"{bucket}/{key}"))
    assert client.get_object(Bucket=bucket, Key=copy)["Body"].read().decode() == key

    objects = [{"Key": key}, {"Key": copy}]
    deleted = succeed(running, "deleteObjects", Bucket=bucket, Delete={"Objects": objects})
    assert {entry["Key"] for entry in deleted["Deleted"]} == {key, copy}
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
