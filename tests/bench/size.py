"""The binary's weight: in the file, and in the zip that Lambda is given.

A path enters; bytes leave.
"""

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Size:
    binary: int
    zipped: int


def size(binary: Path) -> Size:
    with tempfile.TemporaryFile() as archive:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
            package.write(binary, "bootstrap")
        return Size(binary.stat().st_size, archive.tell())
