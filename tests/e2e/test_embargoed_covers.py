"""The example embargoed-covers, deployed: embargoed before, shown after, and the function deployed with its store.

What is a stand-in here is said in `demo.embargoed_covers`.
"""

from demo import embargoed_covers


def test_embargoed_before_and_shown_after(binary):
    said: list[str] = []
    assert embargoed_covers.run(said.append), "\n".join(said)
