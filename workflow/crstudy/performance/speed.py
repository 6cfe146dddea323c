"""What each method costs."""

from collections.abc import Mapping, Sequence

from astropy.table import Table

from crstudy.performance.cost import Job


def speed_table(jobs: Mapping[str, Sequence[Job]], mpx: Mapping[str, float]) -> Table:
    """Tabulate the cost of the methods in this run.

    Parameters
    ----------
    jobs : mapping of str to sequence of Job
        Jobs by method, see `crstudy.performance.cost.read_jobs`.
    mpx : mapping of str to float
        Pixels that these jobs scored, 1e6.

    Returns
    -------
    Table
        A row per method: jobs, mpx, cpu_s, of these startup_cpu_s, cpu_s_per_mpx without the
        start, and the largest process. That of a scan is for all its thresholds.
    """
    rows = []
    for method, some in jobs.items():
        cpu_s, startup_s = (sum(job[k] for job in some) for k in ("cpu_s", "startup_cpu_s"))
        row = {"method": method, "jobs": len(some), "mpx": mpx[method], "cpu_s": cpu_s}
        row |= {"startup_cpu_s": startup_s, "cpu_s_per_mpx": (cpu_s - startup_s) / mpx[method]}
        rows.append(row | {"max_rss_mb": max(job["max_rss_mb"] for job in some)})
    table = Table(rows)
    units = {"mpx": "Mpix", "cpu_s": "s", "startup_cpu_s": "s", "max_rss_mb": "Mbyte"}
    for name, unit in (units | {"cpu_s_per_mpx": "s / Mpix"}).items():
        table[name].unit = unit
    table["cpu_s_per_mpx"].description = "of a scan: for all its thresholds"
    return table
