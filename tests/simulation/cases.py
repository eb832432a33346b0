"""Every case by a name, from which it can be made again: `seed 17`, `single squares 3`, `pair squares 1003`, ..."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from shardlearn.engines.rounds import Round

from .faults import CALLS, FLUSHES, Crash, Schedule, Setting, drawn, pairs, singles
from .simulate import Broken, Outcome, simulate, sites
from .subjects import SUBJECTS, reference

LUCK = range(6)
DEATHS = (Crash(at_round=2), Crash(at_round=2, lies=(12,)), Crash(at_call=30), Crash(at_round=1, power=False))


@cache
def schedules(kind: str, subject: str) -> Sequence[Schedule]:
    """The enumerated ones."""
    setting = Setting(subject)
    everywhere = sites(setting)
    match kind:
        case "single":
            return [Schedule(setting, (one,)) for one in singles(everywhere)]
        case "kept":
            setting = replace(setting, scatter=True)
            return [Schedule(setting, (one,)) for one in singles(sites(setting))]
        case "kept-pair":  # at a piece of the first pass that is merged in parts, and at one of its portions
            setting = replace(setting, scatter=True)
            return [Schedule(setting, both) for both in pairs([sites(setting)[at] for at in (2, 4)])]
        case "pair":  # on two workers: with three there would be twice as many
            setting = Setting(subject, workers=2)
            return [Schedule(setting, two) for two in pairs(sites(setting))]
        case "few":  # pairs at the middle piece of the third round and the first of the fourth
            return [Schedule(setting, two) for two in pairs([everywhere[5], everywhere[7]])]
        case "disk":
            return [Schedule(setting, (), (crash,)) for crash in crashes(len(reference(subject)[1]))]
        case _:  # a fault of the cluster, and the death of the driver
            grid = [site for site in everywhere if site.round < 2]
            return [Schedule(setting, (one,), (death,)) for one in singles(grid) for death in DEATHS]


def every(kind: str, subject: str) -> list[str]:
    """The names of the enumerated ones."""
    return [f"{kind} {subject} {i}" for i in range(len(schedules(kind, subject)))]


def crashes(rounds: int) -> list[Crash]:
    """At every call of the file system, and after every flush that did nothing; of the driver, or of the machine."""
    calls = range(CALLS * rounds)
    alone = [Crash(at_call=call, power=False) for call in calls]
    machine = [Crash(at_call=call, luck=luck) for call in calls for luck in LUCK]
    # A flush of the last checkpoint is followed by no round; the one before is followed by another checkpoint too.
    lying = [
        Crash(at_round=at, luck=luck, lies=(flush,))
        for flush in range(FLUSHES * (rounds - 1))
        for at in range(flush // FLUSHES + 1, rounds)
        for luck in LUCK
    ]
    return alone + machine + lying


def named(name: str) -> Schedule:
    """The schedule of that name."""
    kind, *rest = name.split()
    if kind in ("seed", "kept-seed"):
        scatter = kind == "kept-seed"
        return drawn(int(rest[0]), ["logistic", "squares"] if scatter else sorted(SUBJECTS), sites, scatter)
    return schedules(kind, rest[0])[int(rest[1])]


def command(name: str) -> str:
    """How to see it again."""
    what = f"--seed {name.split()[1]}" if name.startswith("seed ") else f'--case "{name}"'
    return f"python -m tests.simulation {what}"


def tried(name: str, policy: type[Round] = Round) -> Outcome:
    """What comes of it; a failure says how to see it again."""
    try:
        return simulate(named(name), policy)
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}\nreplay: {command(name)}") from error
