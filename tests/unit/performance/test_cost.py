"""The table of what a study costs."""

import json
from functools import partial

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from advice import follow
from crstudy.core.job import Usage, usage_path
from crstudy.performance.cost import PAPER, Size, make_cost_table, measure_size, read_jobs
from crstudy.pipeline.progress import recorded_costs
from synthetic_exposures import write_group

#: Of a study of 2 groups, 8 exposures and 10 Mpx.
JOBS = {
    "simulate_exposure": [
        {
            "wall_s": 3.0,
            "cpu_s": 2.0,
            "startup_cpu_s": 1.0,
            "max_rss_mb": 100.0,
            "read_mb": 4.0,
            "written_mb": 5.0,
        }
    ]
    * 8,
    "count_pixels": [
        {
            "wall_s": 4.0,
            "cpu_s": cpu_s,
            "startup_cpu_s": 1.0,
            "max_rss_mb": 200.0 + cpu_s,
            "read_mb": 20.0,
            "written_mb": 0.1,
        }
        for cpu_s in (3.0, 6.0)
    ],
    "make_table1": [
        {
            "wall_s": 1.0,
            "cpu_s": 1.0,
            "startup_cpu_s": 0.9,
            "max_rss_mb": 90.0,
            "read_mb": 0.1,
            "written_mb": 0.1,
        }
    ],
}
PER = {"simulate_exposure": "exposure", "count_pixels": "group", "make_table1": "study"}
SIZE = Size(2, 8, 10.0)


@pytest.fixture
def row():
    """Return a function that looks up a row of the table."""
    table = make_cost_table(JOBS, PER, SIZE, "tiny")
    return lambda rule: table[list(table["rule"]).index(rule)]


def test_sums_and_largest(row):
    count = row("count_pixels")
    assert (count["jobs"], count["wall_s"], count["cpu_s"]) == (2, 8.0, 9.0)
    assert (count["startup_cpu_s"], count["max_rss_mb"]) == (2.0, 206.0)
    assert count["cpu_s_per_mpx"] == pytest.approx(0.9)
    assert count["wall_s_per_mpx"] == pytest.approx(0.8)
    assert count["written_bytes_per_px"] == pytest.approx(0.02)
    total = row("total")
    assert (total["jobs"], total["wall_s"], total["cpu_s"]) == (11, 33.0, 26.0)
    assert total["max_rss_mb"] == 206.0
    assert total["read_mb"] == pytest.approx(72.1)


def near(value):
    """Return what the table holds: four digits after the point."""
    return pytest.approx(value, abs=1e-4)


def test_prediction_follows_the_model(row):
    more = PAPER.mpx / 10
    assert row("simulate_exposure")["predicted_jobs"] == 120
    assert row("simulate_exposure")["predicted_cpu_h"] == near((120 + 8 * more) / 3600)
    assert row("simulate_exposure")["predicted_written_gb"] == near(0.04 * more)
    assert row("count_pixels")["predicted_jobs"] == 20
    assert row("count_pixels")["predicted_cpu_h"] == near((20 + 7 * more) / 3600)
    assert row("make_table1")["predicted_jobs"] == 1
    assert row("make_table1")["predicted_cpu_h"] == near((0.9 + 0.1 * more) / 3600)
    parts = [row(rule) for rule in JOBS]
    for name in ("predicted_jobs", "predicted_cpu_h", "predicted_written_gb"):
        assert row("total")[name] == near(sum(part[name] for part in parts))


def test_papers_study_predicts_itself():
    table = make_cost_table(JOBS, PER, PAPER, "paper")
    assert np.allclose(table["predicted_cpu_h"], table["cpu_s"] / 3600, atol=1e-4)
    assert np.allclose(table["predicted_written_gb"], table["written_mb"] / 1000, atol=1e-4)
    assert list(table["predicted_jobs"]) == list(table["jobs"])
    assert pytest.approx(2013.27, abs=0.01) == PAPER.mpx


def test_table_says_its_units_and_its_model(tmp_path):
    make_cost_table(JOBS, PER, SIZE, "tiny").write(tmp_path / "cost.ecsv")
    table = Table.read(tmp_path / "cost.ecsv")
    assert list(table["rule"]) == [*JOBS, "total"]
    assert table["cpu_s_per_mpx"].unit == u.s / u.Unit("Mpix")
    assert table["predicted_written_gb"].unit == u.Gbyte
    assert table["cpu_s"][-1] == 26.0
    assert table.meta["predicted"] == "20 groups, 120 exposures, 2013 Mpx"
    assert "start-up stays" in table.meta["model"]


def test_size_is_that_of_all_chips(tmp_path):
    paths = [one.path for one in write_group(tmp_path, n_chips=2, shape=(96, 128))]
    names = [path.name.split("_")[0] for path in paths]
    size = measure_size({"a": names[:1], "b": names[1:]}, paths)
    assert size == Size(2, 3, pytest.approx(3 * 2 * 96 * 128 / 1e6))


def test_records_of_other_jobs_are_left_alone(tmp_path):
    for name in ("count_pixels/g001", "count_pixels/g002", "count_pixels/g009", "make_table1"):
        write_record(tmp_path, name)
    wanted = ("count_pixels/g001", "count_pixels/g002", "make_table1")
    jobs = read_jobs([tmp_path / "benchmarks" / f"{name}.tsv" for name in wanted], tmp_path)
    assert {rule: len(some) for rule, some in jobs.items()} == {"count_pixels": 2, "make_table1": 1}
    assert jobs["make_table1"][0]["wall_s"] == 24.52
    assert jobs["make_table1"][0]["cpu_s"] == 22.0


def test_job_without_a_record_is_one_line(tmp_path):
    write_record(tmp_path, "count_pixels/g001")
    (tmp_path / "logs/count_pixels/g001.usage.json").unlink()
    benchmark = tmp_path / "benchmarks/count_pixels/g001.tsv"
    what = "performance/cost: delete the benchmarks of these jobs and run again"
    again = partial(write_record, tmp_path, "count_pixels/g001")
    problem = r"g001.usage.json: no such record, one of 1 that are"
    follow(what, partial(read_jobs, [benchmark], tmp_path), again, match=problem)


@pytest.mark.parametrize("file", ["logs/make_table1.usage.json", "benchmarks/make_table1.tsv"])
@pytest.mark.parametrize("content", [b"", b'{"cpu": 1}', b"\xff"])
def test_damaged_record_is_one_line(tmp_path, file, content):
    write_record(tmp_path, "make_table1")
    (tmp_path / file).write_bytes(content)
    assert list(recorded_costs(tmp_path)) in ([], ["make_table1"])
    what, again = "performance/cost: delete ", partial(write_record, tmp_path, "make_table1")
    read = partial(read_jobs, [tmp_path / "benchmarks/make_table1.tsv"], tmp_path)
    follow(what, read, again, match=r"is damaged. Fix: delete .*make_table1.tsv and run again")


def write_record(results, name):
    """Write benchmark and record of a job that ran for 24.52 s."""
    header = "s h:m:s max_rss max_vms max_uss max_pss io_in io_out mean_load cpu_time"
    row = "24.52 0:00:24 602.56 1045.50 578.96 588.65 0.00 0.00 55.70 14.14"
    benchmark, log = results / f"benchmarks/{name}.tsv", results / f"logs/{name}.log"
    for path in (benchmark, log):
        path.parent.mkdir(parents=True, exist_ok=True)
    benchmark.write_text(f"{header}\n{row}\n".replace(" ", "\t"), encoding="utf-8")
    times = ("2026-11-23T02:00:00.000+00:00", "2026-11-23T02:00:24.100+00:00")
    usage = Usage(22.0, 1.1, 630.0, 90.0, 0.1, "node7", *times)
    usage_path(log).write_text(json.dumps(vars(usage)), encoding="utf-8")
