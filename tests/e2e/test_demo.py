"""The demo is a test too: deployed, run, judged and cleaned up as `make demo` does it."""

from demo import main_job, there


def test_main_job():
    said: list[str] = []
    assert main_job.run(said.append), "\n".join(said)


def test_an_effect_at_home_is_noticed(monkeypatch):
    """One item and one message in the state machine's own Region, as if a call had gone astray."""
    make = there.make

    def astray(local):
        things = make(local)
        local.client("dynamodb", there.HERE).put_item(TableName="orders", Item={"id": {"S": "order-17"}})
        queue = local.client("sqs", there.HERE).get_queue_url(QueueName="shipments")["QueueUrl"]
        local.client("sqs", there.HERE).send_message(QueueUrl=queue, MessageBody="{}")
        return things

    monkeypatch.setattr(there, "make", astray)
    said: list[str] = []
    assert not main_job.run(said.append)
    wrong = [line for line in "\n".join(said).splitlines() if "WRONG" in line]
    assert len(wrong) == 2, wrong
