"""Transfers by the real binary: memory that size does not move, and copies that outlive being killed.

Bytes go from one stand-in for S3 to another, both of which keep objects in files. 256 MiB and 1 GiB
are compared; in `make prove` also 5 GiB, and 50 rounds in which the function is killed.
"""

import json
import os
import random
import threading
import time
from pathlib import Path

import pytest

from support import aws
from support.object_files import ObjectFiles, build, object_files
from support.process import scratch
from support.runtime_api import FunctionError, function

MIB = 1 << 20
PROVE = "PROVE" in os.environ
SIZES = [256 * MIB, 1024 * MIB, *([5 * 1024 * MIB] if PROVE else [])]
ROUNDS = 50 if PROVE else 4
PEAK_LIMIT_KIB = 64 * 1024
ALLOWED_DIFFERENCE_KIB = 4 * 1024
# The least peak of some runs is compared: how many sockets are read from far ahead at once is chance, and moves a
# single run by some MiB, whatever the size. What grows with the size is there in each of them.
RUNS = 5
BUCKETS = {"source": "ap-northeast-1", "target": "us-west-2"}


@pytest.fixture(scope="module")
def sides():
    program = build()
    with object_files(program, BUCKETS) as source, object_files(program, BUCKETS) as target:
        yield source, target


@pytest.fixture
def files():
    with scratch("sources") as folder:
        yield folder


def source_of(size: int, folder: Path) -> Path:
    """Random bytes, repeated: what is lost, doubled or misplaced has another checksum."""
    path = folder / f"{size}"
    block = random.Random(size).randbytes(8 * MIB + 13)
    with path.open("wb") as file:
        left = size
        while left:
            left -= file.write(block[:left])
    return path


def event(source: ObjectFiles, **parameters) -> dict:
    place = {"bucket": "source", "key": "in", "region": "ap-northeast-1", "endpoint": source.url}
    return {
        "procedure": "s3.transfer",
        "region": "us-west-2",
        "parameters": {"source": place, "target": {"bucket": "target", "key": "out"}, **parameters},
    }


def table(source: ObjectFiles) -> list:
    return [
        {
            "procedure": "s3.transfer",
            "regions": list(BUCKETS.values()),
            "endpoints": [source.url],
            "sources": [{"bucket": "source"}],
            "results": [{"bucket": "target"}],
        }
    ]


@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_object(binary, sides, files):
    source, target = sides
    peaks = {}
    for size in SIZES:
        source.put("source", "in", source_of(size, files))
        peaks[size] = [peak(binary, source, target, size) for _ in range(RUNS)]
        (files / f"{size}").unlink()
    print(f"peaks in KiB: {peaks}")
    least = [min(of_size) for of_size in peaks.values()]
    assert max(max(of_size) for of_size in peaks.values()) < PEAK_LIMIT_KIB, peaks
    assert max(least) - min(least) <= ALLOWED_DIFFERENCE_KIB, peaks


def peak(binary, source: ObjectFiles, target: ObjectFiles, size: int) -> int:
    """KiB that a process of its own took to copy the object, which then is gone again."""
    with function([binary], aws.environment(target.url, "us-west-2"), table(source)) as running:
        answer = running.invoke(event(source), deadline_s=600)
        taken = running.memory_kib("VmHWM")
    assert answer.kind == "response", answer.body
    result = answer.json()
    assert (result["path"], result["size"]) == ("stream", size)
    assert result["checksum"]["isOfSource"]
    assert result["checksum"]["isOfTarget"]
    assert target.content("target", "out") == source.content("source", "in")
    target.remove("target", "out")
    return taken


@pytest.mark.timeout(1800)
def test_killed_at_any_point_it_ends_whole_with_nothing_left_behind(binary, sides, files):
    source, target = sides
    size = 100 * MIB + 7
    source.put("source", "in", source_of(size, files))
    chance = random.Random(20261127)
    usual_s, resumed, killed = 60.0, 0, 0
    for _ in range(ROUNDS):
        target.remove("target", "out")
        to_kill = chance.randint(1, 3)
        while to_kill:
            # No longer than the fastest one took that was left alone, or few would be caught.
            began = time.monotonic()
            if attempt(binary, source, target, kill_after_s=chance.uniform(0, usual_s)) is None:
                to_kill -= 1
                killed += 1
            else:
                usual_s = min(usual_s, time.monotonic() - began)
                target.remove("target", "out")
        outcome = attempt(binary, source, target, kill_after_s=None)
        resumed += outcome["resumedParts"] > 0
        assert target.content("target", "out") == source.content("source", "in")
        # What an attempt left that was stopped before it had marked its upload, the next transfer finds.
        if target.uploads("target", "out"):
            target.remove("target", "out")
            attempt(binary, source, target, kill_after_s=None)
        assert target.uploads("target", "out") == 0
    print(f"{ROUNDS} rounds, {killed} attempts killed, {resumed} copies gone on with")


def attempt(binary, source: ObjectFiles, target: ObjectFiles, kill_after_s: float | None):
    """The result, or nothing where it was killed before."""
    asked = event(source, abandonedAfterSeconds=0)
    with function([binary], aws.environment(target.url, "us-west-2"), table(source)) as running:
        killer = threading.Timer(kill_after_s or 0, running.process.kill)
        if kill_after_s is not None:
            killer.start()
        try:
            answer = running.invoke(json.dumps(asked).encode(), deadline_s=120)
        except FunctionError:
            assert kill_after_s is not None
            return None
        finally:
            killer.cancel()
        assert answer.kind == "response", answer.body
        return answer.json()
