"""A model of the record of one key, and whether a history is one that it allows.

A history enters, in the one order in which its writes took place; counts leave. Fails with `AssertionError`, which
names the first step that the model does not allow. What it allows:

- a record begins where there is none, or where the last one expired, and belongs to the attempt that put it;
- only its owner completes it, leaves it uncertain, or removes it, and removes it only if the call had no effect;
- another attempt takes it over only when its lease is over or it is uncertain, and a repetition does no harm;
- a call is made only under a record that its attempt owns, or owned before its lease was over;
- an attempt answers what the record said when it looked, a result byte for byte.
"""

import base64
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from support.between import Step

CONDITION_FAILED = 400


@dataclass
class Key:
    """The record of one key, as its writes made it, and what came of the work."""

    may_repeat: bool
    status: str | None = None
    owner: str | None = None
    lease_ms: int = 0
    expires_s: int | None = None
    outcome: str | None = None
    effects: list[str] = field(default_factory=list)
    answers: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Seen:
    """The record as an attempt found it, and its own clock at that time."""

    status: str | None
    is_over: bool
    outcome: str | None


@dataclass
class Attempt:
    key: str
    ahead_s: float
    owner: str | None = None
    # How the record stood when the attempt's put was refused.
    saw: Seen | None = None
    effect: str | None = None
    owned: bool = False


def check(history: list[Step]) -> Counter:
    keys: dict[str, Key] = {}
    running: dict[str, Attempt] = {}
    records: dict[str, str] = {}
    counts: Counter = Counter()
    for at, step in enumerate(history):
        where = f"step {at}: {step}"
        match step.what:
            case "begin":
                keys.setdefault(step.details["key"], Key(step.details["may_repeat"]))
                running[step.worker] = Attempt(step.details["key"], step.details["ahead_s"])
            case "write":
                attempt = running[step.worker]
                _write(keys[attempt.key], attempt, step.details, records, where)
            case "effect" if not step.details["reads"]:
                attempt = running[step.worker]
                _effect(keys[attempt.key], attempt, step.details["sequence"], where)
            case "end":
                attempt = running.pop(step.worker)
                _answer(keys[attempt.key], attempt, step.details, where)
                counts[step.details["name"]] += 1
            case "died":
                running.pop(step.worker)
                counts["died"] += 1
    for name, key in keys.items():
        if not key.may_repeat:
            assert len(key.effects) <= 1, f"{name}: {len(key.effects)} effects"
            assert len(key.answers) <= 1, f"{name}: {len(key.answers)} different answers"
    counts["keys"] = len(keys)
    counts["steps"] = len(history)
    counts["effects"] = sum(len(key.effects) for key in keys.values())
    return counts


def _write(key: Key, attempt: Attempt, write: dict[str, Any], records: dict[str, str], where: str) -> None:
    now_s = write["at"] + attempt.ahead_s
    is_written = write["status"] == 200
    assert is_written or write["status"] == CONDITION_FAILED, where
    is_uncertain = key.status == "UNCERTAIN" or (key.status == "INPROGRESS" and key.lease_ms < now_s * 1000)
    match write["operation"]:
        case "put":
            item = write["request"]["Item"]
            assert records.setdefault(item["id"]["S"], attempt.key) == attempt.key, f"two keys, one record: {where}"
            attempt.owner = item["owner"]["S"]
            has_expired = key.expires_s is not None and key.expires_s < int(now_s)
            assert is_written == (key.status is None or has_expired), where
            if has_expired:
                key.effects.clear()
                key.answers.clear()
            if is_written:
                key.status, key.owner, key.lease_ms = "INPROGRESS", attempt.owner, int(item["lease"]["N"])
                key.outcome, key.expires_s, attempt.owned = None, None, True
            else:
                attempt.saw = Seen(key.status, key.lease_ms < now_s * 1000, key.outcome)
        case "update":
            values = write["request"]["ExpressionAttributeValues"]
            status, owner = values[":status"]["S"], values[":owner"]["S"]
            known = (values[":known_owner"]["S"], values[":known_status"]["S"])
            assert owner == attempt.owner, where
            assert is_written == ((key.owner, key.status) == known), where
            if not is_written:
                return
            if status == "INPROGRESS":
                assert is_uncertain, f"taken over in its lease: {where}"
                assert key.may_repeat, f"taken over though a repetition does harm: {where}"
                key.lease_ms, attempt.owned = int(values[":lease"]["N"]), True
            else:
                assert key.owner == attempt.owner, f"written by another: {where}"
                assert (":expiration" in values) == (status == "COMPLETED"), where
                key.outcome = values.get(":body", {}).get("B")
                key.expires_s = int(values[":expiration"]["N"]) if ":expiration" in values else None
            key.status, key.owner = status, owner
        case "delete":
            assert is_written == (key.owner == attempt.owner and key.status == "INPROGRESS"), where
            if is_written:
                assert attempt.effect is None, f"removed though the call was made: {where}"
                key.status = key.owner = None


def _effect(key: Key, attempt: Attempt, sequence: str, where: str) -> None:
    assert attempt.owned, f"made without a record: {where}"
    attempt.effect = sequence
    key.effects.append(sequence)
    assert key.may_repeat or len(key.effects) == 1, f"made twice: {where}"


def _answer(key: Key, attempt: Attempt, end: dict[str, Any], where: str) -> None:
    seen = attempt.saw
    if end["name"] == "ok":
        key.answers.add(end["answer"])
        if not attempt.owned:
            assert seen is not None, where
            assert seen.status == "COMPLETED", where
            assert end["answer"] == zlib.decompress(base64.b64decode(seen.outcome), -15).decode(), where
    elif seen is not None and not attempt.owned:
        match end["name"]:
            case "CrossRegion.InProgress":
                assert seen.status == "INPROGRESS", where
                # A repetition may lose its place to another one, time and again.
                assert not seen.is_over or key.may_repeat, where
            case "CrossRegion.StateUncertain":
                assert seen.status == "UNCERTAIN" or (seen.status == "INPROGRESS" and seen.is_over), where
                assert not key.may_repeat, where
