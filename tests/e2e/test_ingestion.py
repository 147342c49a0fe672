"""The example knowledge-base-ingestion, deployed and run: started, joined, waited for, cut off, and failing.

What is a stand-in here is said in `support.ingesting`.
"""

from demo import ingestion


def test_ingestions(binary):
    said: list[str] = []
    assert ingestion.run(said.append), "\n".join(said)
