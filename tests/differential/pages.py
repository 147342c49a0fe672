"""What botocore's own paginators make of pages, for every operation that answers in pages.

    python -m differential.pages --seed 1 --mode sample [--shard 0/2] [--service s3 …]

writes one JSON object a line: service, operation, the parameters of the first call, the tokens that lead to each
further page, the answers, and botocore's `build_full_result` of them, as the contract writes it.
"""

import base64

from botocore import UNSIGNED
from botocore.exceptions import DataNotFoundError, MissingDependencyException
from botocore.paginate import Paginator

from differential.clients import Client, answer
from differential.lines import write
from differential.responses import Answer, contract
from differential.values import Values

PAGES = 3


class Page(Answer):
    """One page, from values that are given."""

    def write_given(self, shape, given):
        if self.protocol in ("rest-json", "rest-xml"):
            self.rest(shape, given)
        else:
            self.body = self.rpc(shape, given)
        return self


def listed(value):
    return value if isinstance(value, list) else [value]


def put(shape, given, path, make):
    """Sets what stands at a dotted path, in which `[-1]` is the last element."""
    name, _, rest = path.partition(".")
    bare = name.removesuffix("[-1]")
    member = shape.members[bare]
    if not rest:
        given[bare] = make(member)
    elif bare == name:
        put(member, given.setdefault(bare, {}), rest, make)
    else:
        items = given.setdefault(bare, [])
        if not items:
            items.append({})
        put(member.member, items[-1], rest, make)


def drop(given, path):
    name, _, rest = path.partition(".")
    if rest and isinstance(given.get(name), dict):
        drop(given[name], rest)
    elif not rest:
        given.pop(name, None)


def token(page, at, parameter):
    """Text that is long enough for the parameter, and for DynamoDB a key."""
    text = f"token-{page}-{at}".ljust(parameter.metadata.get("min", 0), "x")

    def make(shape):
        if shape.type_name == "map":
            return {"key": {"S": text}}
        return text if shape.type_name == "string" else page * 100 + at + 7

    return make


def page(operation, config, values, at):
    """Values of one page; all but the last name the next."""
    shape = operation.output_shape
    given, _ = values.parameters(shape)
    more = config.get("more_results")
    is_last = at == PAGES - 1
    inputs = [operation.input_shape.members[name] for name in listed(config["input_token"])]
    for place, (path, parameter) in enumerate(zip(listed(config["output_token"]), inputs, strict=True)):
        # Of two places for a token, the first.
        path = path.split(" || ")[0]
        if not is_last:
            put(shape, given, path, token(at, place, parameter))
        elif not more and not path.count("["):
            drop(given, path)
    if more:
        put(shape, given, more, lambda _: not is_last)
    if operation.service_model.service_name == "s3":
        # botocore's handlers read these two.
        given.pop("EncodingType", None)
        for item in given.get("Contents", []):
            item.setdefault("Key", "key")
    return given


def written(shape, tokens):
    return {name: contract(shape.members[name], value) for name, value in tokens.items() if value is not None}


def without_none(value):
    if isinstance(value, dict):
        return {name: without_none(it) for name, it in value.items() if it is not None}
    return value


def case(session, client, service, operation, config, seed, mode):
    source = f"{seed} {mode} {service} {operation.name} pages"
    line = {"service": service, "operation": operation.name, "parameters": {}}
    given = {}
    if operation.input_shape is not None:
        given, line["parameters"] = Values(operation.service_model, service, source, "required").parameters(
            operation.input_shape
        )
    inputs = listed(config["input_token"])
    # Required members may be tokens; a first page has none.
    for name in inputs:
        given.pop(name, None)
        line["parameters"].pop(name, None)
    answers = []
    for at in range(PAGES):
        values = Values(operation.service_model, service, f"{source} {at}", mode)
        sent = Page(operation, values).write_given(operation.output_shape, page(operation, config, values, at))
        answers.append(sent)
    line["answers"] = [
        {"status": it.status, "headers": it.headers, "body": base64.b64encode(it.body).decode()} for it in answers
    ]
    calls = []

    def network(request):
        sent = answers[len(calls) - 1]
        return answer(request.url, sent.status, sent.headers, sent.body)

    def run(client):
        calls.clear()

        def method(**parameters):
            calls.append({name: parameters.get(name) for name in inputs})
            return client.call(operation, parameters)

        return Paginator(method, config, operation).paginate(**given).build_full_result()

    client.network = network
    try:
        try:
            full = run(client)
        except MissingDependencyException:
            full = run(Client(session, service, network, signature_version=UNSIGNED))
        line["result"] = without_none(contract(operation.output_shape, full))
        line["tokens"] = [written(operation.input_shape, tokens) for tokens in calls]
    except Exception as error:
        line["refused"] = f"{type(error).__name__}: {error}"
    return line


def lines(session, service, seed, mode):
    try:
        paginators = session.get_paginator_model(service)._paginator_config
    except DataNotFoundError:
        return
    client = Client(session, service, None)
    model = session.get_service_model(service)
    for name in sorted(paginators):
        yield case(session, client, service, model.operation_model(name), paginators[name], seed, mode)


if __name__ == "__main__":
    write(__doc__, lines)
