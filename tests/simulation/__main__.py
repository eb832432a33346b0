"""Shows one simulated fit, command by command, each with its reason.

python -m tests.simulation --seed 17
python -m tests.simulation --case "pair squares 1003"
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .cases import named
from .simulate import simulate


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int)
    which.add_argument("--case")
    found = parser.parse_args(arguments)
    schedule, log = named(found.case or f"seed {found.seed}"), list[str]()
    print(schedule.setting)
    for one in (*schedule.faults, *schedule.crashes):
        print(f"planned: {one}")
    try:
        outcome = simulate(schedule, log=log)
    except Exception as error:
        print(*log, f"BROKEN: {type(error).__name__}: {error}", sep="\n")
        return 1
    print(*log, sep="\n")
    print(f"gave up: {outcome.error}" if outcome.error else "the same model as without faults")
    print(f"{len(outcome.fired)} faults came to pass; {dict(outcome.counts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
