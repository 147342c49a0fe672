"""The file itself: what Lambda can start, and what it weighs."""

import re
import subprocess

from bench.report import BINARY_LIMIT

GLIBC_OF_AL2023 = (2, 34)


def test_needs_no_newer_glibc_than_lambda_has(binary):
    told = _readelf("--version-info", binary)
    needed = {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([0-9.]+)", told)}
    assert needed, "links glibc dynamically, as the runtime expects"
    assert max(needed) <= GLIBC_OF_AL2023


def test_needs_no_other_library_than_the_runtime_has(binary):
    needed = set(re.findall(r"Shared library: \[(.+?)\]", _readelf("--dynamic", binary)))
    assert needed <= {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}


def test_is_an_executable_for_x86_64(binary):
    header = _readelf("--file-header", binary)
    assert "Advanced Micro Devices X86-64" in header
    assert binary.stat().st_mode & 0o111 == 0o111


def test_weighs_at_most_its_limit(binary):
    assert binary.stat().st_size <= BINARY_LIMIT


def test_says_how_to_use_it_when_run_by_hand(binary):
    done = subprocess.run([binary], env={}, capture_output=True, text=True, timeout=10)
    assert "bootstrap call --event" in done.stdout + done.stderr
    assert "bootstrap show" in done.stdout + done.stderr


def _readelf(option, binary):
    return subprocess.run(["readelf", "--wide", option, binary], capture_output=True, text=True, check=True).stdout
