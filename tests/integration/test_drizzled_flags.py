"""DrizzlePac takes cleaned exposures: their flags instead of its own search for cosmic rays."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from crstudy.cleaning.command import main
from project import SDIST
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
def test_flags_do_for_the_search_of_astrodrizzle(tmp_path, monkeypatch):
    if not SDIST.is_file():
        pytest.skip(f"needs {SDIST.name}, which the set-up (`make test`) fetches once")
    paths = [one.path for one in write_group(tmp_path, n_exposures=4)]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["clean", *map(str, paths), "--out", str(tmp_path / "cleaned")]) == 0
    cleaned = [tmp_path / "cleaned" / path.name for path in paths]
    own, _ = drizzle(paths, tmp_path / "own", monkeypatch, reject=True)
    flags, weight = drizzle(cleaned, tmp_path / "flags", monkeypatch, reject=False)
    none, _ = drizzle(paths, tmp_path / "none", monkeypatch, reject=False)
    covered = weight > 0
    noise = 1.4826 * np.median(np.abs(own - np.median(own[covered]))[covered])
    differs = [(np.abs(image - own)[covered] > 5 * noise).mean() for image in (flags, none)]
    assert differs[0] < 0.002
    assert differs[1] > 0.1
