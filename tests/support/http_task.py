"""A stand-in for the HTTP task of Step Functions, which the local AWS does not have.

A local AWS, the ARN of a state machine and the URL of a server enter. Afterwards the resource of each HTTP task in the
state machine's definition is a Lambda function (`http_task_function`) that asks this server. Not a letter of the
definition is otherwise: the function takes the arguments that the task has, and answers in its shape.
"""

import io
import zipfile

from support import aws, paths
from support.ministack import Ministack

RESOURCE = "arn:aws:states:::http:invoke"
_FUNCTION = paths.ROOT / "tests" / "support" / "http_task_function.py"


def stand_in(local: Ministack, machine: str, server: str) -> None:
    region = machine.split(":")[3]
    function = local.client("lambda", region).create_function(
        FunctionName="http-task",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=f"arn:aws:iam::{aws.ACCOUNT}:role/http-task",
        Code={"ZipFile": _package()},
        Timeout=60,
        Environment={"Variables": {"SERVER": server}},
    )["FunctionArn"]
    states = local.client("stepfunctions", region)
    definition = states.describe_state_machine(stateMachineArn=machine)["definition"]
    assert RESOURCE in definition, f"{machine} has no HTTP task"
    states.update_state_machine(stateMachineArn=machine, definition=definition.replace(RESOURCE, function))


def _package() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        package.writestr(entry, _FUNCTION.read_text())
    return packed.getvalue()
