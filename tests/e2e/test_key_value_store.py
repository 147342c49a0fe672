"""A whole store from an object: what it costs the function, in requests, CPU and memory, at the local AWS.

With `PROVE` for 20,000 and for 60,000 keys, and the table of it is printed.
"""

import os
import time
from collections.abc import Iterator

import pytest

from support import aws
from support.edge import entries
from support.ministack import Ministack, ministack
from support.runtime_api import Function, function

HERE = "ap-northeast-1"
THERE = "us-west-2"
BUCKET = "exports"
SIZES = [20_000, 60_000] if "PROVE" in os.environ else [2_000]
# What a function of 128 MB has beside its runtime.
MEMORY_LIMIT_KIB = 100 * 1024


@pytest.fixture(scope="module")
def named() -> Iterator[Ministack]:
    with ministack(names=True) as local:
        local.client("s3", THERE).create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": THERE})
        yield local


def store(local: Ministack, name: str) -> str:
    return local.client("cloudfront", "us-east-1").create_key_value_store(Name=name)["KeyValueStore"]["ARN"]


def environment(local: Ministack) -> dict[str, str]:
    url = local.url.replace("127.0.0.1", "localhost")
    return aws.environment(url, HERE) | {"LD_PRELOAD": str(local.home / "local_names.so")}


def sync(running: Function, arn: str, key: str) -> tuple[dict, dict[str, float]]:
    before, started = running.cpu_ms(), time.monotonic()
    asked = {
        "procedure": "keyValueStore.sync",
        "region": HERE,
        "parameters": {
            "KvsARN": arn,
            "mode": "exclusive",
            "itemsFrom": {"Bucket": BUCKET, "Key": key, "region": THERE, "format": "csv"},
        },
    }
    answer = running.invoke(asked, deadline_s=600)
    assert answer.kind == "response", answer
    cost = {
        "seconds": time.monotonic() - started,
        "cpu_s": (running.cpu_ms() - before) / 1000,
        "peak_mib": running.memory_kib("VmHWM") / 1024,
    }
    return answer.json(), cost


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", SIZES)
def test_what_a_store_costs(binary, named, size, capsys):
    arn = store(named, f"covers-{size}")
    table = [
        {
            "procedure": "keyValueStore.sync",
            "regions": [HERE, THERE, "*global*"],
            "sources": [{"bucket": BUCKET}],
        }
    ]
    held = {f"covers/{at:06}.png": "2030-02-01T00:00:00+09:00" for at in range(size)}
    changed = {
        key: "2031-02-01T00:00:00+09:00" if at % 100 == 0 else release for at, (key, release) in enumerate(held.items())
    }
    rows = []
    with function([binary], environment(named), table) as running:
        for name, wanted, batches in (
            ("into an empty store", held, size // 50),
            ("1 % changed", changed, -(-size // 100 // 50)),
            ("nothing changed", changed, 0),
        ):
            lines = "\r\n".join(f"{key},{release}" for key, release in wanted.items())
            named.client("s3", THERE).put_object(Bucket=BUCKET, Key="covers.csv", Body=f"Key,Value\r\n{lines}".encode())
            result, cost = sync(running, arn, "covers.csv")
            assert entries(named, arn) == wanted
            assert (result["batches"], result["conflicts"]) == (batches, 0)
            pages = 1 if name == "into an empty store" else size // 50
            # The object, the description, the listing, the writes.
            assert result["$metadata"]["attempts"] == 2 + pages + batches
            assert cost["peak_mib"] * 1024 < MEMORY_LIMIT_KIB
            rows.append((name, size, pages, batches, *cost.values()))
    with capsys.disabled():
        for name, keys, pages, writes, seconds, cpu, peak in rows:
            print(f"\n| {name} | {keys:,} | {pages} | {writes} | {seconds:.1f} | {cpu:.2f} | {peak:.1f} |", end="")
