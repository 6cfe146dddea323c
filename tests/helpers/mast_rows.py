"""Rows as MAST answers them: observations, products, and which of them a query finds.

Columns are those of the answers that astroquery recorded at MAST.
"""

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

OBSERVATIONS = "Mast.Caom.Filtered"
PRODUCTS = "Mast.Caom.Products"
#: Columns that MAST has gained since its answers were recorded, and their types.
NEWER = {
    OBSERVATIONS: {"intentType": "string", "dataRights": "string", "mtFlag": "boolean"},
    PRODUCTS: {
        "parent_obsid": "string",
        "dataRights": "string",
        "calib_level": "int",
        "filters": "string",
    },
}


def observation(
    obsid: int,
    obs_id: str,
    *,
    s_ra: float = 150.0,
    s_dec: float = 2.2,
    orientation_deg: float = 0.0,
    t_min: float = 55000.0,
    **changes: Any,
) -> dict:
    """Return the row of an association of ACS/WFC exposures in F606W."""
    row = dict.fromkeys(field["name"] for field in fields(OBSERVATIONS)) | {
        "intentType": "science",
        "dataRights": "PUBLIC",
        "mtFlag": False,
        "dataproduct_type": "image",
        "obs_collection": "HST",
        "instrument_name": "ACS/WFC",
        "project": "HST",
        "filters": "F606W;CLEAR2L",
        "wavelength_region": "OPTICAL",
        "target_name": "FIELD-1",
        "target_classification": "UNIDENTIFIED;BLANK SKY",
        "obs_id": obs_id,
        "s_ra": s_ra,
        "s_dec": s_dec,
        "proposal_id": "10092",
        "proposal_pi": "Maker",
        "calib_level": 3,
        "t_min": t_min,
        "t_max": t_min + 0.05,
        "t_exptime": 2028.0,
        "em_min": 470.0,
        "em_max": 720.0,
        "obs_title": "A field",
        "t_obs_release": t_min + 366,
        "s_region": footprint(s_ra, s_dec, orientation_deg),
        "dataURL": f"mast:HST/product/{obs_id}_drc.fits",
        "obsid": obsid,
        "objID": 1_000_000_000 + obsid,
    }
    return _changed(row, changes)


def flc(obsid: int, root: str, size: int = 167_964_480, **changes: Any) -> dict:
    """Return the row of a calibrated exposure that belongs to the observation `obsid`.

    As at MAST, ``parent_obsid`` is that observation and ``obsID`` the exposure's own number.
    """
    row = dict.fromkeys(field["name"] for field in fields(PRODUCTS)) | {
        "obsID": zlib.crc32(root.encode()),
        "parent_obsid": obsid,
        "obs_collection": "HST",
        "dataproduct_type": "image",
        "obs_id": root,
        "description": "DADS FLC file - CTE-corrected calibrated exposure ACS/WFC3/STIS",
        "type": "S",
        "dataURI": f"mast:HST/product/{root}_flc.fits",
        "productType": "SCIENCE",
        "productSubGroupDescription": "FLC",
        "project": "CALACS",
        "productFilename": f"{root}_flc.fits",
        "size": size,
        "dataRights": "PUBLIC",
        "calib_level": 2,
        "filters": "F606W;CLEAR2L",
    }
    return _changed(row, changes)


def footprint(ra_deg: float, dec_deg: float, orientation_deg: float) -> str:
    """Return a full frame of ACS/WFC, 202" x 202", in the words of MAST."""
    angles = (orientation_deg + np.array([45, 135, 225, 315, 45])) * u.deg
    corners = SkyCoord(ra_deg, dec_deg, unit="deg").directional_offset_by(
        angles, 202 / math.sqrt(2) * u.arcsec
    )
    return "POLYGON ICRS " + " ".join(f"{c.ra.deg:.8f} {c.dec.deg:.8f}" for c in corners)


@cache
def recorded(name: str) -> dict:
    """Return an answer of MAST that astroquery's tests have."""
    data = resources.files("astroquery") / "mast" / "tests" / "data"
    return json.loads((data / f"{name}.json").read_text(encoding="utf-8"))


def fields(service: str) -> list[dict]:
    """Return names and types of the columns of a service."""
    columns = recorded({OBSERVATIONS: "caom", PRODUCTS: "products"}[service])["fields"]
    return columns + [{"name": name, "type": kind} for name, kind in NEWER[service].items()]


def find(query: dict, observations: Sequence[dict], products: Sequence[dict]) -> dict:
    """Return MAST's answer to a query of one of its services.

    Parameters
    ----------
    query : dict
        Service, params, page and pagesize, as the client sends them.
    observations, products : sequence of dict
        All rows there are.

    Returns
    -------
    dict
        Status, data, fields and paging.
    """
    if query["service"] == OBSERVATIONS:
        filters = query["params"]["filters"]
        rows = [row for row in observations if all(_passes(row, wanted) for wanted in filters)]
    elif query["service"] == PRODUCTS:
        parents = query["params"]["obsid"].split(",")
        rows = [row for row in products if str(row["parent_obsid"]) in parents]
    else:
        return {"status": "ERROR", "msg": f"no service {query['service']}"}
    return _page(rows, query)


def _changed(row: dict, changes: dict) -> dict:
    if unknown := changes.keys() - row.keys():
        raise KeyError(f"no such column: {unknown}")
    return row | changes


def _passes(row: dict, wanted: dict) -> bool:
    """Tell whether a row passes a filter of MAST."""
    value = {name.lower(): cell for name, cell in row.items()}[wanted["paramName"].lower()]
    if value is None:
        return False
    if any(isinstance(choice, Mapping) for choice in wanted["values"]):
        return any(choice["min"] <= value <= choice["max"] for choice in wanted["values"])
    texts = [str(value)]
    if "separator" in wanted:
        texts += texts[0].split(wanted["separator"])
    patterns = [re.escape(choice) for choice in wanted["values"]]
    if "freeText" in wanted:
        patterns.append(".*".join(map(re.escape, wanted["freeText"].split("%"))))
    return any(re.fullmatch(p, text, re.IGNORECASE) for p in patterns for text in texts)


def _page(rows: Sequence[dict], query: dict) -> dict:
    size, number = query["pagesize"], query["page"]
    data = rows[(number - 1) * size : number * size]
    paging = {
        "page": number,
        "pageSize": size,
        "pagesFiltered": math.ceil(len(rows) / size),
        "rows": len(data),
        "rowsFiltered": len(rows),
        "rowsTotal": len(rows),
    }
    answer = {"status": "COMPLETE", "msg": "", "data": data, "paging": paging}
    return answer | {"fields": fields(query["service"])}
