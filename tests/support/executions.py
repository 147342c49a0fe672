"""One execution of a deployed state machine, from its input to how it ended.

A local AWS, an ARN and an input enter; an `Execution` leaves, also of one that failed. Fails with
`TimeoutError` if it still runs after two minutes.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from support.ministack import Ministack


@dataclass(frozen=True)
class Execution:
    status: str
    output: dict[str, Any] | None
    error: str | None
    cause: str | None
    took_s: float
    history: list[dict[str, Any]]

    @property
    def last_state(self) -> str:
        """The state that was entered last: where a failed execution failed."""
        entered = [event["stateEnteredEventDetails"] for event in self.history if "stateEnteredEventDetails" in event]
        return entered[-1]["name"]


def execute(local: Ministack, machine: str, told: Any) -> Execution:
    states = local.client("stepfunctions", machine.split(":")[3])
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(told))["executionArn"]
    deadline = time.monotonic() + 120
    while (ended := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise TimeoutError(f"execution still runs after 120 s: {arn}")
        time.sleep(0.1)
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
    return Execution(
        ended["status"],
        json.loads(ended["output"]) if "output" in ended else None,
        ended.get("error"),
        ended.get("cause"),
        (ended["stopDate"] - ended["startDate"]).total_seconds(),
        [event for page in pages for event in page["events"]],
    )
