"""The example failover-core-banking, deployed in two Regions and run both ways, with endpoints and a Region down.

What is a stand-in here is said in `demo.core_banking`.
"""

from demo import core_banking


def test_there_and_back(binary):
    said: list[str] = []
    assert core_banking.run(said.append), "\n".join(said)
