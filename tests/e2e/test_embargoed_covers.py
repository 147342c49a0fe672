"""The example embargoed-covers, deployed: embargoed before, shown after, changes waited for until the edge shows them,
runs that overlap, and the function deployed with its store.

What is a stand-in here is said in `demo.embargoed_covers`. The wait for the edge, `WaitForEdge`, is run by the local
AWS's interpreter, whose JSONata has all that it needs. With `PROVE` the role's policy is held to be enough and
needed: the local AWS then enforces it.
"""

import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from demo import embargoed_covers
from demo.embargoed_covers import APP, TOKYO, Covers
from support.cdk import Cdk
from support.executions import Execution, execute
from support.ministack import ministack

# As the example leaves it to the construct.
MAX_ATTEMPTS = 18

SYNC_ACTIONS = [f"cloudfront-keyvaluestore:{name}" for name in ("DescribeKeyValueStore", "ListKeys", "UpdateKeys")]
GET_KEY = "cloudfront-keyvaluestore:GetKey"
STORE_ACTIONS = [*SYNC_ACTIONS, GET_KEY]
# The state that ends for want of each action.
NEEDED_BY = {
    "dynamodb:Scan": "ReadReleases",
    "s3:PutObject": "ExportReleases",
    "s3:GetObject": "SyncCovers",
    **dict.fromkeys(SYNC_ACTIONS, "SyncCovers"),
    GET_KEY: "ReadVersion",
}


@pytest.fixture(scope="module")
def covers(binary) -> Iterator[Covers]:
    with embargoed_covers.covers(print) as made:
        yield made


seconds = itertools.count(1)


def change(covers: Covers) -> None:
    """So that the next run has something to write, and to wait for."""
    covers.put("soon.png", f"2030-02-01T00:00:{next(seconds):02}+09:00")


def test_embargoed_before_and_shown_after(covers):
    said: list[str] = []
    assert embargoed_covers.tell(covers, said.append), "\n".join(said)


def test_the_wait_goes_on_through_errors_and_an_outage_and_leaves_the_state(covers):
    change(covers)
    covers.server.answers("late", 503, "late", 404, "down")
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(covers.export_and_sync)
        # Not before the run has found nobody, however long that takes it.
        wait_for_failure(covers, run, "States.Http.Socket")
        covers.server.restore()
        ended = run.result()
    assert ended.status == "SUCCEEDED", (ended.error, ended.cause)

    version = covers.store()["version"]
    asked = covers.server.asked
    assert [(one.status, one.text == version) for one in asked] == [
        (200, False),
        (503, False),
        (200, False),
        (404, False),
        (200, True),
    ]
    distribution = covers.local.client("cloudfront", "us-east-1").get_distribution(Id=covers.made["DistributionId"])
    assert {(one.host, one.path) for one in asked} == {(distribution["Distribution"]["DomainName"], "/version")}

    failed = Counter(event["error"] for event in events(ended, "taskFailedEventDetails"))
    unheard = failed.pop("States.Http.Socket")
    assert failed == {"States.Http.StatusCode.503": 1, "States.Http.StatusCode.404": 1}
    entered = Counter(event["name"] for event in events(ended, "stateEnteredEventDetails"))
    assert entered["Edge ask"] == entered["Edge answered"] == len(asked) + unheard
    assert entered["Edge wait"] == entered["Edge ask"] - 1
    assert entered["Edge refused"] == 2 + unheard
    # The caught errors have taken the place of the state on the way.
    assert state_at(ended, "Edge refused", "input")["Error"].startswith("States.Http.")
    assert state_at(ended, "Edge done", "output") == state_at(ended, "Edge begin", "input")
    assert state_at(ended, "Edge begin", "input")["$metadata"]["region"] == TOKYO


@pytest.mark.parametrize(
    ("answers", "last"),
    [([503] + ["late"] * 17, "status 200"), (["late"] * 17 + [503], "States.Http.StatusCode.503")],
)
def test_the_wait_gives_up_with_the_last_answer(covers, answers, last):
    change(covers)
    # One more than it may ask for.
    covers.server.answers(*answers, "late")
    ended = covers.export_and_sync()
    # What it waited for is in the store all the same.
    version = covers.store()["version"]
    assert (ended.status, ended.error) == ("FAILED", "CrossRegion.NotReady")
    assert ended.cause == f"the edge does not show version {version}; its last answer was {last}"
    # It has looked for another run's version first, with the state that entered the wait.
    assert state_at(ended, "ReadVersion", "input") == state_at(ended, "Edge begin", "input")
    assert len(covers.server.asked) == MAX_ATTEMPTS
    assert covers.edge.shows(["/version"], "2030-01-01T00:00:00Z") == [version]
    assert version not in {one.text for one in covers.server.asked}


def test_runs_that_overlap_succeed_also_where_the_edge_never_shows_the_version_of_the_first(covers):
    covers.server.answers()
    with ThreadPoolExecutor(2) as pool:
        # The edge says nothing until both have told their versions.
        with covers.server.silent():
            change(covers)
            first, first_version = told_by(covers, pool)
            change(covers)
            second, second_version = told_by(covers, pool)
        earlier, later = first.result(), second.result()
    assert (earlier.status, later.status) == ("SUCCEEDED", "SUCCEEDED"), (earlier.cause, later.cause)

    # Each has changed the store, and waited for what it had told.
    assert [(ended.output["put"] > 0, ended.output["ETag"]) for ended in (earlier, later)] == [
        (True, first_version),
        (True, second_version),
    ]
    assert covers.store()["version"] == second_version
    # The first was never answered with its own, and asked until it gave up; the second had to ask once.
    assert [one.text for one in covers.server.asked] == [second_version] * (MAX_ATTEMPTS + 1)
    assert earlier.output["superseded"] is True
    assert "superseded" not in later.output


@pytest.mark.skipif("PROVE" not in os.environ, reason="in `make prove`")
def test_its_policy_is_enough_and_needed(binary):
    with ministack(names=True, AUTH="true", SFN_WAIT_SCALE="0") as local:
        app = Cdk(local.url, TOKYO, APP, local.home)
        app.bootstrap()
        made = app.deploy("EmbargoedCovers")
        s3, iam = local.client("s3", TOKYO), local.client("iam", TOKYO)
        for bucket in s3.list_buckets()["Buckets"]:
            # It asks for TLS, which there is none of.
            s3.delete_bucket_policy(Bucket=bucket["Name"])
        (role,) = (one["RoleName"] for one in iam.list_roles()["Roles"] if "CrossRegionFunction" in one["RoleName"])
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        assert {action for one in policy["Statement"] for action in _actions(one) if action in NEEDED_BY} == {
            *NEEDED_BY
        }

        def run(without: str | None) -> Any:
            kept = [one for one in policy["Statement"] if without not in _actions(one)]
            # The local AWS judges what is done to a store as if it had no name.
            kept.append({"Effect": "Allow", "Action": [it for it in STORE_ACTIONS if it != without], "Resource": "*"})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy | {"Statement": kept}))
            item = {"cover": {"S": "1.png"}, "release": {"S": f"2024-02-15T00:00:00Z {without}"}}
            local.client("dynamodb", TOKYO).put_item(TableName=made["TableName"], Item=item)
            return execute(local, made["StateMachineArn"], {})

        # Nothing stands in for the HTTP task here: who has all that is needed comes as far as the wait.
        ended = run(None)
        assert (ended.error, ended.last_state) == ("CrossRegion.NotReady", "NotReady"), ended.cause
        for action, state in NEEDED_BY.items():
            ended = run(action)
            assert (ended.status, ended.last_state) == ("FAILED", state), action
            assert ended.error in ("AccessDenied", "AccessDeniedException"), action


def told_by(covers: Covers, pool: ThreadPoolExecutor) -> tuple[Future[Execution], str]:
    """A run that goes on, and the version that it has told."""
    before = covers.store().get("version")
    run = pool.submit(covers.export_and_sync)
    while (version := covers.store().get("version", before)) == before:
        assert not run.done(), f"it told no version: {run.result()}"
        time.sleep(0.05)
    return run, version


def wait_for_failure(covers: Covers, run: Future[Execution], error: str) -> None:
    """Until a task of the run has failed with it."""
    states = covers.local.client("stepfunctions", TOKYO)
    machine = covers.made["StateMachineArn"]
    while not run.done():
        running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
        for one in running:
            history = states.get_execution_history(executionArn=one["executionArn"], maxResults=1000)["events"]
            if any(event.get("taskFailedEventDetails", {}).get("error") == error for event in history):
                return
        time.sleep(0.05)
    ended = run.result()
    raise AssertionError(f"it ended without {error}: {ended.status}, {ended.error}, {ended.cause}")


def events(ended: Execution, details: str) -> list[dict[str, Any]]:
    """What the history says of one kind of event."""
    return [event[details] for event in ended.history if details in event]


def state_at(ended: Execution, name: str, side: str) -> Any:
    """The input with which a state was entered first, or the output with which it was left."""
    details = {"input": "stateEnteredEventDetails", "output": "stateExitedEventDetails"}[side]
    return json.loads(next(event[side] for event in events(ended, details) if event["name"] == name))


def _actions(statement: dict[str, Any]) -> list[str]:
    return statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
