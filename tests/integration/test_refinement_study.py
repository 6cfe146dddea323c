"""Masks refined within a study: what is added to a finished one if it is asked for."""

import numpy as np
import pytest
from astropy.table import Table

from crstudy.cleaning import stars
from crstudy.cleaning.command import main
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.exposure import read_exposure, read_images
from crstudy.instrument.dq import Dq
from crstudy.metrics.names import all_strata
from crstudy.refinement.repair import MODEL_FILLED, TRUE_MASK, UNREPAIRED
from crstudy.refinement.settings import NONE, REFINEMENTS, RESIDUALS
from project import snakemake
from studies import TINY_CONFIG, copy_of_study

WANTED = ("--config", "methods={names: [zb20-f606w], tuning_groups: 1, remedy: true}")


@pytest.fixture
def results(tiny_study, tmp_path):
    """Return the results of a finished study, to which the refinement is added."""
    project = copy_of_study(tiny_study, tmp_path / "project")
    figure = "results/tiny/figures/remedy.png"
    result = snakemake(project, figure, *TINY_CONFIG, *WANTED, "--quiet", "rules")
    assert result.returncode == 0, result.stdout[-5000:]
    return project / "results/tiny"


def flags_of_command(exposure, results, cache, monkeypatch):
    """Return the masks of ``crstudy clean --refine`` with the parameters of a study."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(stars, "SETTINGS", results / "remedy/settings.ecsv")
    out = results.parent / "cleaned"
    assert main(["clean", str(exposure), "--refine", "--out", str(out)]) == 0
    chips = read_exposure(out / exposure.name).chips
    return {chip.extver: (chip.dq & Dq.CRSPLIT_CR) > 0 for chip in chips}


def test_study_mends_masks_with_parameters_of_the_other_group(results, net_cache, monkeypatch):
    settings = Table.read(results / "remedy/settings.ecsv")
    assert settings.meta["tuned_on"] == ["g002"]
    table = all_strata(Table.read(results / "tables/remedy.ecsv"))
    assert set(table["comparison"]) == {"truth", "truth_with_rims", "reference"}
    name = "jsim00101"
    truth = results / f"truth/{name}_truth.fits"
    exposure = results / f"exposures/{name}_flc.fits"
    folders = results / "reference/g001", results / "mask/g001"
    (files,) = exposure_files([exposure], *folders, [truth])
    compared = read_comparison(files, 3.0)
    found = read_images(results / f"detect/zb20-f606w/g001/{name}_probability.fits", "PROBABILITY")
    masks = results / f"remedy/g001/masks/{name}_masks.fits"
    for remedy in REFINEMENTS:
        (row,) = table[
            (table["remedy"] == remedy)
            & (table["comparison"] == "truth")
            & (table["region"] == "full")
        ]
        pixels = np.zeros(3, int)
        for ver, mask in read_images(masks, remedy.upper()).items():
            data = compared[ver]
            flagged, true = (mask > 0) & data.counted, data.truth & data.valid
            pixels += (flagged & true).sum(), flagged.sum(), true.sum()
            if remedy == NONE:
                assert np.array_equal(flagged, (found[ver] > 0.5) & data.counted)
        assert (row["tp"], row["flagged"], row["positives"]) == tuple(pixels)
    refined = read_images(masks, RESIDUALS.upper())
    for ver, flagged in flags_of_command(exposure, results, net_cache, monkeypatch).items():
        assert np.array_equal(flagged, refined[ver] > 0)
    photometry = Table.read(results / "tables/remedy_photometry.ecsv")
    assert list(photometry["remedy"]) == [UNREPAIRED, *REFINEMENTS, MODEL_FILLED, TRUE_MASK]
    assert len(set(photometry["stars"])) == 1
    assert (results / "figures/remedy.pdf").stat().st_size > 5000
