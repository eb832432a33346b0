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
GOAL = ["--target", flights.TARGET, "--missing", "drop"]
FEATURES = ["--columns", ",".join(flights.FEATURES)]
ROOM_ON_DISK = 1_000_000_000  # the large table takes a third of it
LEAST_AUC, LARGEST_DIFFERENCE = 0.875, 0.001


def main() -> int:
    began = time.monotonic()
    try:
        FOLDER.mkdir(exist_ok=True)
        table = first_act()
        second_act(flights.learning(table))
    except FailedError as why:
        say(f"The demo stops here: {why}")
        return 1
    say(f"The end, after {duration(time.monotonic() - began)}. `rm -r {FOLDER}` frees the disk.")
    return 0


def fit(data: str, out: Path) -> list[str]:
    task = ["fit", "linear_model.LogisticRegression", "--data", data, *GOAL, *FEATURES]
    return [*task, "--memory", "200MB", "--out", str(out), "--overwrite"]


def first_act() -> pa.Table:
    say("FIRST ACT: which flights land late?\n")
    table = flights.labelled(flights.read())
    late, unknown = pc.sum(table[flights.TARGET]).as_py(), table[flights.TARGET].null_count
    say(f"{table.num_rows:,} flights were to leave New York City in 2013. Late is one that lands more than")
    say(f"{flights.LATE} minutes behind its time: {late:,} did. {unknown:,} were cancelled or landed elsewhere, so")
    say("nobody can say whether they were: the label is missing, and --missing drop leaves them out, with a count.")
    say(f"What is known only after landing ({', '.join(flights.AFTER_LANDING)}) is not in the table.")
    say("Here it is as 12 Parquet files, a month each; first a look at January to October:")
    flights.write_months(table, FOLDER / "flights")
    show("inspect", "--data", LEARN, *GOAL, *FEATURES)
    say("Learn from them what is known at take-off, within 200 MB of memory:")
    show(*fit(LEARN, MODEL))
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
    say(f"    shardlearn    AUC {ours:.6f}")
    say(f"    scikit-learn  AUC {theirs:.6f}   (the same rows, all in memory)\n")
    if ours < LEAST_AUC or abs(ours - theirs) > LARGEST_DIFFERENCE:
        raise FailedError(f"expected at least {LEAST_AUC}, and no further apart than {LARGEST_DIFFERENCE}")


def predict(table: pa.Table) -> None:
    say("Predict those two months; the answers stream to Parquet in the order of the rows:")
    show("predict", str(MODEL), "--data", CHECK, "--missing", "drop", "--out", str(PREDICTIONS), "--overwrite")
    answers = ds.dataset(PREDICTIONS, format="parquet").to_table()
    rows = table.filter(pc.greater(table["month"], flights.LAST_MONTH_TO_LEARN))
    surest = pc.sort_indices(answers, [("probability_True", "descending")])[0].as_py()
    row = {name: column[0] for name, column in rows.slice(answers["row"][surest].as_py(), 1).to_pydict().items()}
    say(f"The surest one is {row['carrier']} {row['flight']} from {row['origin']} to {row['dest']} on")
    say(f"2013-{row['month']:02}-{row['day']:02}: it took off {row['dep_delay']} minutes behind.\n")


def compare_workers() -> None:
    say("The same fit with 1, 2 and 3 workers. A fingerprint is a hash of all bits of a model:")
    prints = set()
    for workers in ("1", "2", "3"):
        found = ask(*fit(LEARN, MODEL), "--workers", workers)["fingerprint"]
        prints.add(found)
        say(f"    --workers {workers}   {found}")
    if len(prints) > 1:
        raise FailedError("the models differ")
    say("They are equal: the model does not depend on who computed it.\n")


def second_act(rows: pa.Table) -> None:
    count, decoded = flights.big_rows(rows), flights.decoded_bytes(rows)
    say(f"SECOND ACT: {count / 1e6:.0f} million rows, {decoded / 1e9:.1f} GB when decoded, still within 200 MB\n")
    free = shutil.disk_usage(FOLDER).free
    if free < ROOM_ON_DISK:
        raise FailedError(f"the large table wants {ROOM_ON_DISK / 1e9:.0f} GB free here; {free / 1e9:.1f} GB are")
    say(f"The rows of January to October go to {BIG}, {flights.COPIES * flights.FILES} times over: a third of a")
    say(f"gigabyte on disk, where {free / 1e9:.0f} GB are free.")
    written = flights.write_big(rows, BIG)
    say(f"Written: {flights.FILES} files, {written / 1e6:.0f} MB. Every pass of the fit decodes them all again.")
    try:
        show(*fit(str(BIG / "*.parquet"), BIG_MODEL))
    finally:
        shutil.rmtree(BIG)
    report = ask("report", str(BIG_MODEL))["report"]
    speed = report["rows_per_second"] / 1e6
    say(f"{report['rows']:,} rows, {report['passes']} passes, {speed:.1f} million rows a second;")
    say(f"at most {report['memory_peak'] / 1e6:.0f} MB of memory beside the program itself, of 200 MB allowed.\n")


def duration(seconds: float) -> str:
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


if __name__ == "__main__":
    sys.exit(main())
