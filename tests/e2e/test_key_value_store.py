"""`keyValueStore.sync` at the local AWS: several functions at once, and what a whole store costs, from an object.

A stale ETag is spelled as the local AWS does, and, by a proxy between, as AWS does. The costs are, with `PROVE`, those
of 20,000 and of 60,000 keys.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from support.edge import entries
from support.ministack import Ministack, ministack
from support.passing import Answer, Asked, passing
from support.runtime_api import Function, function
from support.stores import HERE, environment, store

THERE = "us-west-2"
BUCKET = "exports"
SIZES = [20_000, 60_000] if "PROVE" in os.environ else [2_000]
# As many keys, thrice as many, and as many bytes as a store holds.
FULL = [20_000, 60_000] if "PROVE" in os.environ else [6_000, 18_000]
STORE_LIMIT = 5 * 1024 * 1024
TABLE = [
    {"procedure": "keyValueStore.sync", "regions": [HERE, THERE, "*global*"], "sources": [{"bucket": BUCKET}]},
]
# What a function of 128 MB has beside its runtime.
MEMORY_LIMIT_KIB = 100 * 1024


@pytest.fixture(scope="module")
def named() -> Iterator[Ministack]:
    with ministack(names=True) as local:
        local.client("s3", THERE).create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": THERE})
        yield local


def as_aws_says(_: Asked, forward: Callable[[], Answer]) -> Answer:
    """The local AWS has 409 and another name for a stale ETag."""
    answer = forward()
    if answer.status != 409:
        return answer
    body = json.dumps({"__type": "ValidationException", "Message": "Pre-Condition failed"}).encode()
    return Answer(400, answer.headers, body)


def items(letter: str, count: int) -> dict[str, str]:
    return {f"{letter}/{at}": letter * 20 for at in range(count)}


def at_once(local: Ministack, url: str | None, binary, arn: str, wants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    table = [{"procedure": "keyValueStore.sync", "regions": [HERE, "*global*"]}]
    answers: dict[int, Any] = {}

    def run(at: int, running: Function) -> None:
        answers[at] = running.invoke(
            {"procedure": "keyValueStore.sync", "region": HERE, "parameters": {"KvsARN": arn, **wants[at]}}
        )

    with ExitStack() as stack:
        functions = [stack.enter_context(function([binary], environment(local, url), table)) for _ in wants]
        threads = [threading.Thread(target=run, args=it) for it in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [answers[at].kind for at in range(len(wants))] == ["response"] * len(wants), answers
    return [answers[at].json() for at in range(len(wants))]


def wanted(entries: dict[str, str], **more: str) -> dict[str, Any]:
    return {"Items": [{"Key": key, "Value": value} for key, value in entries.items()], **more}


@pytest.mark.parametrize("say", [None, as_aws_says], ids=["as the local AWS says", "as AWS says"])
def test_three_at_once(binary, named, say):
    letters = "abc"
    with ExitStack() as stack:
        url = None
        if say:
            door = stack.enter_context(passing(say))
            door.target, url = named.url, door.url
        apart = store(named, f"apart-{bool(say)}")
        wants = [wanted(items(it, 150), mode="exclusive", keyPrefix=f"{it}/") for it in letters]
        told = at_once(named, url, binary, apart, wants)
        assert entries(named, apart) == items("a", 150) | items("b", 150) | items("c", 150)
        assert [result["batches"] for result in told] == [3, 3, 3]
        conflicts = sum(result["conflicts"] for result in told)

        same = store(named, f"same-{bool(say)}")
        sets = [items("a", 100) | items(it, 100) for it in letters]
        told = at_once(named, url, binary, same, [wanted(it, mode="exclusive") for it in sets])
        assert entries(named, same) in sets
        conflicts += sum(result["conflicts"] for result in told)
    assert conflicts > 0, "they never met"


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
    held = {f"covers/{at:06}.png": "2030-02-01T00:00:00+09:00" for at in range(size)}
    changed = {
        key: "2031-02-01T00:00:00+09:00" if at % 100 == 0 else release for at, (key, release) in enumerate(held.items())
    }
    rows = []
    with function([binary], environment(named), TABLE) as running:
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


@pytest.mark.timeout(600)
def test_a_full_store_takes_the_same_memory_however_many_keys_it_has(binary, named, capsys):
    peaks = []
    for count in FULL:
        value = "v" * (STORE_LIMIT // count - len("covers/000000"))
        lines = "\n".join(f"covers/{at:06},{value}" for at in range(count))
        named.client("s3", THERE).put_object(Bucket=BUCKET, Key="full.csv", Body=f"Key,Value\n{lines}".encode())
        with function([binary], environment(named), TABLE) as running:
            result, cost = sync(running, store(named, f"full-{count}"), "full.csv")
        assert (result["put"], result["batches"]) == (count, count // 50)
        peaks.append(cost["peak_mib"])
        with capsys.disabled():
            print(f"\n| a full store | {count:,} | {cost['cpu_s']:.2f} | {cost['peak_mib']:.1f} |", end="")
    assert peaks[1] <= peaks[0] * 1.1, peaks


def test_any_object_fits_into_the_smallest_function(binary, named):
    """As many items as are taken, with as much around them as nobody would write."""
    count = 200_000
    items = "\n".join(f'{{"Key":"{at:06}","Value":"{"v" * 20}"}}' for at in range(count))
    body = (items + ("\n" + " " * 1023) * (48 << 10)).encode()
    named.client("s3", THERE).put_object(Bucket=BUCKET, Key="largest", Body=body)
    asked = {
        "procedure": "keyValueStore.sync",
        "region": HERE,
        "parameters": {
            "KvsARN": store(named, "largest"),
            "mode": "merge",
            "dryRun": True,
            "itemsFrom": {"Bucket": BUCKET, "Key": "largest", "region": THERE, "format": "jsonLines"},
        },
    }
    with function([binary], environment(named), TABLE) as running:
        answer = running.invoke(asked, deadline_s=60)
        assert answer.kind == "response", answer
        assert (answer.json()["put"], answer.json()["batches"]) == (count, count // 50)
        peak = running.memory_kib("VmHWM")
    print(f"{peak / 1024:.1f} MiB")
    assert peak < MEMORY_LIMIT_KIB
