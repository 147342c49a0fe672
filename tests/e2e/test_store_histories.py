"""`keyValueStore.sync` at the local AWS while everything happens to it: the function is killed, answers are lost,
calls are refused, and somebody else writes.

A proxy before the local AWS makes it happen, and keeps account of every write that was taken: the store must be what
these came to, and each must be one that was wanted. All is drawn from seeds; full-size runs take more of them.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.edge import entries
from support.ministack import Ministack, ministack
from support.passing import Answer, Asked, Unanswered, passing
from support.runtime_api import Function, FunctionError, function
from support.stores import HERE, environment, store, write

ROUNDS, HISTORIES = (200, 500) if "PROVE" in os.environ else (5, 12)
KEYS = 600
TABLE = [{"procedure": "keyValueStore.sync", "regions": [HERE, "*global*"]}]
REFUSALS = [(403, "AccessDeniedException"), (500, "InternalServerException"), (429, "TooManyRequestsException")]


def nothing(_: Asked) -> None:
    """Happens."""


@dataclass
class Wanted:
    entries: dict[str, str]
    mode: str = "exclusive"
    prefix: str = ""

    def event(self, arn: str, retry: str = "sdk") -> dict[str, Any]:
        items = [{"Key": key, "Value": value} for key, value in self.entries.items()]
        parameters = {"KvsARN": arn, "mode": self.mode, "Items": items}
        parameters |= {"keyPrefix": self.prefix} if self.prefix else {}
        event = {"procedure": "keyValueStore.sync", "region": HERE, "parameters": parameters}
        return event | {"retry": {"mode": retry}}

    def aim(self, held: dict[str, str]) -> dict[str, str]:
        """What the store is to hold in the end, if it holds this."""
        stays = {key: value for key, value in held.items() if self.mode == "merge" or not key.startswith(self.prefix)}
        return stays | self.entries

    def explains(self, update: dict[str, Any]) -> bool:
        puts = all(self.entries.get(item["Key"]) == item["Value"] for item in update.get("Puts", []))
        gone = [item["Key"] for item in update.get("Deletes", [])]
        is_ours = all(key.startswith(self.prefix) and key not in self.entries for key in gone)
        return puts and is_ours and (self.mode == "exclusive" or not gone)


@dataclass
class Door:
    """Stands before the local AWS, and knows what its store must hold."""

    held: dict[str, str] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=lambda: Wanted({}))
    # What happens to a request before it is passed on, if it is, and after.
    before: Callable[[Asked], Answer | None] = nothing
    after: Callable[[Asked], None] = nothing
    taken: int = 0
    unwanted: list[dict[str, Any]] = field(default_factory=list)
    # What was there when the store was last listed.
    listed: dict[str, str] = field(default_factory=dict)

    def __call__(self, asked: Asked, forward: Callable[[], Answer]) -> Answer:
        if refused := self.before(asked):
            return refused
        is_first_page = asked.method == "GET" and "/keys" in asked.path and "NextToken" not in asked.path
        if is_first_page:
            self.listed = dict(self.held)
        answer = forward()
        if asked.method == "POST" and answer.status == 200:
            update = json.loads(asked.body)
            if not self.wanted.explains(update):
                self.unwanted.append(update)
            self.held |= {item["Key"]: item["Value"] for item in update.get("Puts", [])}
            for item in update.get("Deletes", []):
                del self.held[item["Key"]]
            self.taken += 1
        self.after(asked)
        return answer


@pytest.fixture(scope="module")
def named() -> Iterator[Ministack]:
    with ministack(names=True) as local:
        yield local


@pytest.mark.timeout(1800)
def test_killed_at_any_point_it_ends_exact(binary, named):
    chance = random.Random(20261127)
    arn, door, kills = store(named, "killed"), Door(), 0
    with passing(door) as proxy:
        proxy.target = named.url
        for _ in range(ROUNDS):
            keys = chance.sample(range(KEYS * 5 // 4), KEYS)
            door.wanted = Wanted({f"k/{at}": str(chance.randrange(9)) for at in keys})
            for _ in range(chance.randrange(1, 6)):
                with function([binary], environment(named, proxy.url), TABLE) as running:
                    killed(door, running, chance.randrange(26), chance.random() < 0.5)
                    try:
                        running.invoke(door.wanted.event(arn))
                    except FunctionError:
                        kills += 1
            door.before = door.after = nothing
            with function([binary], environment(named, proxy.url), TABLE) as running:
                answer = running.invoke(door.wanted.event(arn))
            assert answer.kind == "response", answer
            assert entries(named, arn) == door.held == door.wanted.entries
            assert door.unwanted == []
    assert kills > ROUNDS, "it was hardly ever killed"


def killed(door: Door, running: Function, at: int, is_carried_out: bool) -> None:
    """Kills the function at its request of this number, before that is carried out or after."""
    left = at

    def kill(_: Asked) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            running.process.kill()
            raise Unanswered

    door.before, door.after = (nothing, kill) if is_carried_out else (kill, nothing)


@pytest.mark.timeout(1800)
def test_histories_agree_with_a_model(binary, named):
    chance = random.Random(20261128)
    arn, door = store(named, "histories"), Door()
    ended = {"response": 0, "error": 0}
    with passing(door) as proxy, function([binary], environment(named, proxy.url), TABLE) as running:
        proxy.target = named.url
        for _ in range(HISTORIES):
            for step in range(4):
                prefix = chance.choice(["", "a/", "b/"])
                drawn = some(chance, 160)
                door.wanted = Wanted(
                    {key: value for key, value in drawn.items() if key.startswith(prefix)},
                    chance.choice(["exclusive", "merge"]),
                    prefix,
                )
                # The last step has peace.
                disturbed(door, named, arn, chance, 0 if step == 3 else 0.12)
                before = door.taken
                answer = running.invoke(door.wanted.event(arn, chance.choice(["sdk", "none"])))
                ended[answer.kind] += 1
                assert entries(named, arn) == door.held, "a write that nobody knows of"
                assert door.unwanted == []
                if answer.kind == "error":
                    assert step < 3, answer
                    effect = json.loads(answer.json()["errorMessage"])["effect"]
                    assert effect != "none" or door.taken == before, "`none` after a write"
                elif step == 3:
                    assert door.held == door.wanted.aim(door.listed)
    assert min(ended.values()) > HISTORIES / 4, ended
    print(ended)


def some(chance: random.Random, most: int) -> dict[str, str]:
    count = chance.randrange(most + 1)
    return {f"{chance.choice('ab')}/{chance.randrange(90)}": "v" * chance.randrange(3) for _ in range(count)}


def disturbed(door: Door, local: Ministack, arn: str, chance: random.Random, odds: float) -> None:
    """From here on calls meet with another writer, and with refusals and silence."""

    def before(_: Asked) -> Answer | None:
        if chance.random() < odds:
            key = f"{chance.choice('ab')}/{chance.randrange(90)}"
            if key in door.held and chance.random() < 0.5:
                write(local, arn, {}, [key])
                del door.held[key]
            else:
                write(local, arn, {key: "theirs"}, [])
                door.held[key] = "theirs"
        if chance.random() < odds / 6:
            raise Unanswered
        if chance.random() < odds / 3:
            status, name = chance.choice(REFUSALS)
            body = json.dumps({"__type": name, "Message": "no"}).encode()
            return Answer(status, [("content-type", "application/json")], body)
        return None

    def after(_: Asked) -> None:
        if chance.random() < odds / 6:
            raise Unanswered

    door.before, door.after = before, after
