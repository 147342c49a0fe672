"""What botocore's own waiters make of answers: for every waiter and each of its acceptors, an answer that is meant for
it; beside these an answer at random and an error that no model knows.

    python -m differential.waits --seed 1 --mode sample [--shard 0/2] [--service s3 …]

writes one JSON object a line: service, waiter, operation, the parameters of the call, an answer as the service would
send it, and what botocore's waiter makes of this one answer.
"""

import base64
import re

import jmespath
from botocore import UNSIGNED
from botocore.exceptions import ClientError, DataNotFoundError, MissingDependencyException, WaiterError
from botocore.waiter import Waiter

from differential.clients import Client, answer
from differential.errors import UNKNOWN, Refusal
from differential.lines import write
from differential.pages import Page
from differential.values import Values

#: Random outputs among which one that an acceptor matches is looked for.
TRIES = 300

#: Names, elements of lists, and all values of a map.
PLAIN = re.compile(r"^\w+(\[\])?(\.(\w+(\[\])?|\*))*$")


def forced(values, shape, given, steps, expected, other):
    """`given` with `expected` at the end of the steps; of an innermost list's two elements one may be another."""
    if not steps:
        return expected
    step, *rest = steps
    if step == "[]":
        is_innermost = "[]" not in rest
        both = [expected, other if is_innermost and other is not None else expected]
        return [forced(values, shape.member, values.value(shape.member, [])[0], rest, it, other) for it in both]
    if step == "*":
        return {"key": forced(values, shape.value, values.value(shape.value, [])[0], rest, expected, other)}
    member = shape.members[step]
    below = given.get(step) if isinstance(given, dict) else None
    below = below if below is not None else values.value(member, [])[0]
    return {**given, step: forced(values, member, below, rest, expected, other)}


def output_for(operation, acceptor, make_values):
    """An output that the acceptor matches, or none if it takes more luck than there was."""

    def is_match(given):
        try:
            return acceptor.matcher_func({**given, "ResponseMetadata": {"HTTPStatusCode": 200}})
        except jmespath.exceptions.JMESPathError:
            return False

    shape = operation.output_shape
    if PLAIN.match(acceptor.argument):
        steps = [step for part in acceptor.argument.split(".") for step in re.findall(r"\w+|\[\]|\*", part)]
        values = make_values(0)
        given, _ = values.parameters(shape)
        other = "OTHER" if acceptor.matcher == "pathAny" and isinstance(acceptor.expected, str) else None
        given = forced(values, shape, given, steps, acceptor.expected, other)
        if is_match(given):
            return given
    for at in range(TRIES):
        given, _ = make_values(at).parameters(shape)
        if is_match(given):
            return given
    return None


class Cases:
    """The answers of one waiter."""

    def __init__(self, service, waiter, operation, seed, mode):
        self.service, self.waiter, self.operation, self.mode = service, waiter, operation, mode
        self.source = f"{seed} {mode} {service} {waiter.operation}"

    def values(self, name, mode=None):
        model = self.operation.service_model
        return Values(model, self.service, f"{self.source} {name}", mode or self.mode)

    def given(self, given):
        return Page(self.operation, None).write_given(self.operation.output_shape, given)

    def sample(self, name):
        shape = self.operation.output_shape
        return self.given(self.values(name).parameters(shape)[0] if shape is not None else {})

    def refusal(self, code):
        for shape in self.operation.error_shapes:
            if code in (shape.name, shape.metadata.get("error", {}).get("code")):
                return Refusal(self.operation, self.values(code, "required")).write_error(shape)
        return Refusal(self.operation, None).write_error(None, code)

    def of(self, acceptor, name):
        if acceptor.matcher == "error":
            if acceptor.expected is False:
                return self.sample(name)
            return self.refusal(UNKNOWN if acceptor.expected is True else acceptor.expected)
        if acceptor.matcher == "status":
            if acceptor.expected < 300:
                return self.sample(name)
            sent = self.refusal(UNKNOWN)
            sent.status = acceptor.expected
            return sent
        output = output_for(
            self.operation, acceptor, lambda at: self.values(f"{name} {at}", "sample" if at % 2 else "deep")
        )
        return None if output is None else self.given(output)

    def all(self):
        for at, acceptor in enumerate(self.waiter.acceptors):
            yield f"acceptor {at}", self.of(acceptor, f"acceptor {at}")
        yield "random", self.sample("random")
        yield "unknown error", self.refusal(UNKNOWN)


def verdict(waiter, call):
    def method(**_):
        try:
            return call()
        except ClientError as error:
            return error.response

    try:
        Waiter("it", waiter, method).wait()
        return "holds"
    except WaiterError as error:
        reason = str(error)
        if "Max attempts exceeded" in reason:
            return "not yet"
        return "never" if "terminal failure state" in reason else "unforeseen"
    except jmespath.exceptions.JMESPathError:
        return "broken"


def cases(session, client, service, name, waiter, seed, mode):
    operation = client.client.meta.service_model.operation_model(waiter.operation)
    waiter.max_attempts = 1
    made = Cases(service, waiter, operation, seed, mode)
    given, written = {}, {}
    if operation.input_shape is not None:
        given, written = made.values("parameters", "required").parameters(operation.input_shape)
    for what, sent in made.all():
        line = {"service": service, "operation": waiter.operation, "waiter": name, "case": what, "parameters": written}
        if sent is None:
            line["refused"] = "no answer was found for it"
            yield line
            continue

        def network(request, sent=sent):
            return answer(request.url, sent.status, sent.headers, sent.body)

        line["answer"] = {"status": sent.status, "headers": sent.headers, "body": base64.b64encode(sent.body).decode()}
        client.network = network
        try:
            try:
                line["verdict"] = verdict(waiter, lambda: client.call(operation, given))
            except MissingDependencyException:
                unsigned = Client(session, service, network, signature_version=UNSIGNED)
                line["verdict"] = verdict(waiter, lambda unsigned=unsigned: unsigned.call(operation, given))
        except Exception as error:
            line["refused"] = f"{type(error).__name__}: {error}"
        yield line


def lines(session, service, seed, mode):
    try:
        model = session.get_waiter_model(service)
    except DataNotFoundError:
        return
    client = Client(session, service, None)
    for name in model.waiter_names:
        yield from cases(session, client, service, name, model.get_waiter(name), seed, mode)


if __name__ == "__main__":
    write(__doc__, lines)
