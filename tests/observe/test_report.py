"""The report counts what happened, reads well, and goes to JSON and back."""

from __future__ import annotations

import json
import pickle
from types import SimpleNamespace

import pytest

from shardlearn.core import events as ev
from shardlearn.core.solver import Status
from shardlearn.observe import Recorder, Report, watch
from shardlearn.observe.picture import Picture
from shardlearn.observe.words import count, duration, figure, percent, plural, size, size_of

ENGINE = SimpleNamespace(name="threads", workers=2, memory=2_000_000_000)
START = ev.FitStarted(
    "Ridge", 33_700_000, 42, 1_900_000_000, "threads", 2, 10**9, "a.parquet", "SHARDLEARN_WORKERS", "memory="
)


def fitted(recorder) -> Report:
    for event in (
        START,
        ev.SolverChosen("Lbfgs", 7, 100),
        ev.ColumnsIgnored(("id", "name")),
        ev.RowsDropped(12, {"a": 12, "b": 0}),
        ev.Timed("read", 3.0, 500),
        ev.Timed("compute", 0.75),
        ev.CarryBuilt("labels", 3, True, 0.25),
        ev.PieceFinished(0, 4, 1000),
        ev.PieceRetried(0, 4, 2, "lost", (0, 40)),
        ev.AnswerDropped(0, 4, 1),
        ev.Sent(1_000, 50),
        ev.Sent(200, 50),
        ev.PassPlanned(2, 2, 100, 10, 1, 5),
        ev.PassPlanned(1, 2, 100, 10, 2, 99),
        ev.PassPlanned(1, 2, 50, 10, 2, 50),
        ev.PassFinished("train"),
        ev.RoundFinished(0, Status.RUNNING, {"loss": 0.5}),
        ev.RoundFinished(1, Status.CONVERGED, {"loss": 0.4}),
        ev.Notice("a sentence"),
        ev.FitFinished("Ridge"),
    ):
        recorder(event)
    return recorder.report()


def test_everything_is_counted() -> None:
    report = fitted(Recorder("Ridge"))
    assert (report.rounds, report.passes, report.rows, report.features) == (2, 1, 33_700_000, 42)
    assert (report.rows_visited, report.bytes_read, report.bytes) == (1000, 500, 1_900_000_000)
    assert (report.dropped_rows, report.dropped, report.ignored_columns) == (12, {"a": 12, "b": 0}, ("id", "name"))
    assert (report.bytes_down, report.bytes_up) == (1_200, 100)
    assert (report.retries, report.late_answers, report.seed, report.solver) == (1, 1, 7, "Lbfgs")
    assert (report.engine, report.workers, report.memory_limit) == ("threads", 2, 10**9)
    assert (report.status, report.figures) == ("converged", {"loss": 0.4})
    assert set(report.versions) == {"shardlearn", "python", "numpy", "scikit-learn", "pyarrow"}
    assert report.memory_peak is not None
    plan = {"readers": 1, "workers": 2, "reading": 100, "blocks": 10, "answers": 2, "room": 99}
    assert (report.planned, report.tight) == (plan, 1)
    assert report.started <= report.finished
    assert report.rows_per_second > 0


def test_a_report_survives_json_and_pickle() -> None:
    report = fitted(Recorder("Ridge"))
    assert pickle.loads(pickle.dumps(report)) == report
    there = json.loads(json.dumps(report.to_dict()))
    assert Report.from_dict(there | {"of a later version": 1}) == report
    assert there["bottleneck"] == report.bottleneck


def test_a_report_reads_well() -> None:
    text = repr(fitted(Recorder("Ridge")))
    assert "converged after 2 rounds by Lbfgs" in text
    assert "33.7 M rows x 42, 1.9 GB, a.parquet" in text
    assert "12 rows for missing values: a 12\n" in text
    assert "75 % of the time was reading Parquet" in text
    assert "threads, 2 workers (SHARDLEARN_WORKERS)" in text
    assert "limit 1.0 GB (memory=)" in text
    assert "1 piece tried again (lost 1); 1 late answer dropped" in text
    assert "id, name" in text
    html = fitted(Recorder("<b>"))._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_an_empty_report_says_little() -> None:
    assert repr(Report("Ridge")) == "Report of Ridge"
    assert Report("Ridge").rows_per_second == 0.0
    assert Report("Ridge", memory_peak=5).lines() == [("memory", "at most 5 B added, no limit")]
    assert Report("Ridge", seconds=2.0, passes=1).lines() == [("time", "2.0 s, 1 pass over the data")]


@pytest.mark.parametrize("phase", ["read", "decode", "pack", "compute", "merge", "waiting"])
def test_each_phase_has_its_sentence(phase) -> None:
    assert Report("Ridge", phases={phase: 1.0}).bottleneck.startswith("100 % of the time was ")


def test_what_was_sent_is_one_line() -> None:
    report = Report("Ridge", passes=10, bytes_down=2_000_000, bytes_up=40_000)
    assert ("sent", "200 kB to the workers and 4.0 kB back by pass, 2.0 MB in all") in report.lines()


def test_what_no_worker_did_was_waiting() -> None:
    now = [0.0]
    recorder = Recorder("Ridge", workers=2, clock=lambda: now[0])
    recorder(ev.Timed("compute", 5.0))
    now[0] = 10.0
    recorder(ev.FitFinished("Ridge"))
    now[0] = 99.0
    report = recorder.report()
    assert report.seconds == 10.0
    assert report.phases == {"compute": 5.0, "waiting": 15.0}


def test_a_watch_notes_an_interrupt_and_passes_it_on() -> None:
    held = []

    def fit() -> None:
        with watch("Ridge", ENGINE) as watched:
            held.append(watched)
            watched.emit(ev.RoundFinished(0, Status.RUNNING))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit()
    assert held[0].report().status == "interrupted"


def test_a_watch_knows_its_engine() -> None:
    told = SimpleNamespace(**vars(ENGINE), workers_from="the CPUs", memory_from="half")
    with watch("Ridge", told) as watched:
        watched.emit(ev.FitStarted("Ridge", 1, 1, 8, "threads", 2, 8))
    assert (watched.report().threads, watched.report().memory_from) == ("the CPUs", "half")
    with watch("Ridge", ENGINE) as watched:
        assert not watched.after()
    report = watched.report()
    assert (report.engine, report.workers, report.memory_limit, report.status) == ("threads", 2, 2_000_000_000, "")
    assert watched.report().seconds == report.seconds


def test_words() -> None:
    assert [count(n) for n in (0, 999_999, 1_000_000, 33_700_000, 5e9, 2.5e12)] == [
        "0",
        "999,999",
        "1.0 M",
        "33.7 M",
        "5.0 G",
        "2.5 T",
    ]
    assert [size(n) for n in (12, 1500, 999_960, 2e9, 3e12)] == ["12 B", "1.5 kB", "1000 kB", "2.0 GB", "3.0 TB"]
    assert [duration(s) for s in (0.0123, 3.21, 59, 61, 3660)] == ["12 ms", "3.2 s", "59 s", "1 min 01 s", "1 h 01 min"]
    assert (percent(0.617), size_of(9e8, 2e9), size_of(1, 5)) == ("62 %", "0.9/2.0 GB", "1.0/5.0 B")
    assert (plural(1, "round"), plural(2, "pass", "passes"), figure(0.42131)) == ("1 round", "2 passes", "0.4213")


def test_what_a_pass_takes_is_one_line() -> None:
    plan = {"readers": 2, "workers": 2, "reading": 50_000_000, "blocks": 9_000_000, "answers": 2_600, "room": 10**6}
    said = (
        "a pass takes at most 59.0 MB: 2 readers 50.0 MB, blocks 9.0 MB, answers 2.6 kB; 1.0 MB left to keep blocks in"
    )
    assert Report("Ridge", planned=plan).lines() == [("", said)]
    alone = {"readers": 1, "reading": 0, "blocks": 0, "answers": 1_000}
    assert Report("Ridge", planned=alone).lines() == [("", "a pass takes at most 1.0 kB: answers 1.0 kB")]


def test_waiting_for_memory_is_said() -> None:
    waited = {"compute": 1.0, "waiting": 3.0}
    few = "75 % of the time was waiting, as the memory limit lets fewer than all workers read at once"
    assert Report("Ridge", passes=3, tight=2, phases=waited).bottleneck == few
    assert Report("Ridge", passes=4, tight=2, phases=waited).bottleneck.endswith("or for other workers")
    assert Report("Ridge", passes=4, tight=4, phases={"compute": 2.0, "waiting": 1.0}).bottleneck.endswith("computing")


def test_workers_that_join_and_leave_are_counted() -> None:
    recorder, picture = Recorder("Ridge"), Picture("Ridge", 0.0)
    for event in (
        ev.Staffed(9),  # before the fit has begun: it says itself how many there are
        ev.FitStarted("Ridge", 1000, 3, 0, "ray", 2, None),
        ev.Staffed(3),
        ev.Staffed(1),
        ev.Staffed(2),
    ):
        recorder(event)
        picture.take(event, 0.0)
    report = recorder.report()
    assert (report.fewest_workers, report.workers) == (1, 3)
    assert ("engine", "ray, 1 to 3 workers") in report.lines()
    assert picture.header() == "Ridge   1,000 rows x 3   ray, 2 workers"
