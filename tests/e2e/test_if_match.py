"""Writers at once on one resource that takes one write for each ETag: a CloudFront KeyValueStore of the local AWS.

Each writer is a function of its own, as Lambda would run them.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.events import error, event, permit
from support import aws
from support.runtime_api import Answer, Function, function

REGION = "us-east-1"
SERVICE = "cloudfront-keyvaluestore"
WRITERS = 4
WRITES = 15


@dataclass(frozen=True)
class Store:
    arn: str
    writers: list[Function]

    def put(self, writer: int, key: str, if_match: dict[str, Any]) -> Answer:
        parameters = {"KvsARN": self.arn, "Key": key, "Value": "v"}
        return self.writers[writer].invoke(event(SERVICE, "putKey", REGION, parameters=parameters, ifMatch=if_match))

    def describe(self) -> dict[str, Any]:
        asked = event(SERVICE, "describeKeyValueStore", REGION, parameters={"KvsARN": self.arn})
        return self.writers[0].invoke(asked).json()

    def at_once(self, keys: str, if_match: dict[str, Any]) -> list[Answer]:
        answers: list[Answer] = []

        def write(writer: int) -> None:
            for at in range(WRITES):
                answers.append(self.put(writer, f"{keys}-{writer}-{at}", if_match))

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


@pytest.fixture(scope="module")
def store(binary, local) -> Iterator[Store]:
    local.reset()
    arn = local.client("cloudfront", REGION).create_key_value_store(Name="covers")["KeyValueStore"]["ARN"]
    entry = {**permit(SERVICE, "putKey", "describeKeyValueStore"), "regions": [REGION, "*global*"]}
    with ExitStack() as stack:
        environment = aws.environment(local.url, "ap-northeast-1")
        yield Store(arn, [stack.enter_context(function([binary], environment, [entry])) for _ in range(WRITERS)])


def test_the_last_writer_wins_and_no_write_is_lost(store):
    before = store.describe()["ItemCount"]
    describe = {"action": "describeKeyValueStore", "parameters": {"KvsARN": store.arn}}
    answers = store.at_once("latest", {"describe": describe, "overwrite": True})
    assert [answer.kind for answer in answers] == ["response"] * (WRITERS * WRITES)
    assert store.describe()["ItemCount"] == before + WRITERS * WRITES
    assert len({answer.json()["ETag"] for answer in answers}) == WRITERS * WRITES


def test_of_writers_with_one_etag_one_writes(store):
    before = store.describe()
    answers = store.at_once("locked", {"etag": before["ETag"]})
    stale = [error(answer) for answer in answers if answer.kind == "error"]
    assert len(stale) == WRITERS * WRITES - 1
    assert {(name, message["effect"], message["code"]) for name, message in stale} == {
        ("CrossRegion.StaleETag", "none", "ConflictException")
    }
    assert store.describe()["ItemCount"] == before["ItemCount"] + 1
