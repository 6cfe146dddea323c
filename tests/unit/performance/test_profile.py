"""The profile of the detector: what it counts, what it times, and its figure."""

import json
import subprocess
import sys
from itertools import count
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from crstudy.config.study import load_config
from crstudy.data.exposure import read_images
from crstudy.data.score_maps import PROBABILITY
from crstudy.deepcr import predict as mapping
from crstudy.deepcr.detector import load_detector
from crstudy.deepcr.openvino_backend import OpenVinoNet, convert_net
from crstudy.deepcr.torch_backend import TorchNet, load_module
from crstudy.figures import inference
from crstudy.performance import profile as profile_net
from crstudy.performance.profile import OTHERS, STAGES, TOP, profile_inference
from crstudy.performance.roofline import FLOP_PER_PX, LAYERS, VALUES_PER_PX, best_rate
from crstudy.performance.torch_probe import operator_seconds, write_trace
from nets import detector
from project import ROOT, copy_project, plan, planned
from synthetic_exposures import write_group

NAME = "zb20-f606w"
SHAPE, N_CHIPS, N_EXPOSURES = (132, 160), 2, 3
PIXELS = N_EXPOSURES * N_CHIPS * SHAPE[0] * SHAPE[1]
KEYS = {
    "model", "device", "backend", "arithmetic", "versions", "threads", "load_average",
    "exposures", "chips", "mpx", "tile_px", "batch", "seconds", "shares", "ms_per_chip",
    "mpx_per_s", "memory_mb", "work", "roofline", "operators",
}  # fmt: skip


@pytest.fixture(scope="module")
def net_path(zb20_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets") / NAME
    convert_net(NAME, zb20_path, folder)
    return folder


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exposures")
    group = write_group(folder, n_chips=N_CHIPS, shape=SHAPE, n_exposures=N_EXPOSURES)
    return [exposure.path for exposure in group]


@pytest.fixture(scope="module")
def loaded(zb20_path, net_path):
    return load_detector(NAME, zb20_path, net_path, "cpu")


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def profile(loaded, paths, maps):
    measured = profile_inference(loaded, paths, maps, 1)
    return json.loads(json.dumps({"dataset": "made-up"} | measured))


def numbers(value):
    """Return the numbers anywhere in a value."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers(part)]
    return [value] if isinstance(value, int | float) else []


def test_profile_says_all_that_it_promises(profile, net_path):
    assert profile.keys() == KEYS | {"dataset"}
    assert all(f"``{key}``" in profile_inference.__doc__ for key in KEYS)
    assert np.isfinite(numbers(profile)).all()
    assert profile["seconds"].keys() == profile["shares"].keys() == set(STAGES)
    assert sum(profile["shares"].values()) == pytest.approx(1)
    assert profile["seconds"]["transfer"] == 0
    assert min(profile["seconds"][stage] for stage in ("load", "compute", "store", "rest")) > 0
    assert (profile["exposures"], profile["chips"]) == (N_EXPOSURES, N_EXPOSURES * N_CHIPS)
    assert profile["mpx"] == PIXELS / 1e6
    kernel_ms = 1000 * profile["seconds"]["compute"] / profile["chips"]
    assert profile["ms_per_chip"]["kernel"] == pytest.approx(kernel_ms)
    chips_per_s = 1000 / profile["ms_per_chip"]["end_to_end"]
    assert profile["mpx_per_s"] == pytest.approx(chips_per_s * SHAPE[0] * SHAPE[1] / 1e6)
    memory = profile["memory_mb"]
    assert 50 < memory["rss_start"] <= memory["rss_peak"] < 10_000
    assert memory["gpu_allocated"] is memory["gpu_reserved"] is None
    assert (profile["backend"], profile["arithmetic"], profile["threads"]) == (
        "OpenVINO", "float32", 1,
    )  # fmt: skip
    assert profile["versions"].keys() == {"python", "numpy", "openvino"}
    text = json.dumps(profile)
    assert "/" not in text.replace("CPU @", "").replace(profile["device"], "")
    assert str(net_path) not in text


def test_what_is_measured_maps_every_chip(profile, loaded, paths, maps):
    assert len(list(maps.iterdir())) == N_EXPOSURES
    for name, chips in map(mapping.read_chips, paths):
        found = read_images(maps / f"{name}_probability.fits", PROBABILITY)
        assert found.keys() == chips.keys()
        for ver, probability in found.items():
            np.testing.assert_allclose(probability, loaded.probability(chips[ver]), atol=1e-5)


def test_work_and_roofline_hang_together(profile):
    work, line = profile["work"], profile["roofline"]
    assert work["flop_per_px"] == 2 * 53_056
    assert work["useful_flop"] == 2 * 53_056 * PIXELS
    # These chips fit in a tile.
    assert work["done_flop"] == work["useful_flop"]
    assert line["flop_per_s"] == pytest.approx(work["done_flop"] / profile["seconds"]["compute"])
    assert line["flop_per_s"] / line["bytes_per_s"] == pytest.approx(work["flop_per_byte"])
    roof = min(line["peak_flop_per_s"], line["peak_bytes_per_s"] * work["flop_per_byte"])
    assert line["attainable_flop_per_s"] == roof
    assert line["share_of_attainable"] == pytest.approx(line["flop_per_s"] / roof)
    # A net that beats the products of matrices and the copy is itself the roof.
    assert profile_net._roofline(work, 1.0, 1.0, 1.0)["share_of_attainable"] == 1


def test_operators_are_named_by_the_layers_of_deepcr(profile):
    operators = profile["operators"]
    assert len(operators) == TOP + 1
    assert operators[-1]["name"] == OTHERS
    shares = [one["share"] for one in operators]
    assert sum(shares) == pytest.approx(1)
    assert shares[:-1] == sorted(shares[:-1], reverse=True)
    named = {one["name"].split()[-1] for one in operators}
    assert {"inc.conv.conv.3", "up8.conv.conv.0"} <= named
    assert named <= {layer.name for layer in LAYERS} | {"Concat", OTHERS}


def test_layers_are_those_of_the_net(zb20_path):
    found, side = {}, 64

    def note(name):
        def hook(module, inputs, output):
            reads, writes = inputs[0].numel(), output.numel()
            # A transposed convolution uses each weight for each pixel that goes in.
            inward = isinstance(module, torch.nn.ConvTranspose2d)
            pixels = (inputs[0] if inward else output)[0, 0].numel()
            macs = pixels * module.weight.numel() if hasattr(module, "weight") else 0
            found[name] = tuple(n / side**2 for n in (macs, reads, writes))

        return hook

    module = load_module(NAME, zb20_path)
    for name, part in module.named_modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.MaxPool2d):
            part.register_forward_hook(note(name.removeprefix("0.")))
    module(torch.zeros(1, 1, side, side))
    assert found == {one.name: (one.macs, one.reads, one.writes) for one in LAYERS}
    assert FLOP_PER_PX == 2 * 53_056
    assert VALUES_PER_PX == 434


def test_rims_of_tiles_are_work_that_is_done(zb20_path, net_path, paths, tmp_path):
    net = OpenVinoNet(NAME, net_path)
    net.tile_px = 64
    watched, *_, pixels = profile_net._map_in_turn(detector(NAME, net), paths, tmp_path, 1)
    assert pixels == PIXELS
    # 132 px: three tiles of 44 in windows of 60; 160 px: three of 56, at most, in windows of 72.
    assert watched.pixels == N_EXPOSURES * N_CHIPS * (3 * 60) * (3 * 72)


@pytest.mark.parametrize("threads", [1, 2])
def test_net_runs_in_the_threads_asked_for(net_path, threads):
    compiled = OpenVinoNet(NAME, net_path, threads).compile((1, 1, 64, 64), PERF_COUNT=True)
    assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
    assert compiled.get_property("PERF_COUNT")


class Clock:
    """Goes only when it is told to."""

    def __init__(self):
        self.now = 0.0

    def takes(self, seconds, result=None):
        """Return a function that takes so long."""

        def work(*_):
            self.now += seconds
            return result

        return work


@pytest.fixture
def on_a_gpu(monkeypatch, tmp_path):
    """Return the profile of a made-up GPU: 3 s to read, 5 for the net and transfer, 2 to write."""
    clock, names = Clock(), count()
    image = np.ones((8, 8), np.float32)
    read, write, spend = clock.takes(3), clock.takes(2), clock.takes(5)

    class Net:
        tile_px, halo_px, batch, arithmetic = 8, 8, 1, "float16"

        def run(self, batches):
            for windows in batches:
                spend()
                yield windows[:, 0]

    probe = SimpleNamespace(
        backend="torch",
        device="A GPU",
        arithmetic="float16",
        bytes_per_value=2,
        versions={"torch": "2"},
        begin=lambda: None,
        compute_s=lambda run_s: 0.8 * run_s,
        memory_mb=lambda: {"gpu_allocated": 1.0, "gpu_reserved": 2.0},
        peaks=lambda: (7e14, 2.5e12),
        operators=lambda windows: {f"operator {n}": float(n) for n in range(12)},
    )
    monkeypatch.setattr(profile_net, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(profile_net, "make_probe", lambda net, threads: probe)
    monkeypatch.setattr(
        profile_net, "read_chips", lambda path: (read(), (f"e{next(names)}", {1: image}))[1]
    )
    monkeypatch.setattr(mapping, "write_probabilities", write)
    return {"dataset": "x"} | profile_inference(detector(NAME, Net()), ["a", "b"], tmp_path, 4)


def test_stages_get_their_own_time(on_a_gpu):
    expected = {"load": 6, "transfer": 2, "compute": 8, "store": 4, "rest": 0}
    assert on_a_gpu["seconds"] == pytest.approx(expected)
    assert on_a_gpu["shares"]["compute"] == pytest.approx(0.4)
    assert on_a_gpu["ms_per_chip"] == pytest.approx({"kernel": 4000, "end_to_end": 10_000})
    assert on_a_gpu["work"]["bytes_per_px"] == 2 * VALUES_PER_PX
    # Memory, not operations, is the roof.
    attainable = on_a_gpu["roofline"]["attainable_flop_per_s"]
    assert attainable == pytest.approx(2.5e12 * 106_112 / 868)
    last = on_a_gpu["operators"][-1]
    assert last == {"name": OTHERS, "ms": pytest.approx(6000), "share": pytest.approx(6 / 66)}


def test_best_rate_is_that_of_the_fastest_call(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("crstudy.performance.roofline.perf_counter", lambda: clock.now)
    durations = iter([4.0, 2.0, 5.0, 5.0])
    assert best_rate(10, lambda: clock.takes(next(durations))(), seconds=1) == 5


def test_profile_on_a_cpu_does_without_torch(zb20_path, net_path, paths, tmp_path):
    code = """
import sys
from pathlib import Path
from crstudy.deepcr.detector import load_detector
from crstudy.performance.profile import profile_inference
weights, net, path, folder = sys.argv[1:]
profile_inference(load_detector("zb20-f606w", weights, net, "cpu"), [path], Path(folder), 1)
sys.exit("torch" in sys.modules)
"""
    words = [sys.executable, "-c", code, zb20_path, net_path, paths[0], tmp_path]
    subprocess.run(words, check=True)


def test_operators_of_torch(zb20_path):
    net = TorchNet(NAME, zb20_path)
    windows = np.zeros((1, 1, 512, 512), np.float32)
    list(net.run([windows]))  # what torch does once only would outweigh a small image
    seconds = operator_seconds(net, windows)
    assert max(seconds, key=seconds.get).endswith("convolution")
    assert {"cat", "max_pool2d_with_indices"} <= seconds.keys()
    assert min(seconds.values()) > 0


def test_trace_is_in_the_format_of_chrome(zb20_path, paths, tmp_path):
    net = TorchNet(NAME, zb20_path)
    image = mapping.read_chips(paths[0])[1][1]
    write_trace(tmp_path / "trace.json", net, detector(NAME, None), image)
    trace = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    names = {event["name"] for event in trace["traceEvents"] if event.get("dur")}
    assert {"aten::conv2d", "aten::cat"} <= names
    assert "host_name" not in trace
    assert str(tmp_path) not in json.dumps(trace)


def test_trace_is_made_if_asked_for(tmp_path):
    assert load_config({"profiling": {"trace": True}}).profiling.trace
    project = copy_project(tmp_path)
    wish = ("-n", "results/sim-mini/profiling/trace.json")
    result = plan(project, *wish)
    assert "trace.json: is no result of this configuration" in result.stdout
    result = plan(project, *wish, "--config", "profiling={trace: true}")
    assert planned(result.stdout)["profile_inference"] == 1


@pytest.mark.parametrize("which", ["profile", "on_a_gpu"])
def test_figure_shows_the_numbers_and_stays_on_the_page(which, request):
    profile = request.getfixturevalue(which)
    report = ROOT / "workflow" / "report"
    with plt.style.context([report / "crstudy.mplstyle", report / "styles/inference.mplstyle"]):
        figure = inference.draw(profile)
        figure.draw_without_rendering()
    page, drawn = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert drawn.x0 > -1 and drawn.y0 > -1
    assert drawn.x1 < page.x1 + 1 and drawn.y1 < page.y1 + 1
    roof, stages, operators = figure.axes
    (point,) = [line.get_xydata()[0] for line in roof.lines if line.get_marker() == "o"]
    expected = profile["work"]["flop_per_byte"], profile["roofline"]["flop_per_s"] / 1e9
    np.testing.assert_allclose(point, expected)
    assert max(roof.lines[0].get_ydata()) == profile["roofline"]["peak_flop_per_s"] / 1e9
    heights = [-bar.get_height() for bar in stages.patches]
    np.testing.assert_allclose(heights, [100 * profile["shares"][stage] for stage in STAGES])
    widths = [bar.get_width() for bar in operators.patches]
    np.testing.assert_allclose(widths, [100 * one["share"] for one in profile["operators"]])
    assert profile["device"] in figure.get_suptitle()
    assert all("(" in axis.get_ylabel() or axis is operators for axis in figure.axes)
