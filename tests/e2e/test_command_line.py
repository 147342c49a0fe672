"""The same binary in a person's hands: one event with their own credentials, and what the catalog knows."""

import json
import subprocess

import pytest

from e2e.events import event, named, permit
from support import aws
from support.process import free_port, plain_environment

GOOD = event("sts", "getCallerIdentity")
TABLE = [permit("sts", "getCallerIdentity")]


@pytest.fixture
def run(binary, local, tmp_path):
    """Runs the binary in an empty home, with the person's variables."""

    def run(*arguments, told=None, **variables):
        environment = {
            **plain_environment(tmp_path),
            **aws.environment(local.url, "ap-northeast-1"),
            **variables,
        }
        return subprocess.run(
            [binary, *arguments],
            cwd=tmp_path,
            env={name: value for name, value in environment.items() if value is not None},
            input=told,
            capture_output=True,
            text=True,
            timeout=30,
        )

    return run


@pytest.fixture
def files(tmp_path):
    (tmp_path / "event.json").write_text(json.dumps(GOOD))
    (tmp_path / "table.json").write_text(json.dumps(TABLE))


@pytest.mark.usefixtures("files")
class TestCall:
    def test_prints_the_result_alone(self, run):
        done = run("call", "--event", "event.json", "--table", "table.json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["Account"] == aws.ACCOUNT
        assert done.stdout.endswith("}\n")

    def test_reads_the_event_from_a_pipe(self, run):
        done = run("call", "--event", "-", "--table", "table.json", told=json.dumps(GOOD))
        assert json.loads(done.stdout)["Account"] == aws.ACCOUNT

    def test_uses_the_persons_profile(self, run, tmp_path):
        (tmp_path / ".aws").mkdir()
        keys = "aws_access_key_id = 111122223333\naws_secret_access_key = x\n"
        (tmp_path / ".aws" / "credentials").write_text(f"[mine]\n{keys}")
        done = run(
            "call", "--event", "event.json", "--table", "table.json",
            AWS_PROFILE="mine", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None,
        )  # fmt: skip
        assert json.loads(done.stdout)["Account"] == "111122223333"

    def test_a_failed_call_exits_with_1(self, run):
        denied = json.dumps(event("sqs", "listQueues"))
        done = run("call", "--event", "-", "--table", "table.json", told=denied)
        assert done.returncode == 1
        assert named(json.loads(done.stdout))[0] == "CrossRegion.NotAllowed"

    def test_the_table_holds_here_too(self, run, tmp_path):
        (tmp_path / "empty.json").write_text("[]")
        done = run("call", "--event", "event.json", "--table", "empty.json")
        assert named(json.loads(done.stdout))[0] == "CrossRegion.NotAllowed"

    @pytest.mark.parametrize("told", ["", "{", "[]", '{"service": 7}'])
    def test_an_event_that_is_none_is_a_failed_call(self, run, told):
        done = run("call", "--event", "-", "--table", "table.json", told=told)
        assert (done.returncode, done.stderr) == (1, "")
        assert named(json.loads(done.stdout))[0] == "CrossRegion.InvalidEvent"

    def test_a_malformed_table_is_a_failed_call(self, run, tmp_path):
        (tmp_path / "table.json").write_text('[{"service": "sts"}]')
        done = run("call", "--event", "event.json", "--table", "table.json")
        assert done.returncode == 1
        assert "OPERATION_TABLE" in done.stdout

    def test_an_unreachable_service_is_a_failed_call(self, run):
        url = f"http://127.0.0.1:{free_port()}"
        done = run("call", "--event", "event.json", "--table", "table.json", AWS_ENDPOINT_URL=url)
        assert done.returncode == 1
        assert named(json.loads(done.stdout))[0] == "CrossRegion.Unreachable"

    def test_without_a_region_it_says_so(self, run):
        nowhere = {"AWS_REGION": None, "AWS_DEFAULT_REGION": None}
        done = run("call", "--event", "event.json", "--table", "table.json", **nowhere)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--region" in done.stderr

    def test_the_region_may_be_given(self, run, tmp_path):
        (tmp_path / "table.json").write_text(json.dumps([permit("sts", "getCallerIdentity", region="*")]))
        nowhere = {"AWS_REGION": None, "AWS_DEFAULT_REGION": None}
        arguments = ("call", "--event", "event.json", "--table", "table.json", "--region", "cn-north-1")
        done = run(*arguments, **nowhere)
        # The event's Region is of another partition than the one where the function would run.
        assert done.returncode == 1
        assert named(json.loads(done.stdout))[0] == "CrossRegion.InvalidEvent"

    def test_one_line_for_a_pipe(self, run):
        done = run("call", "--event", "event.json", "--table", "table.json")
        assert done.stdout.count("\n") == 1

    @pytest.mark.parametrize(
        "arguments",
        [
            ("call",),
            ("call", "--event", "event.json"),
            ("call", "--event", "no-such-file", "--table", "table.json"),
            ("call", "--evnt", "event.json", "--table", "table.json"),
            ("call", "--event", "event.json", "--table"),
            ("call", "--event", "event.json", "--table", "table.json", "more"),
            ("show", "dynamodb", "deleteTable", "more"),
            ("show", "dynamodb", "--event", "event.json"),
            ("show",),
            ("fly",),
            (),
        ],
    )
    def test_wrong_arguments_exit_with_2_and_say_what_fits(self, run, arguments):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "bootstrap call --event FILE --table FILE" in done.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("help",), ("call", "--help"), ("show", "-h")])
def test_help_goes_to_the_reader(run, arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("bootstrap call", "bootstrap show", "Exit code"):
        assert part in done.stdout


class TestShow:
    def test_an_action(self, run):
        done = run("show", "DynamoDB", "deletetable")
        assert (done.returncode, done.stderr) == (0, "")
        shown = json.loads(done.stdout)
        assert (shown["service"], shown["action"]) == ("dynamodb", "deleteTable")
        assert shown["parameters"] == {"TableName": {"type": "string", "required": True}}
        assert "ResourceNotFoundException" in shown["errors"]
        assert shown["readOnly"] is False

    def test_what_an_action_has_beside_members(self, run):
        assert json.loads(run("show", "s3", "headBucket").stdout)["waiters"] == [
            "BucketExists",
            "BucketNotExists",
        ]
        assert json.loads(run("show", "s3", "putObject").stdout)["parameters"]["Body"]["body"] is True
        written = json.loads(run("show", "dynamodb", "transactWriteItems").stdout)
        assert written["idempotencyToken"] == "ClientRequestToken"
        assert json.loads(run("show", "dynamodb", "scan").stdout)["paginator"]["resultKey"]

    def test_an_unknown_action(self, run):
        done = run("show", "dynamodb", "deleteTabel")
        name, message = named(json.loads(done.stdout))
        assert (done.returncode, name) == (1, "CrossRegion.UnknownOperation")
        assert "deleteTable" in message["message"]

    def test_a_service_lists_its_actions(self, run):
        shown = json.loads(run("show", "s3").stdout)
        assert {"getObject", "putObject", "listObjectsV2"} <= set(shown["actions"])

    def test_near_names_for_a_misspelling(self, run):
        done = run("show", "dynamdb")
        assert done.returncode != 0
        assert "dynamodb" in done.stdout + done.stderr

    def test_a_reader_that_stops_reading_is_no_fault(self, binary):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; '{binary}' show ec2 | head -c 10"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0
        assert done.stderr == ""
        assert len(done.stdout) == 10
