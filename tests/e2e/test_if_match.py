"""Writers at once on one resource that takes one write for each ETag: the comment of a CloudFront KeyValueStore.

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
SERVICE = "cloudfront"
NAME = "covers"
WRITERS = 4
WRITES = 15


@dataclass(frozen=True)
class Store:
    writers: list[Function]

    def describe(self) -> dict[str, Any]:
        answer = self.writers[0].invoke(event(SERVICE, "describeKeyValueStore", REGION, parameters={"Name": NAME}))
        assert answer.kind == "response", answer
        return answer.json()

    def write_at_once(self, if_match: dict[str, Any]) -> list[Answer]:
        answers: list[Answer] = []

        def write(writer: int) -> None:
            for at in range(WRITES):
                parameters = {"Name": NAME, "Comment": f"{writer}-{at}"}
                asked = event(SERVICE, "updateKeyValueStore", REGION, parameters=parameters, ifMatch=if_match)
                answers.append(self.writers[writer].invoke(asked))

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


@pytest.fixture(scope="module")
def store(binary, local) -> Iterator[Store]:
    local.reset()
    local.client("cloudfront", REGION).create_key_value_store(Name=NAME)
    entry = permit(SERVICE, "updateKeyValueStore", "describeKeyValueStore", region=REGION)
    environment = aws.environment(local.url, "ap-northeast-1")
    with ExitStack() as stack:
        yield Store([stack.enter_context(function([binary], environment, [entry])) for _ in range(WRITERS)])


def test_the_last_writer_wins_and_every_write_takes_place(store):
    describe = {"action": "describeKeyValueStore", "parameters": {"Name": NAME}}
    answers = store.write_at_once({"describe": describe, "overwrite": True})
    assert [answer.kind for answer in answers] == ["response"] * (WRITERS * WRITES)
    # One for each version that the store ever had.
    etags = {answer.json()["ETag"] for answer in answers}
    assert len(etags) == WRITERS * WRITES
    assert store.describe()["ETag"] in etags


def test_of_writers_with_one_etag_one_writes(store):
    before = store.describe()
    answers = store.write_at_once({"etag": before["ETag"]})
    (done,) = [answer.json() for answer in answers if answer.kind == "response"]
    stale = [error(answer) for answer in answers if answer.kind == "error"]
    assert len(stale) == WRITERS * WRITES - 1
    assert {(name, message["effect"], message["code"]) for name, message in stale} == {
        ("CrossRegion.StaleETag", "none", "PreconditionFailed")
    }
    after = store.describe()
    assert (after["ETag"], after["KeyValueStore"]["Comment"]) == (done["ETag"], done["KeyValueStore"]["Comment"])
