"""DrizzlePac takes cleaned exposures: their flags instead of its own search for cosmic rays."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from crstudy.cleaning.command import main
from synthetic_exposures import write_group


def drizzle(paths, folder, monkeypatch, *, reject):
    """Drizzle copies of exposures; `reject`: with AstroDrizzle's own search for cosmic rays."""
    from drizzlepac.astrodrizzle import AstroDrizzle

    folder.mkdir()
    for path in paths:
        shutil.copy(path, folder)
    monkeypatch.chdir(folder)
    steps = dict.fromkeys(("driz_separate", "median", "blot", "driz_cr"), reject)
    files = {"output": "x", "build": False, "context": False, "clean": True, "preserve": False}
    run = {"num_cores": 1, "in_memory": False, "updatewcs": False, "mdriztab": False}
    # Any flag but that of a cosmic ray, 4096 or 8192, is good here.
    bits = {"driz_sep_bits": "~12288", "final_bits": "~12288", "static": False}
    AstroDrizzle([path.name for path in paths], **files, **run, **steps, **bits)
    return fits.getdata(folder / "x_drc_sci.fits"), fits.getdata(folder / "x_drc_wht.fits")


@pytest.mark.filterwarnings("ignore")
def test_flags_do_for_the_search_of_astrodrizzle(net_cache, tmp_path, monkeypatch):
    paths = [one.path for one in write_group(tmp_path, n_exposures=4)]
    monkeypatch.setenv("XDG_CACHE_HOME", str(net_cache))
    assert main(["clean", *map(str, paths), "--out", str(tmp_path / "cleaned")]) == 0
    cleaned = [tmp_path / "cleaned" / path.name for path in paths]
    own, _ = drizzle(paths, tmp_path / "own", monkeypatch, reject=True)
    flags, weight = drizzle(cleaned, tmp_path / "flags", monkeypatch, reject=False)
    covered = weight > 0
    noise = 1.4826 * np.median(np.abs(own - np.median(own[covered]))[covered])
    differs = np.abs(flags - own)[covered] > 5 * noise
    # Without rejection 15 % of the pixels differ so much.
    assert differs.mean() < 0.002
