"""What botocore does beyond its models: the events it listens to, and with which function.

Leaves: `[event, handler]` pairs as one JSON array, those of the list of built-in handlers and those that
a client registers for itself, whose handler is the registering method.
"""

import inspect
import json
import sys
from typing import Any

from botocore.client import ClientCreator
from botocore.handlers import BUILTIN_HANDLERS


def name(handler: Any) -> str:
    owner = getattr(handler, "__self__", None)
    if owner is not None:
        return type(owner).__name__
    return getattr(handler, "__name__", type(handler).__name__)


registered = [(event, name(handler)) for event, handler, *_ in BUILTIN_HANDLERS]
methods = [method for method, _ in inspect.getmembers(ClientCreator) if method.startswith("_register_")]
registered += [("client", method) for method in methods]
json.dump(registered, sys.stdout)
