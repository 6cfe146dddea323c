"""Date, exposure time and fraction of cosmic-ray pixels of each group (paper figure 1)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from crstudy.data.exposure import observed_with
from crstudy.metrics.names import FULL, all_strata


def describe_groups(
    groups: Mapping[str, Sequence[Path]], counts: Mapping[str, Table], dataset: str
) -> Table:
    """Describe each group of exposures.

    Parameters
    ----------
    groups : mapping of str to sequence of path
        Exposure files by group.
    counts : mapping of str to Table
        Pixel counts by group (``counts/<group>.ecsv``).
    dataset : str
        Name of the dataset, for the metadata.

    Returns
    -------
    Table
        A row per group: observed (mean date), mjd, exptime (mean), exposures, target,
        observed_with, label_px and valid_px, the labelled and all valid pixels, cr_fraction, their
        ratio, and the same per 1000 s.
    """
    rows = []
    for group, paths in groups.items():
        headers = [fits.getheader(path) for path in paths]
        mjd = float(np.mean([header["EXPSTART"] for header in headers]))
        exptime = float(np.mean([header["EXPTIME"] for header in headers]))
        label, valid = _label_pixels(counts[group])
        fraction = label / valid if valid else np.nan
        rows.append(
            {
                "group": group,
                "observed": Time(mjd, format="mjd").isot[:10],
                "mjd": mjd,
                "exptime": exptime,
                "exposures": len(paths),
                "target": str(headers[0].get("TARGNAME", "")).strip(),
                "observed_with": ", ".join(sorted({observed_with(h) for h in headers})),
                "label_px": label,
                "valid_px": valid,
                "cr_fraction": fraction,
                "cr_fraction_per_1000s": fraction * 1000 / exptime,
            }
        )
    table = Table(rows)
    table["mjd"].unit, table["exptime"].unit = "d", "s"
    table["label_px"].unit = table["valid_px"].unit = "pix"
    table["observed"].description = "mean date of the exposures' starts (UTC)"
    table["exptime"].description = "mean exposure time"
    table["cr_fraction"].description = "fraction of the valid pixels that the reference labels"
    table.meta = {
        "dataset": dataset,
        "observed_with": ", ".join(sorted(set(table["observed_with"]))),
    }
    return table


def _label_pixels(counts: Table) -> tuple[int, int]:
    """Return the pixels that the reference labels and the valid ones, full frame."""
    counts = all_strata(counts)
    full = (counts["comparison"] == "reference") & (counts["region"] == FULL)
    rows = counts[full & (counts["model"] == counts["model"][0])]
    label = int((rows["tp"] + rows["fn"]).sum())
    return label, label + int((rows["fp"] + rows["tn"]).sum())
