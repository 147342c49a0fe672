"""Shows covers from their release on, and shows what a viewer sees before and after.

Nothing enters; a transcript leaves on stdout. The exit code is 0 only if every check held. Run as
`python -m demo.embargoed_covers`.

Real are the state machines, the function that they run on, the table, the buckets and the store of the local AWS, and
the code of the function at the edge. The edge itself is a stand-in (`support.edge`): the local AWS runs functions of
CloudFront, but gives them no store. It has no HTTP tasks either: a function stands in for the one that asks the edge
(`support.http_task`), and all else of the wait is what was deployed, its ten seconds shortened to a fifth of one. And
the local AWS tells the ETag of an updated function as `ETag`, where AWS's models have `ETtag`: a proxy tells both.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from demo import transcript
from support import http_task, paths
from support.cdk import Cdk
from support.edge import Edge, entries
from support.edge_server import EdgeServer, serving
from support.executions import Execution, execute
from support.ministack import Ministack, ministack
from support.passing import Answer, Asked, passing

TOKYO = "ap-northeast-1"
APP = paths.ROOT / "tests" / "e2e" / "apps" / "embargoed-covers"
SHORT = "short-story.png"
# The ten seconds between two questions to the edge take a fifth of one.
WAIT_SCALE = "0.02"
# Midnight in Tokyo.
RELEASE = datetime(2030, 1, 31, 15, tzinfo=UTC)
RELEASES = {
    "out.png": "2024-02-15T00:00:00+09:00",
    "soon.png": "2030-02-01T00:00:00+09:00",
    SHORT: "2030-02-01T00:00:00Z",
    "wrong.png": "2024-02-15 09:00:00",
    "undecided.png": None,
}


@dataclass
class Covers:
    """The covers, through the eyes of the local AWS and of a viewer."""

    local: Ministack
    made: dict[str, str]
    edge: Edge
    server: EdgeServer
    deployer: str = ""
    logged: dict[str, int] = field(default_factory=dict)

    def store(self) -> dict[str, str]:
        return entries(self.local, self.made["KeyValueStoreArn"])

    def put(self, cover: str, release: str | None) -> None:
        item = {"cover": {"S": cover}} | ({"release": {"S": release}} if release is not None else {})
        self.local.client("dynamodb", TOKYO).put_item(TableName=self.made["TableName"], Item=item)

    def export_and_sync(self) -> Execution:
        return execute(self.local, self.made["StateMachineArn"], {})

    def log(self) -> Iterator[dict[str, Any]]:
        """The lines that the functions have written since this was last asked."""
        logs = self.local.client("logs", TOKYO)
        for group in (group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]):
            events = logs.filter_log_events(logGroupName=group)["events"]
            lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
            yield from lines[self.logged.get(group, 0) :]
            self.logged[group] = len(lines)


def with_both_names(_: Asked, forward: Callable[[], Answer]) -> Answer:
    """CloudFront's model calls an ETag `ETtag` where a function is updated; the local AWS sends `ETag` alone."""
    answer = forward()
    again = [("ETtag", value) for name, value in answer.headers if name == "ETag"]
    return Answer(answer.status, answer.headers + again, answer.body)


@contextmanager
def covers(say: Callable[[str], None]) -> Iterator[Covers]:
    with ExitStack() as stack:
        door = stack.enter_context(passing(with_both_names))
        local = stack.enter_context(ministack(names=True, AWS_ENDPOINT_URL=door.url, SFN_WAIT_SCALE=WAIT_SCALE))
        door.target = local.url
        start = time.monotonic()
        app = Cdk(local.url, TOKYO, APP, local.home)
        app.bootstrap()
        outputs = app.deploy("EmbargoedCovers")
        say(f"deployed EmbargoedCovers in {TOKYO} by `cdk deploy` in {time.monotonic() - start:.0f} s")
        edge = Edge(local, outputs["FunctionName"], outputs["CoversBucket"], TOKYO)
        made = Covers(local, outputs, edge, stack.enter_context(serving(edge)))
        http_task.stand_in(local, outputs["StateMachineArn"], made.server.url)
        s3 = local.client("s3", TOKYO)
        s3.put_object(Bucket=outputs["CoversBucket"], Key="now-printing.png", Body=b"now printing")
        for cover, release in RELEASES.items():
            s3.put_object(Bucket=outputs["CoversBucket"], Key=f"covers/{cover}", Body=f"the cover {cover}".encode())
            made.put(cover, release)
        deployer = Cdk(local.url, TOKYO, APP, local.home, {"MADE": json.dumps(outputs)})
        made.deployer = deployer.deploy("DeployEmbargo")["StateMachineArn"]
        yield made


def run(say: Callable[[str], None] = print) -> bool:
    """True if every check held."""
    say("Covers are shown from their release on.\n")
    with covers(say) as made:
        held = tell(made, say)
    say(f"\nlocal AWS stopped: {'every check held' if held else 'NOT every check held'}")
    return held


def tell(made: Covers, say: Callable[[str], None]) -> bool:
    """All that there is between deploying and stopping. True if every check held."""
    checks: list[tuple[bool, str]] = []
    before, after = RELEASE - timedelta(seconds=1), RELEASE
    seen = _look(made, "before anything is in the store", after, say)
    checks.append((set(seen.values()) == {"now printing"}, "with an empty store nothing is shown"))

    say("\nthe scheduled state machine runs, and the edge learns after two questions\n")
    made.server.answers("late", "late")
    ran = _run(made, say)
    checks.append((ran.status == "SUCCEEDED", "the run succeeded"))
    wanted = {f"covers/{cover}": release for cover, release in RELEASES.items() if release}
    held = made.store()
    checks.append(({key: held.get(key) for key in wanted} == wanted, "the store holds the release times"))
    checks.append((held.keys() - wanted.keys() == {"version"}, "and beside them the version alone"))
    told = [question.text for question in made.server.asked]
    checks.append((told == ["", "", held["version"]], "the run ended when the edge told its version"))
    seen = _look(made, "a second before the release", before, say)
    shown = [cover for cover, text in seen.items() if text == f"the cover {cover}"]
    checks.append((shown == ["out.png"], "a second before the release it is not shown"))
    seen = _look(made, "at the release", after, say)
    shown = [cover for cover, text in seen.items() if text == f"the cover {cover}"]
    checks.append((shown == ["out.png", "soon.png"], "from the release on it is shown"))

    say("\nonce more, with nothing changed\n")
    made.server.answers()
    again = _run(made, say)
    checks.append(((again.output or {}).get("batches") == 0, "without a change nothing is written"))
    checks.append((made.store() == held, "and the version stays"))
    checks.append((not made.server.asked, "and the edge is not asked"))

    say("\nthe release of another cover is brought forward, and three runs overlap\n")
    made.put(SHORT, "2030-02-01T00:00:00+09:00")
    checks += _overlapping(made, say)
    seen = _look(made, "at the release", after, say)
    checks.append((seen[SHORT] == f"the cover {SHORT}", "the change is seen"))

    checks += _deployed(made, after, say)
    say("\nwhat was seen\n")
    return transcript.all_held(checks, say)


def _overlapping(made: Covers, say: Callable[[str], None]) -> Iterator[tuple[bool, str]]:
    ended: list[Execution] = []
    threads = [threading.Thread(target=lambda: ended.append(made.export_and_sync())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _tell(made, say)
    for execution in ended:
        say(f"\n  {_how(execution)}")
    yield [execution.status for execution in ended] == ["SUCCEEDED"] * 3, "three runs at once succeed"
    yield made.store()[f"covers/{SHORT}"] == "2030-02-01T00:00:00+09:00", "and leave what they wanted"


def _deployed(made: Covers, after: datetime, say: Callable[[str], None]) -> Iterator[tuple[bool, str]]:
    """A tool that knows nothing of them takes store and function away; the state machine brings them back."""
    store = made.made["KeyValueStoreArn"]
    cloudfront = made.local.client("cloudfront", "us-east-1")
    name = made.made["FunctionName"]
    described = cloudfront.describe_function(Name=name, Stage="DEVELOPMENT")
    config = {"Comment": "no store", "Runtime": "cloudfront-js-2.0"}
    code = cloudfront.get_function(Name=name, Stage="DEVELOPMENT")["FunctionCode"].read()
    cloudfront.update_function(Name=name, IfMatch=described["ETag"], FunctionConfig=config, FunctionCode=code)
    described = cloudfront.describe_function(Name=name, Stage="DEVELOPMENT")
    cloudfront.publish_function(Name=name, IfMatch=described["ETag"])
    distribution = made.made["DistributionId"]
    found = cloudfront.get_distribution_config(Id=distribution)
    found["DistributionConfig"]["DefaultCacheBehavior"]["FunctionAssociations"] = {"Quantity": 0}
    cloudfront.update_distribution(
        Id=distribution, IfMatch=found["ETag"], DistributionConfig=found["DistributionConfig"]
    )
    seen = _look(made, "after a tool dropped the function's store", after, say)
    yield made.edge.stores() == [] and set(seen.values()) == {"now printing"}, "without its store nothing is shown"

    say("\nthe state machine that deploys the function runs\n")
    made.server.answers()
    ended = execute(made.local, made.deployer, {})
    _tell(made, say)
    say(f"\n  {_how(ended)}")
    yield ended.status == "SUCCEEDED", "the deployment succeeded"
    yield made.edge.stores() == [store], "the published function has its store"
    config = cloudfront.get_distribution_config(Id=distribution)["DistributionConfig"]
    functions = config["DefaultCacheBehavior"]["FunctionAssociations"].get("Items", [])
    associated = [(item["FunctionARN"], item["EventType"]) for item in functions]
    yield (
        associated == [((ended.output or {}).get("functionArn"), "viewer-request")],
        "and the distribution the function",
    )
    seen = _look(made, "at the release", after, say)
    yield seen["soon.png"] == "the cover soon.png", "the cover is shown again"


def _look(made: Covers, when: str, now: datetime, say: Callable[[str], None]) -> dict[str, str]:
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    say(f"\nwhat a viewer sees {when} ({moment})\n")
    shown = made.edge.shows([f"/covers/{cover}" for cover in RELEASES], moment)
    seen = dict(zip(RELEASES, shown, strict=True))
    held = made.store()
    rows = [(f"/covers/{cover}", held.get(f"covers/{cover}", "-"), text) for cover, text in seen.items()]
    say(transcript.table([("path", "release in the store", "shown"), *rows]))
    return seen


def _run(made: Covers, say: Callable[[str], None]) -> Execution:
    ended = made.export_and_sync()
    _tell(made, say)
    say(f"\n  {_how(ended)}")
    return ended


def _tell(made: Covers, say: Callable[[str], None]) -> None:
    rows = [("call", "region", "outcome", "effect", "requests", "took")]
    for line in made.log():
        call = line.get("procedure") or f"{line.get('service')} {line.get('action')}"
        outcome = line.get("error", "ok")
        rows.append((call, line["region"], outcome, line["effect"], str(line["attempts"]), f"{line['durationMs']} ms"))
    say(transcript.table(rows))
    if made.server.asked:
        asked = [(question.path, str(question.status), question.text or "-") for question in made.server.asked]
        say("\n" + transcript.table([("the edge was asked", "status", "it told"), *asked]))


def _how(ended: Execution) -> str:
    how = json.dumps(ended.output) if ended.output else f"{ended.error}: {ended.cause}"
    return f"{ended.status} in {ended.took_s:.1f} s: {how}"


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
