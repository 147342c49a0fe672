"""The example app, deployed to the local AWS: an upload is told twice, and the costly step runs once."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import paths
from support.cdk import Cdk
from support.executions import Execution, execute
from support.ministack import Ministack, ministack

HERE = "ap-northeast-1"
THERE = "us-west-2"


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Ministack, dict[str, str]]]:
    with ministack() as local:
        folder = paths.CDK / "examples" / "exactly-once-on-upload"
        for region, stack in ((THERE, "CoverRenderer"), (HERE, "ExactlyOnceOnUpload")):
            home = Path(local.home, stack)
            home.mkdir()
            app = Cdk(local.url, region, folder, home)
            app.bootstrap()
            outputs = app.deploy(stack)
        yield local, outputs


def runs(local: Ministack, key: str) -> int:
    """How often the renderer ran for the object."""
    logs = local.client("logs", THERE)
    events = logs.filter_log_events(logGroupName="/aws/lambda/cover-renderer")["events"]
    return sum(f"rendering {key} " in event["message"] for event in events)


def upload(local: Ministack, outputs: dict[str, str], key: str) -> tuple[dict, dict]:
    """The execution that the upload starts, and the event that it was started with."""
    states = local.client("stepfunctions", HERE)
    machine = outputs["StateMachineArn"]
    known = {it["executionArn"] for it in states.list_executions(stateMachineArn=machine)["executions"]}
    local.client("s3", HERE).put_object(Bucket=outputs["Bucket"], Key=key, Body=b"...")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for it in states.list_executions(stateMachineArn=machine)["executions"]:
            if it["executionArn"] not in known and it["status"] != "RUNNING":
                told = states.describe_execution(executionArn=it["executionArn"])
                return told, json.loads(told["input"])
        time.sleep(0.2)
    raise TimeoutError("the upload started no execution that ended")


def again(local: Ministack, outputs: dict[str, str], event: dict) -> Execution:
    """The second delivery of the same event."""
    return execute(local, outputs["StateMachineArn"], event)


def test_the_costly_step_runs_once(deployed):
    local, outputs = deployed
    first, event = upload(local, outputs, "covers/one.png")
    assert first["status"] == "SUCCEEDED", first
    second = again(local, outputs, event)
    assert second.status == "SUCCEEDED"
    assert second.output == json.loads(first["output"])
    assert runs(local, "covers/one.png") == 1


def test_another_upload_of_the_same_object_is_another_piece_of_work(deployed):
    local, outputs = deployed
    first, event = upload(local, outputs, "covers/two.png")
    event["detail"]["object"]["sequencer"] += "0"
    second = again(local, outputs, event)
    assert second.output != json.loads(first["output"])
    assert runs(local, "covers/two.png") == 2


def test_what_can_never_be_rendered_fails_once(deployed):
    local, outputs = deployed
    first, event = upload(local, outputs, "covers/letter.txt")
    # AWS reports the exception's class; the local AWS names every exception of a function so.
    assert (first["status"], first["error"]) == ("FAILED", "Runtime.HandlerError")
    assert runs(local, "covers/letter.txt") == 1, "an error that a repetition does not mend was repeated"
    second = again(local, outputs, event)
    assert (second.status, second.error, second.cause) == ("FAILED", first["error"], first["cause"])
    assert runs(local, "covers/letter.txt") == 1
