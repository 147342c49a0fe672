"""A door before the local AWS, behind which ingestions take time and keep out of each other's way, as on AWS.

How long a job takes enters; an `Ingesting` leaves, whose URL serves in place of the local AWS. The jobs are the local
AWS's own, with their counts and reasons; but that one ends as it begins, starts as many at once as it is asked for, and
forgets tokens. Stand-ins are therefore: the time until a job shows as it ended, the refusal of a second job in the
knowledge base, the memory of tokens, and the order of a listing. Starts can be held back until so many have looked, and
answers to them can be lost.
"""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from support.passing import Answer, Asked, Passing, Unanswered, passing

_JOBS = re.compile(r"^/knowledgebases/([^/]+)/datasources/[^/]+/ingestionjobs(?:/([^/]+))?/?$")
_IN_THE_WAY = {
    "message": "The knowledge base has an ongoing ingestion job. The maximum number of concurrent ingestion jobs per "
    "knowledge base is 1."
}


@dataclass
class Ingesting:
    takes_s: float
    # Answers to starts that are lost, though the job begins.
    lose: int = 0
    # How many listings there were, and how many there have to be before a job starts.
    listed: int = 0
    hold: int = 0
    # How many starts were taken, and how many were refused since a job was in the way.
    taken: int = 0
    refused: int = 0
    _shows_at: dict[str, float] = field(default_factory=dict)
    _bases: dict[str, str] = field(default_factory=dict)
    _tokens: dict[str, Answer] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def around(self, asked: Asked, forward: Callable[[], Answer]) -> Answer:
        found = _JOBS.match(asked.path)
        if not found:
            return forward()
        with self._changed:
            base, job = found[1], found[2]
            if job is None and asked.method == "PUT":
                self._changed.wait_for(lambda: self.listed >= self.hold, timeout=10)
                answer = self._start(base, json.loads(asked.body or b"{}"), forward)
                if self.lose:
                    self.lose -= 1
                    raise Unanswered
                return answer
            if asked.method == "POST":
                self.listed += 1
                self._changed.notify_all()
            return _with(forward(), self._shown)

    def is_busy(self, base: str) -> bool:
        now = time.monotonic()
        return any(self._bases[job] == base and now < at for job, at in self._shows_at.items())

    def _start(self, base: str, told: dict[str, Any], forward: Callable[[], Answer]) -> Answer:
        token = told.get("clientToken", "")
        if token in self._tokens:
            return _with(self._tokens[token], self._shown)
        if self.is_busy(base):
            self.refused += 1
            refusal = [("x-amzn-errortype", "ConflictException"), ("content-type", "application/json")]
            return Answer(409, refusal, json.dumps(_IN_THE_WAY).encode())
        answer = forward()
        if answer.status == 202:
            job = json.loads(answer.body)["ingestionJob"]["ingestionJobId"]
            self._bases[job], self._shows_at[job] = base, time.monotonic() + self.takes_s
            self._tokens[token] = answer
            self.taken += 1
        return _with(answer, self._shown)

    def _shown(self, told: dict[str, Any]) -> dict[str, Any]:
        if "ingestionJob" in told:
            return {**told, "ingestionJob": self._as_of_now(told["ingestionJob"])}
        if "ingestionJobSummaries" in told:
            jobs = [self._as_of_now(job) for job in told["ingestionJobSummaries"]]
            newest_first = sorted(jobs, key=lambda job: job["startedAt"], reverse=True)
            return {**told, "ingestionJobSummaries": newest_first}
        return told

    def _as_of_now(self, job: dict[str, Any]) -> dict[str, Any]:
        if time.monotonic() >= self._shows_at.get(job["ingestionJobId"], 0):
            return job
        return {**job, "status": "IN_PROGRESS", "statistics": {}, "failureReasons": []}


def _with(answer: Answer, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Answer:
    if answer.status >= 300:
        return answer
    return Answer(answer.status, answer.headers, json.dumps(change(json.loads(answer.body))).encode())


@contextlib.contextmanager
def ingesting(takes_s: float) -> Iterator[tuple[Ingesting, Passing]]:
    """The `target` of the door is to be set before anyone asks."""
    jobs = Ingesting(takes_s)
    with passing(jobs.around) as door:
        yield jobs, door
