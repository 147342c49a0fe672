"""Moves a bank from Tokyo to Osaka and back, with an endpoint and then a Region down, and shows what happened where.

Nothing enters; a transcript leaves on stdout. The exit code is 0 only if every check held. Run as
`python -m demo.core_banking`.

Real are the state machines, the function, the tables, and the global database of the local AWS. That one switches
writers at once, and only with `allowDataLoss`: the planned way needs databases that run. Stand-ins are the five cluster
endpoints (`support.arc`) and the outage of a Region (`support.outage`).
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from demo import transcript
from support import aws, paths
from support.arc import Cluster, cluster
from support.cdk import Cdk
from support.executions import Execution, execute
from support.ministack import Ministack, ministack
from support.outage import Outage, outage

TOKYO = "ap-northeast-1"
OSAKA = "ap-northeast-3"
NAMES = {TOKYO: "tokyo", OSAKA: "osaka"}
STACKS = {OSAKA: "FailoverToOsaka", TOKYO: "FailoverToTokyo"}
TABLE = "bank-control"
GLOBAL_CLUSTER = "bank"
APP = paths.ROOT / "tests" / "e2e" / "apps" / "core-banking"


@dataclass
class Bank:
    """The bank in both Regions, through the eyes of the local AWS and of the cluster."""

    local: Ministack
    arc: Cluster
    door: Outage
    clusters: dict[str, str]
    machines: dict[str, str] = field(default_factory=dict)
    logged: dict[str, int] = field(default_factory=dict)

    def accepting(self, region: str) -> bool | None:
        item = self._item(region, "service")
        return item and item["accepting"]["BOOL"]

    def lock(self, region: str) -> str | None:
        item = self._item(region, "lock")
        return item and item["owner"]["S"]

    def writer(self) -> str:
        (found,) = self.local.client("rds", OSAKA).describe_global_clusters(GlobalClusterIdentifier=GLOBAL_CLUSTER)[
            "GlobalClusters"
        ]
        (writer,) = [member["DBClusterArn"] for member in found["GlobalClusterMembers"] if member["IsWriter"]]
        return writer.split(":")[3]

    def traffic(self, region: str) -> str:
        return self.arc.states.get(control(region), "Off")

    def log(self) -> Iterator[dict[str, Any]]:
        """The lines that the functions have written since this was last asked."""
        for region in (TOKYO, OSAKA):
            logs = self.local.client("logs", region)
            for group in (group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]):
                events = logs.filter_log_events(logGroupName=group)["events"]
                lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
                yield from lines[self.logged.get(group, 0) :]
                self.logged[group] = len(lines)

    def _item(self, region: str, name: str) -> dict[str, Any] | None:
        table = self.local.client("dynamodb", region)
        return table.get_item(TableName=TABLE, Key={"id": {"S": name}}, ConsistentRead=True).get("Item")


def control(region: str) -> str:
    return f"arn:aws:route53-recovery-control::{aws.ACCOUNT}:controlpanel/bank/routingcontrol/{NAMES[region]}"


@contextmanager
def bank(say: Callable[[str], None] = print) -> Iterator[Bank]:
    """A bank that lives in Tokyo, and the state machines for the way to Osaka and back."""
    with ExitStack() as stack:
        door = stack.enter_context(outage())
        arc = stack.enter_context(cluster())
        local = stack.enter_context(ministack(AWS_ENDPOINT_URL=door.url))
        door.behind = local.url
        made = Bank(local, arc, door, _make(local))
        arc.states = {control(TOKYO): "On", control(OSAKA): "Off"}
        told = {
            NAMES[region]: {
                "region": region,
                "routingControlArn": control(region),
                "databaseClusterArn": made.clusters[region],
            }
            for region in (TOKYO, OSAKA)
        }
        told |= {"globalCluster": GLOBAL_CLUSTER, "controlTable": TABLE, "clusterEndpoints": arc.endpoints()}
        for region, name in STACKS.items():
            start = time.monotonic()
            app = Cdk(local.url, region, APP, local.home, {"BANK": json.dumps(told)})
            app.bootstrap()
            made.machines[region] = app.deploy(name)["StateMachineArn"]
            stack.callback(app.destroy, name)
            say(f"deployed {name} in {region} by `cdk deploy` in {time.monotonic() - start:.0f} s")
        yield made


def _make(local: Ministack) -> dict[str, str]:
    clusters = {}
    for region in (TOKYO, OSAKA):
        local.client("dynamodb", region).create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        rds = local.client("rds", region)
        if region == TOKYO:
            rds.create_global_cluster(GlobalClusterIdentifier=GLOBAL_CLUSTER, Engine="aurora-postgresql")
            rights = {"MasterUsername": "bank", "MasterUserPassword": "not-a-secret"}
        else:
            rights = {}
        made = rds.create_db_cluster(
            DBClusterIdentifier=f"bank-{NAMES[region]}",
            Engine="aurora-postgresql",
            GlobalClusterIdentifier=GLOBAL_CLUSTER,
            **rights,
        )
        clusters[region] = made["DBCluster"]["DBClusterArn"]
    local.client("dynamodb", TOKYO).put_item(
        TableName=TABLE, Item={"id": {"S": "service"}, "accepting": {"BOOL": True}}
    )
    return clusters


def run(say: Callable[[str], None] = print) -> bool:
    """True if every check held."""
    say("A bank moves from Tokyo to Osaka, back, and to Osaka again.\n")
    with bank(say) as made:
        checks: list[tuple[bool, str]] = []

        made.arc.cut("us-east-1")
        say("\nthe cluster's endpoint in us-east-1 goes down; to Osaka\n")
        moved = _move(made, OSAKA, {"allowDataLoss": True}, say)
        checks += _at(made, OSAKA, moved)
        checks.append((made.accepting(TOKYO) is False, f"the bank in {TOKYO} was stopped"))

        checks += _again(made, OSAKA, say)

        made.arc.restore("us-east-1")
        # Route 53 ARC holds three of five reachable; the stand-in is worse.
        for region in ("us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2"):
            made.arc.cut(region)
        say("\nthat endpoint is back, the four others go down; back to Tokyo\n")
        checks += _at(made, TOKYO, _move(made, TOKYO, {"allowDataLoss": True}, say))

        for region in ("us-west-2", "eu-west-1", "ap-southeast-2"):
            made.arc.restore(region)
        made.door.cut.add(TOKYO)
        say(f"\n{TOKYO} goes dark, the cluster's other endpoints are back; to Osaka, without leave to lose data\n")
        refused = _move(made, OSAKA, {}, say)
        checks.append(
            (refused.error == "WouldLoseData", "without leave to lose data the execution ends before it acts")
        )
        checks.append((made.traffic(TOKYO) == "On" and made.writer() == TOKYO, "before anything is turned"))
        checks.append((made.lock(OSAKA) is None, "its lock is gone"))
        say("\nthe same with leave to lose data\n")
        moved = _move(made, OSAKA, {"allowDataLoss": True}, say)
        checks += _at(made, OSAKA, moved, is_source_reachable=False)

        say("\nwhat is where\n")
        held = transcript.all_held(checks, say)
    say(f"\nstacks destroyed, local AWS stopped: {'every check held' if held else 'NOT every check held'}")
    return held


def _again(made: Bank, region: str, say: Callable[[str], None]) -> Iterator[tuple[bool, str]]:
    """Another execution while one waits for its redrive, and one that finds all of its steps done."""
    table = made.local.client("dynamodb", region)
    table.put_item(TableName=TABLE, Item={"id": {"S": "lock"}, "owner": {"S": "another execution"}})
    say(f"\nonce more to {region}, while another execution holds the lock\n")
    refused = _move(made, region, {"allowDataLoss": True}, say)
    yield refused.error == "AlreadyRunning", "a second execution is refused"
    yield made.lock(region) == "another execution", "and the lock of the first is left alone"
    table.delete_item(TableName=TABLE, Key={"id": {"S": "lock"}})
    say(f"\nonce more to {region}, where the bank is already\n")
    yield from _at(made, region, _move(made, region, {"allowDataLoss": True}, say))


def _move(made: Bank, to: str, told: dict[str, Any], say: Callable[[str], None]) -> Execution:
    ended = execute(made.local, made.machines[to], told)
    rows = [("call", "where", "outcome", "effect", "attempts", "took")]
    for line in made.log():
        outcome = line.get("error", "ok")
        call, where = f"{line.get('service')} {line.get('action')}", line["region"]
        if "procedure" in line:
            # Its Region is that of the event; which endpoint served is in the result.
            call, where = line["procedure"], (ended.output or {}).get("servedBy", "")
        rows.append((call, where, outcome, line["effect"], str(line["attempts"]), f"{line['durationMs']} ms"))
    say(transcript.table(rows))
    how = json.dumps(ended.output) if ended.output else f"{ended.error}: {ended.cause}"
    say(f"\n  {ended.status} in {ended.took_s:.1f} s: {how}")
    return ended


def _at(made: Bank, there: str, ended: Execution, is_source_reachable: bool = True) -> Iterator[tuple[bool, str]]:
    """Each a fact that could be otherwise: looked up at the source, not in what the execution reported."""
    gone = TOKYO if there == OSAKA else OSAKA
    yield ended.status == "SUCCEEDED", f"the execution to {there} succeeded"
    yield made.writer() == there, f"the writer of the database is in {there}"
    yield made.accepting(there) is True, f"the bank in {there} takes payments"
    yield (
        made.traffic(there) == "On" and made.traffic(gone) == "Off",
        f"traffic goes to {there} and not to {gone}",
    )
    yield made.lock(there) is None and made.lock(gone) is None, "no lock is left"
    answered = (ended.output or {}).get("sourceAnswered")
    yield answered is is_source_reachable, f"{gone} {'answered' if is_source_reachable else 'did not answer'}"


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
