"""A small training, run by Snakemake: from the configuration to weights, tables and figure."""

import hashlib

import numpy as np
import pytest
import yaml
from astropy.table import Table

from crstudy.training.patches import KINDS
from crstudy.training.sets import read_set
from project import SDIST, copy_project, dry_run, snakemake
from training_sets import SMALL

NETS = [{"name": "tiny", "camera": "acs", "target_offsets": [2.0, 3.0]}]
VALUES = SMALL | {
    "dataset": "tiny-train",
    "source": "training",
    "training": SMALL["training"] | {"nets": NETS},
}
ARGUMENTS = ("--configfile", "config/tiny-train.yaml")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the results of the training of one net with two target offsets."""
    if not SDIST.is_file():
        pytest.skip(f"needs {SDIST.name}, which the set-up fetches once")
    project = copy_project(tmp_path_factory.mktemp("training"))
    (project / "config/tiny-train.yaml").write_text(yaml.safe_dump(VALUES), encoding="utf-8")
    result = snakemake(project, *ARGUMENTS, "--quiet", "rules")
    assert result.returncode == 0, result.stdout[-5000:]
    assert dry_run(project, *ARGUMENTS) == {}
    return project / "results/tiny-train"


def test_net_is_the_one_with_the_higher_precision_against_labels(results):
    table = Table.read(results / "tables/tiny.ecsv")
    assert table["batch"].tolist() == [0, 2, 4, 6] * 2
    assert set(table["target_offset"]) == {2.0, 3.0}
    reached = table.meta["label_precision"]
    chosen = table.meta["target_offset"]
    assert reached[chosen] == max(reached.values())
    content = (results / "nets/tiny.pth").read_bytes()
    assert content == (results / f"trained/tiny_{chosen}.pth").read_bytes()
    assert table.meta["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(content) < 1_000_000
    assert dict(table.meta["patches"]) == KINDS
    # zb20, from which training starts, is measured on the same exposures.
    first = table[table["batch"] == 0]
    assert (first["recall_sky"] == table.meta["zb20"]["recall_sky"]).all()
    assert list(results.glob("trained/*.checkpoint")) == []


def test_groups_are_told_in_a_table(results):
    table = Table.read(results / "tables/acs_training_set.ecsv")
    examples = read_set(results / "sets/acs_training")
    assert table["group"].tolist() == [1, 2, 3]
    assert table["hit_fraction"].tolist() == [(one.charge > 0).mean() for one in examples]
    other = Table.read(results / "tables/acs_validation_set.ecsv")
    assert not set(table["seed"]) & set(other["seed"])
    assert np.unique(table["psf_width"]).size == 3


def test_log_tells_the_progress_and_the_figure_is_drawn(results):
    log = (results / "logs/train_net/tiny_2.0.log").read_text(encoding="utf-8")
    assert "4 of 6 batches: loss 0." in log
    for kind in ("pdf", "png"):
        assert (results / f"figures/training.{kind}").stat().st_size > 5000
