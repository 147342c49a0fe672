"""The demo is a test too: deployed, run, judged and cleaned up as `make demo` does it."""

from demo import main_job


def test_main_job():
    said: list[str] = []
    assert main_job.run(said.append), "\n".join(said)
