"""Nets in the report: what they were trained on, what was aimed at, and those of others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.config.registry import METHODS
from crstudy.deepcr.weights import WEIGHTS
from crstudy.metrics.curves.thresholds import DEFAULT, MATCHED
from crstudy.metrics.names import FULL
from crstudy.report.measured import select_rows
from crstudy.report.tables import mask_rows

#: Datasets of ``resources/star_net.ecsv``: fields with stars of another PSF, real exposures, CSST.
FIELDS, REAL, CSST = "sim, other PSF", "real", "csst"
BASELINE, ORACLE = "zb20-f606w", "oracle-scene"


@dataclass(frozen=True)
class Aim:
    """What the net for ACS/WFC was aimed at before it was trained.

    Attributes
    ----------
    words : str
        The measure in print.
    aim : str
        What was aimed at, in print.
    where : mapping
        Cells of its rows in ``resources/star_net.ecsv``; `REAL` if they name a dataset.
    change : float
        Least change against `BASELINE`; NaN if the aim is a ceiling.
    ceiling, of_baseline : float
        Largest value, and largest fraction of the value of `BASELINE`.
    """

    words: str
    aim: str
    where: Mapping[str, str]
    change: float = np.nan
    ceiling: float = np.nan
    of_baseline: float = np.nan

    def judge(self, net: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
        """Say whether a row reaches the aim: not shown if the aim lies within the interval."""
        least, column, sign = self.change, "change_zb20", 1
        if np.isnan(least):
            least = np.nanmin([self.ceiling, self.of_baseline * float(baseline["value"])])
            column, sign = "value", -1
        away = sorted(sign * (float(net[f"{column}_{end}"]) - least) for end in ("lo", "hi"))
        return "yes" if away[0] >= 0 else "no" if away[1] < 0 else "not shown"


def _recall(region: str, stratum: str) -> dict[str, str]:
    return {"mask": MATCHED, "measure": "recall", "region": region, "stratum": stratum}


AIMS = (
    Aim("recall, unsaturated stars above 3 RMS", "+20 points", _recall("3", "star"), 0.2),
    Aim("recall, unsaturated stars above 20 RMS", "+35 points", _recall("20", "star"), 0.35),
    Aim("recall, full frame", "at most 0.5 points less", _recall(FULL, "all"), -0.005),
    Aim(
        "wrong fluxes of hit stars",
        "half as many",
        {"mask": MATCHED, "measure": "wrong_fluxes_hit"},
        of_baseline=0.5,
    ),
    Aim(
        "clean star cores flagged at 0.5",
        "at most 0.1 %",
        {"mask": DEFAULT, "measure": "star_cores_flagged"},
        ceiling=0.001,
    ),
    Aim(
        "average precision, real exposures (no independent test)",
        "at most 0.5 points less",
        {"measure": "average_precision", "dataset": REAL},
        -0.005,
    ),
)


def trained_here(names: Iterable[str]) -> list[str]:
    """Return the nets of this project among methods."""
    return [n for n in names if n in WEIGHTS and WEIGHTS[n].origin == "repository of crstudy"]


def star_net_rows(
    star_net: Table, names: Iterable[str], dataset: str = FIELDS
) -> list[dict[str, Any]]:
    """Return what the nets trained here reach, beside what was aimed at on ACS/WFC.

    Parameters
    ----------
    star_net : Table
        ``resources/star_net.ecsv``.
    names : iterable of str
        Methods of a study.
    dataset : str
        Simulated fields; the aims were about `FIELDS`.

    Returns
    -------
    list of dict
        For each `Aim` with rows in the table, and each net trained here among the methods: label,
        words, aim, reached, and the table's rows net, zb20 and oracle (None if not measured).
    """
    own, rows = trained_here(names), []
    for aim in AIMS:
        table = select_rows(star_net, **{"dataset": dataset} | aim.where)
        found = {str(row["method"]): row for row in table}
        for name in own if dataset == FIELDS or "dataset" not in aim.where else ():
            if name in found:
                net, zb20 = found[name], found[BASELINE]
                one = {"label": METHODS[name].label, "words": aim.words, "aim": aim.aim}
                one |= {"reached": aim.judge(net, zb20), "net": net, "zb20": zb20}
                rows.append(one | {"oracle": found.get(ORACLE)})
    return rows


def net_rows(names: Iterable[str], programmes: Table) -> list[dict[str, str]]:
    """Return what deepCR's nets were trained on.

    Parameters
    ----------
    names : iterable of str
        Methods; those that are no nets of deepCR's packages are left out.
    programmes : Table
        ``resources/training_programmes.ecsv``.

    Returns
    -------
    list of dict
        label, citation, instrument, and the programmes of the paper's dates among those of training
        and test.
    """
    rows = []
    for name in names:
        if name in WEIGHTS:
            seen = programmes[(programmes["net"] == name) & programmes["in_window"]]
            proposals = sorted({str(number) for number in seen["proposal"]})
            rows.append(
                {
                    "label": METHODS[name].label,
                    "citation": METHODS[name].citation,
                    "instrument": WEIGHTS[name].instrument,
                    "seen": ", ".join(proposals) or "none known",
                }
            )
    return rows


def other_net_rows(other_nets: Table) -> list[dict[str, Any]]:
    """Return the rows, as `mask_rows` does, of simulated ACS/WFC exposures in the full frame.

    Parameters
    ----------
    other_nets : Table
        ``resources/other_nets.ecsv``.
    """
    return mask_rows(other_nets[other_nets["study"] == "sim"], FULL)
