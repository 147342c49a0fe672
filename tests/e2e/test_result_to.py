"""An object of any size goes through the release binary in the same memory."""

import os

import pytest

from e2e.events import event, permit
from support import aws
from support.objects import objects, sha256_of
from support.runtime_api import function

MIB = 1 << 20
SMALL = 64 * MIB
LARGE = (1024 if "PROVE" in os.environ else 320) * MIB + 17
#: Two parts of 8 MiB, and what a call takes by itself.
MOST_KIB = 40 * 1024
# How many of its parts are held at once, the sockets decide: one more or less. What a call takes beside them is
# taken by the small ones, which come some times before the large one.
TIMES = 8
ALLOWED_GROWTH_KIB = 9 * 1024

PLACE = {"bucket": "results", "key": "out/video", "region": "ap-northeast-1"}
TABLE = [{**permit("s3", "getObject"), "results": [{"bucket": "results", "region": "ap-northeast-1"}]}]


def get(size: int) -> dict:
    parameters = {"Bucket": "videos", "Key": str(size)}
    return event("s3", "getObject", parameters=parameters, resultTo=PLACE)


@pytest.mark.timeout(600)
def test_memory_is_flat_whatever_the_size(binary):
    peaks = []
    with objects() as (url, uploads), function([binary], aws.environment(url, "ap-northeast-1"), TABLE) as running:
        for size in (*[SMALL] * TIMES, LARGE):
            answer = running.invoke(get(size), deadline_s=300)
            assert answer.kind == "response", answer
            upload = uploads[-1]
            assert upload.is_complete
            assert answer.json()["resultTo"] == {
                "bucket": "results",
                "key": "out/video",
                "size": size,
                "contentType": "video/mp4",
                "sha256": upload.sha256.hexdigest(),
            }
            assert (upload.size, upload.sha256.hexdigest()) == (size, sha256_of(size))
            peaks.append(running.memory_kib("VmHWM"))
        cpu_s = running.cpu_ms() / 1000
    print(f"peaks {peaks} KiB, {cpu_s:.1f} s of CPU for {(TIMES * SMALL + LARGE) / MIB:.0f} MiB")
    *_, of_small, of_large = peaks
    assert of_large <= MOST_KIB
    assert of_large - of_small <= ALLOWED_GROWTH_KIB
