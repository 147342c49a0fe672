"""The same binary in a person's hands: one event with their own credentials, and what the catalog knows."""

import json
import subprocess

import pytest

from e2e.events import event, named, permit
from support import aws
from support.process import plain_environment

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

    @pytest.mark.parametrize(
        "arguments",
        [
            ("call",),
            ("call", "--event", "event.json"),
            ("call", "--event", "no-such-file", "--table", "table.json"),
            ("call", "--evnt", "event.json", "--table", "table.json"),
            ("show",),
            ("fly",),
            (),
        ],
    )
    def test_wrong_arguments_exit_with_2_and_say_what_fits(self, run, arguments):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr


class TestShow:
    def test_an_action(self, run):
        done = run("show", "dynamodb", "deleteTable")
        shown = json.loads(done.stdout)
        assert done.returncode == 0
        assert "TableName" in json.dumps(shown)

    def test_a_service_lists_its_actions(self, run):
        assert "GetObject" in run("show", "s3").stdout

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
        assert "panicked" not in done.stderr
        assert len(done.stdout) == 10
