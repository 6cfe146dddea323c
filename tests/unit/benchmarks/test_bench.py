"""The benchmark: what it makes of measurements, and a small run through real processes."""

import json
from functools import partial
from pathlib import Path
from shutil import copyfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import bench_detect
from advice import follow
from bench_chip import make_material
from bench_methods import device_clock
from bench_record import STUDY, STUDY_GPU, not_measured, row, slug, targets
from bench_table import table, write_page
from bench_workers import Job, Measurement, Run, in_own_process, measure_in_turn

TRUTH = np.arange(200_000).reshape(400, 500) % 50 == 0


def measured(name, runs, mask=TRUTH, **details):
    job = Job(name, "openvino", Path(), 2)
    return Measurement(job, Run(9, 9), [Run(*run) for run in runs], 0.5, mask, details)


STOCK = measured("stock", [(8, 12), (100, 14), (10, 16)])


def study(**changes):
    three = row(measured(STUDY, [(2, 4), (20, 4), (2, 4)]), TRUTH, STOCK)
    return three | changes


def record(*rows):
    scaling = [study(name="64"), study(name="256")]
    return {
        "machine": {"processor": "Abacus(R) 7", "cores": 2, "memory_gb": 8, "gpu": None},
        "versions": {"torch": "2.1"},
        "date": "2026-01-02",
        "methods": list(rows),
        "tiles_px": scaling,
        "threads": scaling,
        "images_px": scaling,
    }


def test_ratios_are_those_of_the_rounds_and_times_are_medians():
    found = study()
    assert found["wall_s"] == {"median": 2, "all": [2, 20, 2]}
    assert found["stock_over_this_wall_s"] == 5  # of 4, 5 and 5; of medians also 5 = 10 / 2
    assert found["stock_over_this_cpu_s"] == 3.5
    assert found["mpx_per_s"] == 0.1
    paired = row(measured("x", [(4, 1), (10, 1), (20, 1)]), None, STOCK)
    assert paired["stock_over_this_wall_s"] == 2  # of 2, 10 and 0.5; of medians 1
    assert "differing_px" not in paired


def test_differing_pixels_are_counted_and_the_only_run_counts():
    mask = TRUTH.copy()
    mask[3, :7] ^= True
    found = row(measured("whole", [], mask), TRUTH)
    assert found["differing_px"] == 7
    assert found["wall_s"]["all"] == [9]


def test_device_time_is_kept_and_compared():
    stock = measured("stock", [(1, 1, 0.2), (1, 1, 0.4), (1, 1, 0.3)])
    found = row(measured(STUDY_GPU, [(0.1, 1, 0.01)] * 3), TRUTH, stock)
    assert found["device_s"]["median"] == 0.01
    assert found["stock_over_this_device_s"] == 30
    met = {target["name"]: target["met"] for target in targets([study(), found], 2)}
    assert met["GPU: device time of a chip, s"]
    assert met["GPU: stock deepCR's wall time over ours"]


def test_targets_can_be_missed_and_need_two_cores():
    rows = [study(differing_px=1, peak_rss_gb=0.81), not_measured(STUDY_GPU, "no GPU")]
    assert [target["met"] for target in targets(rows, 2)] == [True, True, False, False, None, None]
    slow = [study(stock_over_this_wall_s=3.9, stock_over_this_cpu_s=2.9)]
    assert [target["met"] for target in targets(slow, 2)][:2] == [False, False]
    assert {target["met"] for target in targets(rows, 16)} == {None}


def test_table_says_what_was_measured_and_what_not():
    text = table(record(study(), not_measured(STUDY_GPU, "no GPU")))
    assert f"| **{STUDY}** | 2.00 | 4.00 | – | 0.100 | 0.50 | 0 |" in text
    assert f"| {STUDY_GPU} | not measured: no GPU |" in text
    assert "5.0 times the wall time and 3.5 times the CPU time" in text
    assert "Abacus(R) 7, 2 cores, 8 GB; 2026-01-02; torch 2.1" in text


def test_page_gets_a_table_for_each_machine_between_its_markers(tmp_path):
    page, results = tmp_path / "inference.md", tmp_path / "results"
    results.mkdir()
    for name in ("a", "b"):
        (results / f"{name}.json").write_text(json.dumps(record(study())), encoding="utf-8")
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n", encoding="utf-8")
    write_page(page, results)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- bench -->\nAbacus")
    assert text.endswith("\n<!-- /bench -->\nafter\n")
    assert "old" not in text
    assert text.count("Abacus") == 2
    write_page(page, results)
    assert page.read_text(encoding="utf-8") == text
    copyfile(bench_detect.PAGE, page)
    write_page(page, results)
    assert page.read_text(encoding="utf-8").count("Abacus") == 2
    page.write_text("no markers", encoding="utf-8")
    what = "benchmarks/marked: put the two markers back"
    write, back = partial(write_page, page, results), partial(copyfile, bench_detect.PAGE, page)
    follow(what, write, back, match="has no <!-- bench -->")


def test_file_name_of_a_machine():
    machine = record()["machine"]
    assert slug(machine) == "abacus-7-2-cores"
    assert slug(machine | {"gpu": "NVIDIA H100"}) == "abacus-7-2-cores-nvidia-h100"


def test_threads_to_try():
    assert bench_detect.thread_counts(1) == [1]
    assert bench_detect.thread_counts(2) == [1, 2]
    assert bench_detect.thread_counts(12) == [1, 2, 4, 8, 12]


def test_time_on_the_gpu_is_that_of_the_passes(monkeypatch):
    now_ms = iter((10, 13, 20, 24, 30, 31))

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.ms = next(now_ms)

        def elapsed_time(self, end):
            return end.ms - self.ms

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    module = torch.nn.Identity()
    read_s = device_clock(module)
    module(torch.zeros(1))
    module(torch.zeros(1))
    assert read_s() == pytest.approx(0.007)
    module(torch.zeros(1))
    assert read_s() == pytest.approx(0.001)


def test_processes_measure_a_small_chip(tmp_path, zb20_path, monkeypatch):
    copyfile(zb20_path, tmp_path / "weights.pth")
    in_own_process(make_material, tmp_path, (96, 128))
    whole = Job("whole", "stock", tmp_path, 1)
    jobs = [
        Job("patches", "stock", tmp_path, 1, tile_px=32),
        Job(STUDY, "openvino", tmp_path, 1, tile_px=32),
    ]
    (truth,) = measure_in_turn([whole], 0)
    stock, ours = measure_in_turn(jobs, 2)
    assert truth.mask.shape == (96, 128)
    assert 0.002 < truth.mask.mean() < 0.1
    assert np.count_nonzero(stock.mask != truth.mask) > 0  # seams
    assert row(ours, truth.mask, stock)["differing_px"] == 0
    assert len(ours.runs) == 2
    assert all(run.wall_s > 0 and run.cpu_s > 0 and run.device_s is None for run in ours.runs)
    assert ours.details == {"tile_px": 32}
    # OpenVINO without torch.
    assert 0.05 < ours.peak_rss_gb < stock.peak_rss_gb - 0.1

    little = SimpleNamespace(available=1e7)
    monkeypatch.setattr("bench_detect.psutil.virtual_memory", lambda: little)
    line, mask, origin = bench_detect.run_whole_frame(whole, (96, 128))
    assert "not_measured" in line
    assert "one tile" in origin
    np.testing.assert_array_equal(mask, truth.mask)
