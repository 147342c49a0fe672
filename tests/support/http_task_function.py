#!/usr/bin/env python3
"""The function of `http_task`: it makes the request that the arguments of an HTTP task describe, and answers as one.

In, by Lambda's Runtime API: `ApiEndpoint`, `Method`, `QueryParameters`. Out: `Headers`, `ResponseBody`, `StatusCode`,
`StatusText`. Another status than 2xx is the error `States.Http.StatusCode.<status>`, no answer at all is
`States.Http.Socket`. Two things are otherwise: what is asked is the server in the variable `SERVER`, whatever the host
of the endpoint is; and it is asked without TLS, and without what the connection of EventBridge would add.
"""

import http.client
import json
import os
from urllib.parse import urlencode, urlsplit


def ask(told: dict) -> dict:
    endpoint = urlsplit(told["ApiEndpoint"])
    query = urlencode(told.get("QueryParameters") or {})
    connection = http.client.HTTPConnection(urlsplit(os.environ["SERVER"]).netloc, timeout=60)
    path = f"{endpoint.path or '/'}{'?' if query else ''}{query}"
    connection.request(told["Method"], path, headers={"Host": endpoint.netloc})
    answer = connection.getresponse()
    text = answer.read().decode()
    is_json = answer.headers.get_content_type() == "application/json"
    return {
        "Headers": {name.lower(): answer.headers.get_all(name) for name in answer.headers},
        "ResponseBody": json.loads(text) if is_json else text,
        "StatusCode": answer.status,
        "StatusText": answer.reason,
    }


def outcome(told: dict) -> tuple[str, dict]:
    """Where the Runtime API is told of it, and what."""
    try:
        answer = ask(told)
    except OSError as error:
        return "error", {"errorType": "States.Http.Socket", "errorMessage": str(error)}
    if 200 <= answer["StatusCode"] < 300:
        return "response", answer
    return "error", {"errorType": f"States.Http.StatusCode.{answer['StatusCode']}", "errorMessage": json.dumps(answer)}


def main() -> None:
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        runtime.request("GET", "/2018-06-01/runtime/invocation/next")
        event = runtime.getresponse()
        told = json.loads(event.read())
        if event.status != 200:
            return
        where, what = outcome(told)
        request = event.headers["Lambda-Runtime-Aws-Request-Id"]
        runtime.request("POST", f"/2018-06-01/runtime/invocation/{request}/{where}", json.dumps(what))
        runtime.getresponse().read()


if __name__ == "__main__":
    main()
