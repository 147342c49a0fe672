"""Variables that lead the SDKs elsewhere lead the function nowhere.

A trap listens where each variable points; the call must reach the local AWS as if the variable were not
set. The control is another SDK, which the same variables do lead into the trap.
"""

import subprocess
import sys

import pytest

from e2e.events import REGION, error, event, permit
from support import aws
from support.listener import listener
from support.process import free_port, plain_environment
from support.runtime_api import function

TABLE = [permit("sts", "getCallerIdentity")]
CALL = event("sts", "getCallerIdentity", retry={"mode": "none"})
PROFILE = "[profile mine]\nendpoint_url = {url}\nregion = eu-north-1\nuse_fips_endpoint = true\nrole_arn = x\n"

POINTING = {
    "proxies": ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"],
    "the service's endpoint": ["AWS_ENDPOINT_URL_STS"],
    "where credentials are fetched": [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    ],
}
PLAIN = {
    "bundles of root certificates": {
        "AWS_CA_BUNDLE": "/nowhere.pem", "SSL_CERT_FILE": "/nowhere.pem", "SSL_CERT_DIR": "/nowhere",
    },
    "variants of the endpoint": {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "retries": {"AWS_MAX_ATTEMPTS": "x", "AWS_RETRY_MODE": "legacy"},
    "another default Region": {"AWS_DEFAULT_REGION": "eu-north-1"},
    "configured endpoints switched off": {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
}  # fmt: skip


@pytest.fixture
def trap():
    with listener() as (url, seen):
        yield url, seen


def answer_with(binary, local, **variables):
    environment = {**aws.environment(local.url, "ap-northeast-1"), **variables}
    with function([binary], environment, TABLE) as running:
        return running.invoke(CALL, deadline_s=10)


def assert_as_ever(answer, local):
    assert answer.kind == "response", answer
    assert answer.json()["Account"] == aws.ACCOUNT
    metadata = answer.json()["$metadata"]
    assert (metadata["region"], metadata["endpoint"].rstrip("/")) == (REGION, local.url)


@pytest.mark.parametrize("names", POINTING.values(), ids=POINTING)
def test_variables_that_point_elsewhere_are_ignored(binary, local, trap, names):
    answer = answer_with(binary, local, **dict.fromkeys(names, trap[0]))
    assert_as_ever(answer, local)
    assert trap[1] == []


@pytest.mark.parametrize("variables", PLAIN.values(), ids=PLAIN)
def test_settings_of_the_sdks_are_ignored(binary, local, variables):
    assert_as_ever(answer_with(binary, local, **variables), local)


def test_profiles_are_ignored(binary, local, trap, tmp_path):
    (tmp_path / "config").write_text(PROFILE.format(url=trap[0]))
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = 111122223333\naws_secret_access_key = x\n")
    answer = answer_with(
        binary, local,
        AWS_PROFILE="mine",
        AWS_CONFIG_FILE=str(tmp_path / "config"),
        AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"),
    )  # fmt: skip
    assert_as_ever(answer, local)
    assert trap[1] == []


def test_no_proxy_for_https_either(binary, trap):
    environment = {
        **aws.environment(f"https://127.0.0.1:{free_port()}", "ap-northeast-1"),
        **dict.fromkeys(POINTING["proxies"], trap[0]),
    }
    with function([binary], environment, TABLE) as running:
        name, message = error(running.invoke(CALL, deadline_s=10))
    assert (name, message["effect"]) == ("CrossRegion.Unreachable", "none")
    assert trap[1] == []


@pytest.mark.parametrize(
    "variables",
    [{"AWS_ENDPOINT_URL_STS": "{trap}"}, {"HTTP_PROXY": "{trap}", "http_proxy": "{trap}"}],
    ids=["endpoint", "proxy"],
)
def test_another_sdk_follows_them(local, trap, tmp_path, variables):
    environment = {
        **plain_environment(tmp_path),
        **aws.environment(local.url, REGION),
        **{name: value.format(trap=trap[0]) for name, value in variables.items()},
        "AWS_MAX_ATTEMPTS": "1",
    }
    call = "import boto3; boto3.client('sts').get_caller_identity()"
    subprocess.run([sys.executable, "-c", call], env=environment, capture_output=True, timeout=60)
    assert trap[1]
