"""What every suite needs: the release binary, as it is packaged, and a local AWS for all of them.

Nothing enters; fixtures leave. A missing binary fails at once, because each suite is about that file.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import paths
from support.ministack import Ministack, ministack


@pytest.fixture(scope="session")
def binary() -> Path:
    assert paths.BOOTSTRAP.read_bytes()[:4] == b"\x7fELF", f"{paths.BOOTSTRAP} is not a binary: make bootstrap"
    return paths.BOOTSTRAP


@pytest.fixture(scope="session")
def local() -> Iterator[Ministack]:
    with ministack() as running:
        yield running
