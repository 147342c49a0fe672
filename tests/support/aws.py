"""Clients of a local AWS: boto3 against one URL, with credentials that are worth nothing elsewhere.

An endpoint, a service and a Region enter; a client leaves. Every client names its endpoint, so none
can reach the real AWS by accident.
"""

import boto3
from botocore.config import Config

ACCOUNT = "000000000000"
ACCESS_KEY = "test"
SECRET_KEY = "test"

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    s3={"addressing_style": "path"},
    inject_host_prefix=False,
    connect_timeout=5,
    read_timeout=60,
)


def client(url: str, service: str, region: str, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY):
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=_CONFIG,
    )


def environment(url: str, region: str) -> dict[str, str]:
    """The variables with which a command-line tool or a function finds the local AWS."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }
