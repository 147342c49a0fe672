"""The real things in the other Region on which the demo acts, and their namesakes at home.

A local AWS enters; `Things` leave, which can say what became of them. The table and the queue exist
under the same names in both Regions, so that a call to the wrong one would succeed there, and be seen.
"""

from dataclasses import dataclass
from typing import Any

from support import aws
from support.ministack import Ministack

HERE = "ap-northeast-1"
THERE = "us-west-2"

TEXT = "Hello from Oregon: ÄÖÜ, 東京, 🚅.\n"
JSON = b'{"order": 17, "lines": [{"sku": "A-1", "quantity": 2}], "big": 9007199254740993}'
_BUCKET = "main-job-oregon"
_TABLE = "orders"
_QUEUE = "shipments"


@dataclass(frozen=True)
class Things:
    """What the state machine is told, and through whose eyes it is judged."""

    execution_input: dict[str, str]
    local: Ministack

    def items(self, region: str) -> list[dict[str, Any]]:
        return self.local.client("dynamodb", region).scan(TableName=_TABLE, ConsistentRead=True)["Items"]

    def messages(self, region: str) -> list[str]:
        sqs = self.local.client("sqs", region)
        url = sqs.get_queue_url(QueueName=_QUEUE)["QueueUrl"]
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in received.get("Messages", [])]

    def ingestions(self, region: str) -> list[dict[str, Any]]:
        """The jobs of every knowledge base and data source of a Region."""
        agent = self.local.client("bedrock-agent", region)
        return [
            job
            for base in agent.list_knowledge_bases()["knowledgeBaseSummaries"]
            for source in agent.list_data_sources(knowledgeBaseId=base["knowledgeBaseId"])["dataSourceSummaries"]
            for job in agent.list_ingestion_jobs(
                knowledgeBaseId=base["knowledgeBaseId"], dataSourceId=source["dataSourceId"]
            )["ingestionJobSummaries"]
        ]

    def bucket_region(self) -> str:
        return self.local.client("s3", THERE).get_bucket_location(Bucket=_BUCKET)["LocationConstraint"]


def make(local: Ministack) -> Things:
    s3 = local.client("s3", THERE)
    s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": THERE})
    s3.put_object(Bucket=_BUCKET, Key="docs/hello.txt", Body=TEXT.encode(), ContentType="text/plain; charset=utf-8")
    s3.put_object(Bucket=_BUCKET, Key="docs/order.json", Body=JSON, ContentType="application/json")

    for region in (HERE, THERE):
        local.client("dynamodb", region).create_table(
            TableName=_TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        queue = local.client("sqs", region).create_queue(QueueName=_QUEUE)["QueueUrl"]

    base = knowledge_base(local)
    execution_input = {
        "bucket": _BUCKET,
        "textKey": "docs/hello.txt",
        "jsonKey": "docs/order.json",
        "table": _TABLE,
        "queueUrl": queue,
        "knowledgeBaseId": base,
        "dataSourceId": data_source(local, base, _BUCKET),
    }
    return Things(execution_input, local)


def knowledge_base(local: Ministack) -> str:
    """A knowledge base without a data source."""
    return local.client("bedrock-agent", THERE).create_knowledge_base(
        name="manuals",
        roleArn=f"arn:aws:iam::{aws.ACCOUNT}:role/manuals",
        knowledgeBaseConfiguration={
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {
                "embeddingModelArn": f"arn:aws:bedrock:{THERE}::foundation-model/amazon.titan-embed-text-v2:0"
            },
        },
        storageConfiguration={
            "type": "S3_VECTORS",
            "s3VectorsConfiguration": {
                "indexArn": f"arn:aws:s3vectors:{THERE}:{aws.ACCOUNT}:bucket/manuals/index/manuals"
            },
        },
    )["knowledgeBase"]["knowledgeBaseId"]


def data_source(local: Ministack, base: str, bucket: str) -> str:
    """The objects below `docs/` of a bucket, as a source of the knowledge base."""
    return local.client("bedrock-agent", THERE).create_data_source(
        knowledgeBaseId=base,
        name="docs",
        dataSourceConfiguration={
            "type": "S3",
            "s3Configuration": {"bucketArn": f"arn:aws:s3:::{bucket}", "inclusionPrefixes": ["docs/"]},
        },
    )["dataSource"]["dataSourceId"]
