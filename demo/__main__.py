"""The story: learn which flights land late, then the same from a table larger than the memory it may use."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from . import flights, judge
from .commands import FailedError, ask, say, show

FOLDER = Path("demo-data")
LEARN, CHECK = str(FOLDER / "flights/learn/*.parquet"), str(FOLDER / "flights/check/*.parquet")
MODEL, PREDICTIONS, BIG, BIG_MODEL = (FOLDER / name for name in ("model", "predictions", "big", "big-model"))
ROOM_ON_DISK = 1_000_000_000  # the large table takes a third of it
LEAST_AUC, LARGEST_DIFFERENCE = 0.875, 0.001
GOAL = ["--target", flights.TARGET, "--missing", "drop"]
TASK = ["linear_model.LogisticRegression", *GOAL, "--columns", ",".join(flights.FEATURES), "--memory", "200MB"]


def main() -> int:
    began = time.monotonic()
    try:
        FOLDER.mkdir(exist_ok=True)
        table = first_act()
        # second_act(flights.learning(table))
    except FailedError as why:
        say(f"The demo stops here: {why}")
        return 1
    say(f"The end, after {duration(time.monotonic() - began)}. `rm -r {FOLDER}` frees the disk.")
    return 0


def first_act() -> pa.Table:
    say("FIRST ACT: which flights land late?\n")
    table = flights.labelled(flights.read())
    late, unknown = pc.sum(table[flights.TARGET]).as_py(), table[flights.TARGET].null_count
    say(
        f"{table.num_rows:,} flights left New York City in 2013. A flight is late when it lands more than {flights.LATE}"
    )
    say(
        f"minutes behind: {late:,} were. {unknown:,} were cancelled or never arrived, so nobody can say whether they were"
    )
    say("late: their label is missing, and --missing drop leaves them out, with a count. What is known only after")
    say(f"landing ({', '.join(flights.AFTER_LANDING)}) is not in the table. Here it is as 12 files, a month each.")
    flights.write_months(table, FOLDER / "flights")
    show("inspect", "--data", LEARN, *GOAL, "--columns", ",".join(flights.FEATURES))
    say("Learn from January to October what is known at take-off, within 200 MB of memory:")
    show("fit", *TASK, "--data", LEARN, "--out", str(MODEL), "--overwrite")
    evaluate(table)
    predict(table)
    compare_workers()
    return table


def evaluate(table: pa.Table) -> None:
    say("How good is it on November and December, which it has not seen?")
    show("evaluate", str(MODEL), "--data", CHECK, *GOAL)
    ours = ask("evaluate", str(MODEL), "--data", CHECK, *GOAL)["metrics"]["auc"]
    theirs = judge.auc(flights.learning(table), flights.checking(table))
    say("Put a late and a punctual flight side by side: the AUC is how often the model finds the late one.")
    say(f"    shardlearn    AUC {ours:.6f}\n    scikit-learn  AUC {theirs:.6f}   (the same rows, all in memory)\n")
    if ours < LEAST_AUC or abs(ours - theirs) > LARGEST_DIFFERENCE:
        raise FailedError(f"expected at least {LEAST_AUC}, and no further apart than {LARGEST_DIFFERENCE}")


def predict(table: pa.Table) -> None:
    say("Predict those two months; the answers stream to Parquet in the order of the rows:")
    show("predict", str(MODEL), "--data", CHECK, "--missing", "drop", "--out", str(PREDICTIONS), "--overwrite")
    answers = ds.dataset(PREDICTIONS, format="parquet").to_table()
    rows = table.filter(pc.greater(table["month"], flights.LAST_MONTH_TO_LEARN))
    surest = pc.sort_indices(answers, [("probability_True", "descending")])[0].as_py()
    row = {name: column[0] for name, column in rows.slice(answers["row"][surest].as_py(), 1).to_pydict().items()}
    say(f"The surest one: {row['carrier']} {row['flight']} from {row['origin']} to {row['dest']} on")
    say(f"2013-{row['month']:02}-{row['day']:02}, {row['dep_delay']} minutes behind at take-off.\n")


def compare_workers() -> None:
    say("The same fit with 1, 2 and 3 workers. A fingerprint is a hash of all bits of a model:")
    prints = set()
    for workers in ("1", "2", "3"):
        command = ["fit", *TASK, "--data", LEARN, "--workers", workers]
        prints.add(ask(*command, "--out", str(MODEL), "--overwrite")["fingerprint"])
        say(f"    --workers {workers}   {max(prints) if len(prints) == 1 else sorted(prints)}")
    if len(prints) > 1:
        raise FailedError("the models differ")
    say("    equal: the model does not depend on who computed it\n")


def second_act(rows: pa.Table) -> None:
    count, decoded = flights.big_rows(rows), flights.decoded_bytes(rows)
    say(f"SECOND ACT: {count / 1e6:.0f} million rows, {decoded / 1e9:.1f} GB when decoded, still within 200 MB\n")
    free = shutil.disk_usage(FOLDER).free
    if free < ROOM_ON_DISK:
        raise FailedError(f"the large table wants {ROOM_ON_DISK / 1e9:.0f} GB free here; {free / 1e9:.1f} GB are")
    say(
        f"The rows of January to October, {flights.COPIES * flights.FILES} times over, go to {BIG}: a third of a gigabyte on disk,"
    )
    say(f"compressed; {free / 1e9:.0f} GB are free.")
    written = flights.write_big(rows, BIG)
    say(
        f"Written: {flights.FILES} files, {written / 1e6:.0f} MB. Each pass decodes all of it anew, a few row groups at a time."
    )
    show("fit", *TASK, "--data", str(BIG / "*.parquet"), "--out", str(BIG_MODEL), "--overwrite")
    report = ask("report", str(BIG_MODEL))["report"]
    say(f"{report['rows']:,} rows, {report['passes']} passes, {report['rows_per_second'] / 1e6:.1f} million rows/s;")
    say(f"at most {report['memory_peak'] / 1e6:.0f} MB of memory beside the program itself, limit 200 MB.\n")
    shutil.rmtree(BIG)


def duration(seconds: float) -> str:
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


if __name__ == "__main__":
    sys.exit(main())
