"""Draw groups of exposures from MAST: queries and random selection."""

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.time import Time
from astroquery.exceptions import InvalidQueryError, NoResultsWarning

from crstudy.archive.footprints import Field, group_fields
from crstudy.archive.mast import TransientError, retry
from crstudy.archive.screening import (
    Candidate,
    FullFrame,
    Ledger,
    Row,
    full_frame,
    screen_exposures,
    screen_observations,
    to_rows,
)
from crstudy.core.errors import StudyError
from crstudy.core.formatting import plural

logger = logging.getLogger(__name__)

#: Random stream of the draw.
SELECTION_STREAM = 10
#: Upper limit of exposure times, s: numeric queries need both ends.
LONGEST_S = 1e6

#: Queries the products of observations (obsid) and returns their rows.
LookUp = Callable[[Sequence[str]], list[Row]]


@dataclass(frozen=True)
class Group:
    """Exposures drawn from a field, and the nets trained or tested on its programme."""

    field: Field
    exposures: tuple[Candidate, ...]
    seen_by: tuple[str, ...]


def select_groups(
    client: Any,
    *,
    observed_with: str | None,
    settings: Mapping[str, Any],
    archive: Mapping[str, Any],
    seed: int,
    models: Collection[str],
    programmes: Table,
    classes: Sequence[Mapping[str, Any]],
) -> tuple[list[Group], Table]:
    """Draw groups from the archive.

    Parameters
    ----------
    client : astroquery.mast.ObservationsClass
        Of `crstudy.archive.mast.mast_client`.
    observed_with : str
        Camera and filter, such as ``ACS/WFC F606W``.
    settings, archive : mapping
        Configuration sections ``selection`` and ``archive``.
    seed : int
        Of the draw.
    models : collection of str
        Nets that the study scores; their training and test programmes are skipped.
    programmes : Table
        resources/training_programmes.ecsv.
    classes : sequence of mapping
        resources/field_classes.yaml.

    Returns
    -------
    groups : list of Group
        By date. The same archive, seed and settings give the same groups.
    steps : Table
        A row per step of the selection: of, step, kept, dropped, why.

    Raises
    ------
    StudyError
        The camera is not one of those known, the archive fails for good, or fewer groups than
        requested are available.
    """
    camera, filters, frame = full_frame(observed_with)
    ask = partial(retry, attempts=archive["attempts"], backoff_s=archive["backoff_s"])
    ledger = Ledger()
    observations = screen_observations(
        _find_observations(client, ask, camera, filters, settings),
        filters=filters,
        frame=frame,
        min_overlap=settings["min_overlap"],
        classes=classes,
        ledger=ledger,
    )
    limits = {name: settings[name] for name in ("min_overlap", "max_rotation_deg", "max_days")}
    fields = group_fields(observations, **limits)
    logger.info("%d observations of %d fields may be used", len(observations), len(fields))
    groups = draw_groups(
        fields,
        partial(_find_products, client, ask),
        frame=frame,
        settings=settings,
        seed=seed,
        models=models,
        seen_by=_nets_by_proposal(programmes),
        ledger=ledger,
    )
    return groups, ledger.table()


def _find_observations(
    client: Any,
    ask: Callable[..., Any],
    camera: str,
    filters: Collection[str],
    settings: Mapping[str, Any],
) -> list[Row]:
    """Query observations year by year, so that no answer is huge.

    Parameters
    ----------
    client : astroquery.mast.ObservationsClass
    ask : callable
        `crstudy.archive.mast.retry` with its number of attempts.
    camera : str
        Such as ``ACS/WFC``.
    filters : collection of str
        Filters in the light path.
    settings : mapping
        Configuration section ``selection``.

    Returns
    -------
    list of dict
        Rows; an observation at a turn of the year may be listed twice.
    """
    rows: list[Row] = []
    first, last = (date.fromisoformat(settings[name]) for name in ("first_date", "last_date"))
    for year in range(first.year, last.year + 1):
        start = max(first, date(year, 1, 1))
        end = min(last, date(year, 12, 31)) + timedelta(days=1)
        query = partial(
            client.query_criteria,
            obs_collection="HST",
            instrument_name=camera,
            intentType="science",
            dataproduct_type="image",
            # The archive writes all that is in the light path, such as F606W;CLEAR2L.
            filters=f"*{min(filters)}*",
            t_min=list(Time([start.isoformat(), end.isoformat()]).mjd),
            t_exptime=[settings["min_exptime_s"], LONGEST_S],
        )
        found = ask(f"MAST, observations of {year}", partial(_answer, client, query))
        logger.info("%d: %d observations found", year, len(found))
        rows += found
    return rows


def _find_products(client: Any, ask: Callable[..., Any], obsids: Sequence[str]) -> list[Row]:
    """Query the products of the observations of a field.

    Parameters
    ----------
    client, ask
        See `_find_observations`.
    obsids : sequence of str
        The archive's numbers of the observations.
    """
    query = partial(client.get_product_list, list(obsids))
    return ask(f"MAST, products of observation {obsids[0]}", partial(_answer, client, query))


def draw_groups(
    fields: Sequence[Field],
    look_up: LookUp,
    *,
    frame: FullFrame,
    settings: Mapping[str, Any],
    seed: int,
    models: Collection[str],
    seen_by: Mapping[str, Collection[str]],
    ledger: Ledger,
) -> list[Group]:
    """Draw groups from fields, spread over classes and years.

    The next field is of the class drawn least so far, then of the year drawn least, then the
    first in a random order. Products are queried only of fields that are examined.

    Parameters
    ----------
    fields : sequence of Field
        In an order that does not depend on that of the archive's answers.
    look_up : callable
        Returns the products of observations.
    frame : FullFrame
        Of the camera.
    settings : mapping
        Configuration section ``selection``.
    seed : int
        Of the draw.
    models : collection of str
        Nets whose programmes are not drawn.
    seen_by : mapping of str to collection of str
        Nets by programme.
    ledger : Ledger
        Takes the counts of each step.

    Returns
    -------
    list of Group
        By date.

    Raises
    ------
    StudyError
        There are too few.
    """
    number, size = settings["n_groups"], settings["exposures_per_group"]
    eligible = _eligible(fields, settings, set(models), seen_by, ledger)
    rng = np.random.default_rng([SELECTION_STREAM, seed])
    waiting = [eligible[i] for i in rng.permutation(len(eligible))]
    kinds = [(field[0].field_class, _year(field)) for field in waiting]
    classes: Counter[str] = Counter()
    years: Counter[int] = Counter()
    groups: list[Group] = []
    taken: set[str] = set()
    while waiting and len(groups) < number:
        ranks = [(classes[field_class], years[year]) for field_class, year in kinds]
        place = ranks.index(min(ranks))
        field, (field_class, year) = waiting.pop(place), kinds.pop(place)
        rows = look_up([observation.obsid for observation in field])
        found = screen_exposures(rows, field, frame, settings["min_exptime_s"], ledger)
        exposures = [exposure for exposure in found if exposure.dataset not in taken]
        why = f"fewer than {size} exposures that may be used"
        if not ledger.keep("fields", "drawn", why, [exposures], lambda e: len(e) >= size):
            continue
        picks = sorted(rng.choice(len(exposures), size, replace=False))
        nets = tuple(sorted(seen_by.get(field[0].proposal, ())))
        groups.append(Group(field, tuple(exposures[i] for i in picks), nets))
        taken |= {exposure.dataset for exposure in groups[-1].exposures}
        classes[field_class] += 1
        years[year] += 1
        logger.info("%d of %d groups, programme %s", len(groups), number, field[0].proposal)
    if len(groups) < number:
        raise _too_few(len(groups), number, ledger)
    return sorted(groups, key=lambda group: group.exposures[0].sort_key)


def _eligible(
    fields: Sequence[Field],
    settings: Mapping[str, Any],
    models: set[str],
    seen_by: Mapping[str, Collection[str]],
    ledger: Ledger,
) -> list[Field]:
    """Return the fields that may be drawn, as far as their observations tell."""
    least_s = settings["exposures_per_group"] * settings["min_exptime_s"]
    kept = ledger.keep(
        "fields",
        "unseen",
        "a net that is scored was trained or tested on the programme",
        fields,
        lambda field: models.isdisjoint(seen_by.get(field[0].proposal, ())),
    )
    return ledger.keep(
        "fields",
        "exposed enough",
        f"less than {least_s:g} s in all: too short for a group",
        kept,
        lambda field: sum(observation.exptime_s for observation in field) >= least_s,
    )


def _too_few(found: int, wanted: int, ledger: Ledger) -> StudyError:
    """Log all steps, as no table of them is written, and return the error."""
    for row in ledger.steps.values():
        logger.info("%(of)s, %(step)s: %(kept)d kept, %(dropped)d dropped %(why)s", row)
    lost = [row for row in ledger.steps.values() if row["of"] == "fields" and row["dropped"]]
    reasons = "; ".join(f"{plural(row['dropped'], 'fields')}: {row['why']}" for row in lost)
    return StudyError(
        "selection of groups",
        f"the archive has {found} of the {wanted} groups ({reasons or 'no more were found'})",
        "relax selection.max_days, min_overlap, max_rotation_deg or min_exptime_s, widen its "
        "dates, or lower n_groups or exposures_per_group",
    )


def _answer(client: Any, query: Callable[[], Table]) -> list[Row]:
    """Return the rows that a query finds; a malformed response is a transient error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoResultsWarning)
        try:
            answer = query()
        except (KeyError, InvalidQueryError) as error:
            # The client caches the names of columns even if it got an error instead.
            client._portal_api_connection._column_configs.clear()
            raise TransientError(f"malformed response from the archive: {error}") from None
    return to_rows(answer)


def _nets_by_proposal(programmes: Table) -> dict[str, set[str]]:
    nets: dict[str, set[str]] = {}
    for row in programmes:
        nets.setdefault(str(row["proposal"]), set()).add(str(row["net"]))
    return nets


def _year(field: Field) -> int:
    return Time(field[0].start_mjd, format="mjd").datetime.year
