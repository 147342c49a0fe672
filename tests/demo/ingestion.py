"""Ingests documents into a knowledge base in Oregon from a state machine in Tokyo, and shows what happened where.

Nothing enters; a transcript leaves on stdout. The exit code is 0 only if every check held. Run as `python -m
demo.ingestion`.

Real are the state machine, the function, the documents, and the jobs with their counts and reasons, as far as the local
AWS goes. What is a stand-in is said in `support.ingesting`: above all that a job takes time.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from demo import there, transcript
from demo.there import HERE, THERE
from support import aws, paths
from support.cdk import Cdk
from support.executions import Execution, execute
from support.ingesting import Ingesting, ingesting
from support.ministack import Ministack, ministack

STACK = "KnowledgeBaseIngestion"
APP = paths.CDK / "examples" / "knowledge-base-ingestion"
BUCKET = "manuals-oregon"
TAKES_S = 1.5
# The ten seconds between two looks take half of one.
SCALE = 0.05


@dataclass
class Manuals:
    """The knowledge base, through the eyes of the local AWS and of the door before it."""

    local: Ministack
    jobs: Ingesting
    door: str
    base: str
    source: str
    machine: str = ""
    logged: int = 0
    checks: list[tuple[bool, str]] = field(default_factory=list)

    def upload(self, name: str, body: bytes) -> None:
        self.local.client("s3", THERE).put_object(Bucket=BUCKET, Key=f"docs/{name}", Body=body)

    def log(self) -> list[dict[str, Any]]:
        """The lines that the function has written since this was last asked."""
        logs = self.local.client("logs", HERE)
        lines = [
            json.loads(event["message"])
            for group in logs.describe_log_groups()["logGroups"]
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
            if event["message"].startswith("{")
        ]
        new = lines[self.logged :]
        self.logged = len(lines)
        return new

    def check(self, holds: bool, text: str) -> None:
        self.checks.append((holds, text))


@contextmanager
def manuals(say: Callable[[str], None] = print) -> Iterator[Manuals]:
    with ExitStack() as stack:
        jobs, door = stack.enter_context(ingesting(TAKES_S))
        local = stack.enter_context(ministack(AWS_ENDPOINT_URL=door.url, SFN_WAIT_SCALE=str(SCALE)))
        door.target = local.url
        s3 = local.client("s3", THERE)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": THERE})
        base = there.knowledge_base(local)
        made = Manuals(local, jobs, door.url, base, there.data_source(local, base, BUCKET))
        start = time.monotonic()
        app = Cdk(local.url, HERE, APP, local.home)
        app.bootstrap()
        made.machine = app.deploy(STACK)["StateMachineArn"]
        stack.callback(app.destroy, STACK)
        say(f"deployed in {HERE} by `cdk deploy` in {time.monotonic() - start:.0f} s")
        yield made


def run(say: Callable[[str], None] = print) -> bool:
    """True if every check held."""
    say(f"A state machine in {HERE} ingests documents into a knowledge base in {THERE}.\n")
    with manuals(say) as made:
        made.upload("one.txt", b"The first manual.")
        made.upload("two.txt", b"The second manual.")
        _two_at_once(made, say)
        _while_a_job_runs(made, say)
        _answers_are_lost(made, say)
        _what_fails(made, say)
        say("\nwhat is where\n")
        held = transcript.all_held(made.checks, say)
    say(f"\nstack destroyed, local AWS stopped: {'every check held' if held else 'NOT every check held'}")
    return held


def _two_at_once(made: Manuals, say: Callable[[str], None]) -> None:
    say("\ntwo executions at once\n")
    # So that both have begun before the job does.
    made.jobs.hold = made.jobs.listed + 2
    ended = _executions(made, [made.source] * 2, say)
    made.check([it.status for it in ended] == ["SUCCEEDED"] * 2, "both executions succeeded")
    made.check(len({_job(it)["ingestionJobId"] for it in ended}) == 1, "with the same job")
    made.check(sorted(it.output["joined"] for it in ended) == [False, True], "which one of them started")
    made.check(made.jobs.taken == 1, "no other job was started")
    made.check(_counts(ended[0], "New") == 2, "both documents are indexed")


def _while_a_job_runs(made: Manuals, say: Callable[[str], None]) -> None:
    say("\na document comes while somebody else's job is under way, then an execution\n")
    # Through the door, so that it takes its time, too.
    agent = aws.client(made.door, "bedrock-agent", THERE)
    theirs = agent.start_ingestion_job(knowledgeBaseId=made.base, dataSourceId=made.source)["ingestionJob"]
    made.upload("three.txt", b"The third manual.")
    (ended,) = _executions(made, [made.source], say)
    made.check(ended.status == "SUCCEEDED", "the execution succeeded")
    made.check(_job(ended)["ingestionJobId"] != theirs["ingestionJobId"], "not with the job that began before")
    made.check(not ended.output["joined"], "but with one that it started when that one had ended")
    made.check(_counts(ended, "New") == 1, "so that the document is indexed")


def _answers_are_lost(made: Manuals, say: Callable[[str], None]) -> None:
    say("\nall answers to the start are lost\n")
    taken, made.jobs.lose = made.jobs.taken, 3
    (ended,) = _executions(made, [made.source], say)
    made.check(ended.status == "SUCCEEDED", "the execution succeeded")
    made.check(made.jobs.taken == taken + 1, "one job was started")
    made.check(not ended.output["joined"], "and found again")


def _what_fails(made: Manuals, say: Callable[[str], None]) -> None:
    say("\na data source whose bucket is not there\n")
    (ended,) = _executions(made, [there.data_source(made.local, made.base, "gone")], say)
    told = json.loads(json.loads(ended.cause)["errorMessage"])
    made.check((ended.status, ended.error) == ("FAILED", "CrossRegion.WaitFailed"), "the execution failed")
    made.check(told["message"] == "the job failed: S3 bucket gone does not exist.", "with the job's own reason")
    say("\na data source that is not there\n")
    (ended,) = _executions(made, ["DS00000000"], say)
    told = json.loads(json.loads(ended.cause)["errorMessage"])
    made.check(ended.error == "ResourceNotFoundException", "the execution failed by the service's name for it")
    made.check(told["effect"] == "none", "with `effect` none")


def _executions(made: Manuals, sources: list[str], say: Callable[[str], None]) -> list[Execution]:
    told = [{"knowledgeBaseId": made.base, "dataSourceId": source} for source in sources]
    with ThreadPoolExecutor(len(told)) as pool:
        ended = list(pool.map(lambda it: execute(made.local, made.machine, it), told))
    rows = [("call", "where", "outcome", "effect", "requests", "took")]
    for line in made.log():
        outcome, took = line.get("error", "ok"), f"{line['durationMs']} ms"
        rows.append((line["procedure"], line["region"], outcome, line["effect"], str(line["attempts"]), took))
    say(transcript.table(rows))
    for it in ended:
        how = f"{it.error}: {json.loads(it.cause)['errorMessage']}" if it.cause else json.dumps(_shown(it))
        say(f"\n  {it.status} in {it.took_s:.1f} s: {how}")
    return ended


def _job(ended: Execution) -> dict[str, Any]:
    return ended.output["ingestionJob"]


def _counts(ended: Execution, kind: str) -> int:
    return _job(ended)["statistics"][f"numberOf{kind}DocumentsIndexed"]


def _shown(ended: Execution) -> dict[str, Any]:
    """What a reader looks for, without the zeros."""
    counts = {name: count for name, count in _job(ended)["statistics"].items() if count}
    return {"job": _job(ended)["ingestionJobId"], "joined": ended.output["joined"], **counts}


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
