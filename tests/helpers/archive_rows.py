"""An archive of made-up observations with as many fields as a test wants, and draws from it."""

import numpy as np
import yaml
from astropy.table import Table
from astropy.time import Time

from crstudy.archive.footprints import group_fields
from crstudy.archive.screening import FULL_FRAMES, Ledger, screen_observations
from crstudy.archive.selection import draw_groups
from crstudy.config.study import Study
from mast_rows import flc, observation
from project import ROOT

CLASSES = yaml.safe_load((ROOT / "resources/field_classes.yaml").read_text(encoding="utf-8"))
PROGRAMMES = Table.read(ROOT / "resources/training_programmes.ecsv")
FRAME = FULL_FRAMES["ACS/WFC"]
SETTINGS = Study().selection.model_dump(mode="json") | {"n_groups": 8}
LIMITS = {name: SETTINGS[name] for name in ("min_overlap", "max_rotation_deg", "max_days")}

#: Keywords of targets, and the class of field that they stand for.
KEYWORDS = {
    "UNIDENTIFIED;BLANK SKY": "extragalactic",
    "GLOBULAR CLUSTER;STELLAR CLUSTER": "globular_cluster",
    "EXT-STAR;HALO": "resolved_galaxy",
    "EMISSION NEBULA;ISM": "other",
}


def make_field(number, day=56000.0, exposures=(4, 3), keywords="GALAXY;SPIRAL", **changes):
    """Return observations and products of a field: so many exposures in each observation."""
    rng = np.random.default_rng(number)
    ra, orientation = rng.uniform(0, 360, 2)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1)))
    observations, products = [], []
    for visit, n in enumerate(exposures, 1):
        obsid, stem = 10_000 + 10 * number + visit, f"j{number:03d}{visit:02d}"
        common = {
            "s_ra": ra,
            "s_dec": dec,
            "orientation_deg": orientation,
            "t_min": day + 2 * visit,
            "t_exptime": 500.0 * n,
            "proposal_id": str(12000 + number),
            "target_name": f"FIELD-{number}",
            "target_classification": keywords,
        }
        observations.append(observation(obsid, f"{stem}010", **common) | changes)
        products += [flc(obsid, f"{stem}{letter}aq") for letter in "abcdefgh"[:n]]
        # What the archive lists besides: a duplicate of HAP and the combined image.
        root = f"hst_{stem}_acs_wfc_f606w_{stem}a"
        products.append(
            flc(obsid, root, project="HAP-SVM", dataURI=f"mast:HST/product/{root}.fits")
        )
        products.append(flc(obsid, f"{stem}010", productSubGroupDescription="DRC", calib_level=3))
    return observations, products


def make_archive(n_fields, small_every=3):
    """Return an archive: every so often a field has too few exposures, and some rows are no use."""
    first, last = Time(["2010-09-15", "2019-07-01"]).mjd
    observations, products = [], []
    for number, day in enumerate(np.linspace(first, last, n_fields)):
        few = number % small_every == 0
        keywords = list(KEYWORDS)[number % len(KEYWORDS)]
        some = make_field(number, float(day), (3, 2) if few else (4, 3), keywords)
        observations += some[0]
        products += some[1]
    for number, changes in enumerate(NO_USE, n_fields):
        observations += make_field(number, exposures=(6,), **changes)[0]
    order = np.random.default_rng(1).permutation(len(observations))
    return [observations[i] for i in order], products


#: What makes an observation unfit, each in its way.
NO_USE = (
    {"project": "HAP-SVM", "obs_id": "hst_12345_01_acs_wfc_f606w_jabc01"},
    {"filters": "F606W;POL0V"},
    {"mtFlag": True},
    {"target_classification": "SOLAR SYSTEM;COMET"},
    {"dataRights": "EXCLUSIVE_ACCESS"},
    {"s_region": None},
    {"s_region": "POLYGON ICRS 10 0 10.01 0 10.01 0.01 10 0.01"},
    {"proposal_id": "../etc"},
)


def screen(rows, ledger=None):
    return screen_observations(
        rows,
        filters=frozenset({"F606W"}),
        frame=FRAME,
        min_overlap=0.8,
        classes=CLASSES,
        ledger=ledger or Ledger(),
    )


def draw(archive, ledger=None, asked=None, seed=1, models=(), seen_by=None, **changes):
    """Draw groups from rows without a server."""
    observations, products = archive

    def look_up(obsids):
        if asked is not None:
            asked.append(obsids)
        return [row for row in products if str(row["parent_obsid"]) in obsids]

    ledger = ledger or Ledger()
    return draw_groups(
        group_fields(screen(observations, ledger), **LIMITS),
        look_up,
        frame=FRAME,
        settings=SETTINGS | changes,
        seed=seed,
        models=models,
        seen_by=seen_by or {},
        ledger=ledger,
    )


def names(groups):
    return [[exposure.dataset for exposure in group.exposures] for group in groups]
