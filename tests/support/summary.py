"""The table of what the suites ran, from what they printed themselves.

Enters: the logs that `make test` and `make prove` leave in `.tools/log`, a runner a file. Leaves: Markdown on standard
output. Fails where a log has no closing line of its runner: then there was no run to speak of.
"""

import re
import sys
from collections import Counter
from pathlib import Path

# On a machine of one core the line stands behind the name of its test.
SUITE = re.compile(
    r"^(?:test \S+ \.\.\. )?(?P<suite>[^:]{3,80}): (?P<cases>\d+) cases, (?P<passed>\d+) passed(?P<skipped>.*)$"
)
FUZZ = re.compile(
    r"^fuzz (?P<target>[a-z0-9-]+): (?P<runs>[\d,]+) runs, (?P<edges>[\d,]+) edges .*, (?P<last>the last new .*)$"
)
SKIPPED = re.compile(r"(\d+) skipped \(([^)]*)\)")
CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
JEST = re.compile(r"^Tests: +(.*?)(\d+) passed, (\d+) total")
PYTEST = re.compile(r"^=+ (.*passed.*) in .* =+$")


class Suite:
    """The runs of one suite together: some run once a seed, once a protocol, once an action."""

    def __init__(self):
        self.cases = 0
        self.passed = 0
        self.skipped = Counter()

    def add(self, found):
        self.cases += int(found["cases"])
        self.passed += int(found["passed"])
        for count, reason in SKIPPED.findall(found["skipped"]):
            self.skipped[reason] += int(count)


def main(folder: Path) -> None:
    suites: dict[str, Suite] = {}
    fuzzed = []
    runners = []
    for log in sorted(folder.iterdir()):
        closing = []
        cargo = [0, 0, 0]
        for line in log.read_text(errors="replace").splitlines():
            if found := SUITE.match(line):
                suites.setdefault(found["suite"], Suite()).add(found)
            elif found := FUZZ.match(line):
                fuzzed.append(found)
            elif found := CARGO.match(line):
                cargo = [total + int(count) for total, count in zip(cargo, found.groups(), strict=True)]
            elif (found := JEST.match(line)) or (found := PYTEST.match(line)):
                closing.append(found.group(0).strip("= ").removeprefix("Tests:").strip())
        if any(cargo):
            closing.append(f"{cargo[0]} passed, {cargo[1]} failed, {cargo[2]} ignored")
        if closing:
            runners.append((log.name, "; ".join(closing)))
    if not suites or not fuzzed or not runners:
        sys.exit(f"{folder}: no suite has run")

    print("# What the suites ran\n")
    print("Made by `make prove` from what the suites print; no number here is typed by hand.\n")
    print("| suite | cases | passed | skipped |")
    print("| --- | --- | --- | --- |")
    for name, suite in suites.items():
        skipped = "; ".join(f"{count:,}: {reason}" for reason, count in suite.skipped.items())
        print(f"| {name} | {suite.cases:,} | {suite.passed:,} | {skipped} |")
    print("\n| fuzzed | runs | edges | when coverage last grew |")
    print("| --- | --- | --- | --- |")
    for found in fuzzed:
        print(f"| {found['target']} | {found['runs']} | {found['edges']} | {found['last']} |")
    print("\n| runner | closing lines |")
    print("| --- | --- |")
    for name, closing in runners:
        print(f"| {name} | {closing} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
