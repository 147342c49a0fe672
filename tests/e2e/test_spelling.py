"""Step Functions' own spelling: the same call by its own integration and through the function, side by side.

A state machine of one task calls a service by `arn:aws:states:::aws-sdk:…`; the function calls it in the same
Region with `spelling: stepFunctions` and the same parameters, word for word. Output and error name must be the
same. The local interpreter is no authority where it departs from what is published: each such place is listed
with the reason, and must stay different, so that none outlives it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from e2e.events import error, event, permit
from support import aws
from support.executions import execute
from support.ministack import ministack
from support.runtime_api import function

# The interpreter calls S3 there, whatever Region it runs in.
REGION = "us-east-1"
BUCKET = "spelling-covers"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@dataclass(frozen=True)
class Call:
    """As a definition writes it: the integration's service and action, and its parameters.

    `unlike` are the places in which the interpreter's answer differs, `named` is the error's name where the
    interpreter has another.
    """

    service: str
    action: str
    parameters: dict[str, Any]
    unlike: frozenset[str] = frozenset()
    named: str | None = None

    def __str__(self) -> str:
        return f"{self.service}:{self.action}"


# The Java SDK lowers an acronym only where a name begins with it: `ChecksumCRC32` in answers recorded on AWS. The
# interpreter lowers every one.
ACRONYM_INSIDE = frozenset({"StreamDescriptionSummary.StreamARN", "StreamDescriptionSummary.Streamarn"})
# As above, and a boolean that the interpreter leaves a text, as it does most numbers of XML.
CLUSTER = frozenset(f"DbClusters[0].{name}" for name in ("MultiAZ", "Multiaz", "IamDatabaseAuthenticationEnabled"))
# Numbers that the interpreter leaves texts.
LISTED = frozenset({"KeyCount", "MaxKeys", "Contents[0].Size"})
# A header's date as it came, and a header that the interpreter does not read.
HEAD = frozenset({"LastModified", "AcceptRanges"})
# What the server answers, and the API has not.
VPC = frozenset(f"Vpcs[0].{name}" for name in ("DefaultNetworkAclId", "DefaultSecurityGroupId", "MainRouteTableId"))

ITEM = {
    "id": {"S": "order-17"},
    "DBName": {"Ss": ["a", "b"]},
    "counts": {"Ns": ["1", "2"]},
    "open": {"Bool": True},
    "gone": {"Nul": True},
    "lines": {"L": [{"M": {"SKU": {"S": "A-1"}, "ns": {"N": "3"}}}]},
}
KEY = {"id": {"S": "order-17"}}

ANSWERED = [
    Call("dynamodb", "putItem", {"TableName": "orders", "Item": ITEM}),
    Call(
        "dynamodb",
        "updateItem",
        {
            "TableName": "orders",
            "Key": KEY,
            "UpdateExpression": "SET gone = :gone, #open = :open",
            "ExpressionAttributeNames": {"#open": "open"},
            "ExpressionAttributeValues": {":gone": {"Nul": True}, ":open": {"Bool": False}},
            "ReturnValues": "ALL_NEW",
        },
    ),
    Call("dynamodb", "getItem", {"TableName": "orders", "Key": KEY, "ConsistentRead": True}),
    Call(
        "dynamodb",
        "query",
        {
            "TableName": "orders",
            "KeyConditionExpression": "id = :id",
            "ExpressionAttributeValues": {":id": {"S": "order-17"}},
        },
    ),
    Call("dynamodb", "describeTable", {"TableName": "orders"}),
    Call("dynamodb", "listTables", {"Limit": 5}),
    Call("secretsmanager", "describeSecret", {"SecretId": "spelling"}),
    Call("secretsmanager", "getSecretValue", {"SecretId": "spelling"}),
    Call("sfn", "describeActivity", {"ActivityArn": f"arn:aws:states:{REGION}:{aws.ACCOUNT}:activity:spelling"}),
    Call("ssm", "getParameter", {"Name": "/spelling"}),
    Call("ssm", "getParametersByPath", {"Path": "/", "Recursive": True}),
    Call("cloudwatchlogs", "describeLogGroups", {"LogGroupNamePrefix": "/spelling"}),
    Call("kinesis", "describeStreamSummary", {"StreamName": "spelling"}, unlike=ACRONYM_INSIDE),
    Call("kms", "listAliases", {}),
    Call("kms", "describeKey", {"KeyId": "alias/spelling"}),
    Call("ecs", "describeClusters", {"Clusters": ["spelling"]}),
    Call("ecr", "describeRepositories", {"RepositoryNames": ["spelling"]}),
    Call("eventbridge", "describeRule", {"Name": "spelling"}),
    Call("sns", "listTopics", {}),
    Call("iam", "getRole", {"RoleName": "spelling"}, unlike=frozenset({"Role.MaxSessionDuration"})),
    Call("sts", "getCallerIdentity", {}),
    Call("rds", "describeDBClusters", {"DbClusterIdentifier": "spelling"}, unlike=CLUSTER),
    Call("ec2", "describeVpcs", {"Filters": [{"Name": "is-default", "Values": ["true"]}]}, unlike=VPC),
    Call("s3", "listObjectsV2", {"Bucket": BUCKET, "Prefix": "one"}, unlike=LISTED),
    Call("s3", "headObject", {"Bucket": BUCKET, "Key": "one.txt"}, unlike=HEAD),
    Call("s3", "getBucketVersioning", {"Bucket": BUCKET}),
]

REFUSED = [
    Call("dynamodb", "getItem", {"TableName": "nowhere", "Key": KEY}),
    Call(
        "dynamodb",
        "putItem",
        {"TableName": "orders", "Item": KEY, "ConditionExpression": "attribute_not_exists(id)"},
    ),
    Call("secretsmanager", "getSecretValue", {"SecretId": "nowhere"}),
    # Every exception of the Java SDK ends in Exception; the interpreter hands on the code.
    Call(
        "sfn",
        "describeStateMachine",
        {"StateMachineArn": f"arn:aws:states:{REGION}:{aws.ACCOUNT}:stateMachine:nowhere"},
        named="Sfn.StateMachineDoesNotExistException",
    ),
    Call("ssm", "getParameter", {"Name": "/nowhere"}, named="Ssm.ParameterNotFoundException"),
    Call(
        "rds",
        "describeDBInstances",
        {"DbInstanceIdentifier": "nowhere"},
        named="Rds.DbInstanceNotFoundException",
    ),
    # The interpreter cannot read the code of this answer.
    Call("iam", "getRole", {"RoleName": "nowhere"}, named="Iam.NoSuchEntityException"),
    Call("kinesis", "describeStreamSummary", {"StreamName": "nowhere"}),
    Call("kms", "describeKey", {"KeyId": "11111111-2222-3333-4444-555555555555"}),
    Call("ecr", "describeRepositories", {"RepositoryNames": ["nowhere"]}),
    Call("rds", "describeDBClusters", {"DbClusterIdentifier": "nowhere"}),
    Call("s3", "listObjectsV2", {"Bucket": "nowhere-at-all"}),
    Call("lambda", "getFunction", {"FunctionName": "nowhere"}),
]


def make(local) -> str:
    """Makes what the calls are about, and the state machines' role."""
    client = {name: local.client(name, REGION) for name in ("dynamodb", "s3", "kms")}
    client["dynamodb"].create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client["s3"].create_bucket(Bucket=BUCKET)
    client["s3"].put_object(Bucket=BUCKET, Key="one.txt", Body=b"one", Metadata={"DBName": "a"})
    key = client["kms"].create_key()["KeyMetadata"]["KeyId"]
    client["kms"].create_alias(AliasName="alias/spelling", TargetKeyId=key)
    local.client("secretsmanager", REGION).create_secret(Name="spelling", SecretString="open sesame")
    local.client("stepfunctions", REGION).create_activity(name="spelling")
    local.client("ssm", REGION).put_parameter(Name="/spelling", Value="a", Type="String")
    local.client("logs", REGION).create_log_group(logGroupName="/spelling")
    local.client("kinesis", REGION).create_stream(StreamName="spelling", ShardCount=1)
    local.client("ecs", REGION).create_cluster(clusterName="spelling")
    local.client("ecr", REGION).create_repository(repositoryName="spelling")
    local.client("events", REGION).put_rule(Name="spelling", ScheduleExpression="rate(1 day)")
    local.client("sns", REGION).create_topic(Name="spelling")
    local.client("rds", REGION).create_db_cluster(
        DBClusterIdentifier="spelling",
        Engine="aurora-postgresql",
        MasterUsername="spelling",
        MasterUserPassword="open-sesame",
    )
    role = local.client("iam", REGION).create_role(RoleName="spelling", AssumeRolePolicyDocument=TRUST)
    return role["Role"]["Arn"]


@pytest.fixture(scope="module")
def sides(binary) -> Iterator[tuple[Any, Any]]:
    """Both ways to call: each takes a call and gives an output or an error's name."""
    with ministack() as local:
        role = make(local)
        states = local.client("stepfunctions", REGION)
        table = [permit(call.service, call.action, region=REGION) for call in ANSWERED + REFUSED]
        table.append(permit("s3", "putObject", "getObject", region=REGION))
        with function([binary], aws.environment(local.url, "ap-northeast-1"), table) as running:

            def own(call: Call) -> Any:
                task = {
                    "Type": "Task",
                    "Resource": f"arn:aws:states:::aws-sdk:{call.service}:{call.action}",
                    "Parameters": call.parameters,
                    "End": True,
                }
                definition = json.dumps({"StartAt": "Call", "States": {"Call": task}})
                machine = states.create_state_machine(name="spelling", definition=definition, roleArn=role)
                try:
                    ended = execute(local, machine["stateMachineArn"], {})
                finally:
                    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
                return ended.output if ended.status == "SUCCEEDED" else ended.error

            def ours(call: Call, **more: Any) -> Any:
                told = event(
                    call.service,
                    call.action,
                    REGION,
                    parameters=call.parameters,
                    spelling="stepFunctions",
                    **more,
                )
                answer = running.invoke(json.dumps(told).encode())
                return answer.json() if answer.kind == "response" else error(answer)[0]

            yield own, ours


@pytest.mark.parametrize("call", ANSWERED, ids=str)
def test_output_is_that_of_the_own_integration(sides, call):
    own, ours = (side(call) for side in sides)
    assert isinstance(ours, dict), ours
    assert "$metadata" not in ours
    assert set(differences(own, ours)) == call.unlike


@pytest.mark.parametrize("call", REFUSED, ids=str)
def test_error_name_is_that_of_the_own_integration(sides, call):
    own, ours = (side(call) for side in sides)
    assert ours == (call.named or own)
    assert (own != ours) == (call.named is not None)


# The interpreter knows no objects' bodies. These are what AWS itself stored for each, as recorded by others.
STORED = [
    ("text data", '"text data"', "2b5df3712557f503a9977a8ea893b2c9"),
    ({"Dict": "Value"}, '{"Dict":"Value"}', "49e31cee5aec8faf3345893addb14346"),
    (["List", "Data"], '["List","Data"]', "6b23860357f6e63a0272b7f1143a663a"),
    (False, "false", "68934a3e9455fa72420237eb05902327"),
    (0, "0", "cfcd208495d565ef66e7dff9f98764da"),
]


@pytest.mark.parametrize(("body", "text", "etag"), STORED, ids=[text for _, text, _ in STORED])
def test_streamed_bodies_go_out_as_json_and_come_back_as_text(sides, body, text, etag):
    _, ours = sides
    place = {"Bucket": BUCKET, "Key": "body"}
    assert ours(Call("s3", "putObject", {**place, "Body": body}))["ETag"] == f'"{etag}"'
    found = ours(Call("s3", "getObject", place))
    assert (found["Body"], found["ContentLength"]) == (text, len(text))
    assert (found["ContentType"], found["Metadata"]) == ("text/plain; charset=UTF-8", {})


def differences(own: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where two outputs differ. Times are moments: the interpreter writes milliseconds also where they are zero."""
    if isinstance(own, dict) and isinstance(ours, dict):
        for name in own.keys() | ours.keys():
            inner = f"{path}.{name}" if path else name
            if name in own and name in ours:
                yield from differences(own[name], ours[name], inner)
            else:
                yield inner
    elif isinstance(own, list) and isinstance(ours, list) and len(own) == len(ours):
        for at, (one, other) in enumerate(zip(own, ours, strict=True)):
            yield from differences(one, other, f"{path}[{at}]")
    elif type(own) is not type(ours) or moment(own) != moment(ours):
        yield path


def moment(value: Any) -> Any:
    if isinstance(value, str) and value.endswith("Z") and value[:2] == "20":
        return datetime.fromisoformat(value)
    return value
