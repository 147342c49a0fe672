"""KeyValueStores of the local AWS, which functions reach by its names and other writers without a signature.

A local AWS that runs with names enters; stores, the environment of a function that reaches them, and writes of somebody
else leave. Fails where a write is refused for another reason than its ETag.
"""

import json
import urllib.error
import urllib.request

from support import aws
from support.ministack import Ministack

HERE = "ap-northeast-1"


def store(local: Ministack, name: str) -> str:
    """The ARN of a new store."""
    return local.client("cloudfront", "us-east-1").create_key_value_store(Name=name)["KeyValueStore"]["ARN"]


def environment(local: Ministack, url: str | None = None) -> dict[str, str]:
    """Of a function; `url` is another way to the local AWS, through a proxy."""
    reached = (url or local.url).replace("127.0.0.1", "localhost")
    return aws.environment(reached, HERE) | {"LD_PRELOAD": str(local.home / "local_names.so")}


def write(local: Ministack, arn: str, puts: dict[str, str], deletes: list[str]) -> None:
    """One update of somebody else's, at whatever ETag the store has. It must not delete what is not there."""
    told = {
        "Puts": [{"Key": key, "Value": value} for key, value in puts.items()],
        "Deletes": [{"Key": key} for key in deletes],
    }
    while True:
        with urllib.request.urlopen(f"{local.url}/key-value-stores/{arn}", timeout=30) as described:
            etag = described.headers["ETag"]
        request = urllib.request.Request(
            f"{local.url}/key-value-stores/{arn}/keys",
            method="POST",
            headers={"If-Match": etag, "Content-Type": "application/json"},
            data=json.dumps({name: items for name, items in told.items() if items}).encode(),
        )
        try:
            urllib.request.urlopen(request, timeout=30).close()
            return
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
