"""Training: resumed bit for bit, repeatable, and read by deepCR itself."""

import warnings

import deepCR
import numpy as np
import pytest
import torch

from crstudy.training.exposures import draw_set
from crstudy.training.train_backend import Training
from training_sets import TEMPLATES, settings

NET = {
    "name": "tiny",
    "start": "zb20-f606w",
    "learning_rate": 1e-3,
    "target_offset": 2.5,
    "seed": 1,
    "saturation_e": 70_000.0,
    "matched_rate": 0.001,
}


@pytest.fixture(scope="module")
def examples():
    parts = ("training", "validation")
    return [
        [example for example, _ in draw_set("acs", part, 1, settings(), TEMPLATES)]
        for part in parts
    ]


@pytest.fixture
def make(examples, zb20_path):
    """Return a function that prepares a training."""
    return lambda **values: Training(
        *examples, settings()["training"] | NET | values, zb20_path, "cpu"
    )


@pytest.mark.parametrize("start", ["zb20-f606w", "scratch"])
def test_killed_training_continues_bit_for_bit(start, make, tmp_path, monkeypatch):
    whole = make(start=start)
    whole.run(tmp_path / "whole.checkpoint")
    assert list(tmp_path.iterdir()) == []
    assert whole.table()["batch"].tolist() == [0, 2, 4, 6]
    assert np.isfinite(whole.table()["validation_loss"]).all()
    killed = make(start=start)
    step = killed._step

    def die_at_5(number):
        if number == 5:
            raise KeyboardInterrupt
        return step(number)

    monkeypatch.setattr(killed, "_step", die_at_5)
    with pytest.raises(KeyboardInterrupt):
        killed.run(tmp_path / "killed.checkpoint")
    assert (tmp_path / "killed.checkpoint").is_file()
    again = make(start=start)
    numbers = []
    step_again = again._step
    monkeypatch.setattr(again, "_step", lambda n: numbers.append(n) or step_again(n))
    again.run(tmp_path / "killed.checkpoint")
    assert numbers == [4, 5]
    assert again.weights() == whole.weights()
    for name, one in whole.net.state_dict().items():
        assert torch.equal(one, again.net.state_dict()[name]), name
    assert again.table().pformat() == whole.table().pformat()
    image = again.validation.images[0]
    (tmp_path / "net.pth").write_bytes(whole.weights())
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # weight_norm
        theirs = deepCR.deepCR(mask=str(tmp_path / "net.pth"), hidden=32)
    found = theirs.clean(image, segment=False, binary=False)
    net = whole._net(None)
    net.load_state_dict(whole.best)
    with torch.no_grad():
        expected = torch.sigmoid(net(torch.from_numpy(image / 100)[None, None]))[0, 0].numpy()
    tolerance = 2e-5
    assert np.ptp(expected) > 500 * tolerance
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_checkpoint_of_another_training_or_a_damaged_one_is_not_taken_up(make, tmp_path, caplog):
    file = tmp_path / "some.checkpoint"
    first = make()
    other = make(learning_rate=1e-4)
    first.rows, first.zb20 = [{"batch": 4}], {}
    first._save(file)
    other._resume(file)
    assert other.rows == []
    file.write_bytes(file.read_bytes()[:1000])
    first.rows = []
    first._resume(file)
    assert first.rows == []
    assert "cannot be read" in caplog.text


def test_batch_norm_of_a_trained_net_keeps_its_statistics_and_learns(make):
    net = make()
    before = {name: one.clone() for name, one in net.net.state_dict().items()}
    net._step(0)
    changed = {
        name for name, one in net.net.state_dict().items() if not torch.equal(one, before[name])
    }
    assert not any("running" in name for name in changed)
    assert {"inc.conv.conv.1.weight", "outc.conv.bias"} <= changed
    assert net.optimiser.param_groups[0]["lr"] == pytest.approx(1e-3)
    net._step(5)
    assert net.optimiser.param_groups[0]["lr"] == pytest.approx(
        1e-3 * (1 + np.cos(5 * np.pi / 6)) / 2
    )
