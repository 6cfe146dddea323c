"""Check that the results of a dataset are what its jobs wrote.

``python -m crstudy.pipeline.check results/<dataset>`` says what has changed, and what to delete to
mend it. Nothing is recomputed.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from crstudy.core.checksums import RECORDS, all_outputs, changed
from crstudy.core.errors import StudyError

#: Folders of a dataset whose files are no outputs.
OTHERS = (Path("logs"), Path("benchmarks"), RECORDS)


def check(results: Path) -> tuple[list[str], int]:
    """Compare all outputs of a dataset with their records.

    Parameters
    ----------
    results : pathlib.Path
        Folder of the dataset.

    Returns
    -------
    report : list of str
        A line for each file that has changed, one for all that have no record, and the counts.
    n_found : int
        0 if all is well.

    Raises
    ------
    StudyError
        There is no record.
    """
    outputs = all_outputs(results)
    if not outputs:
        fix = "name a folder with results, or run the study again"
        raise StudyError(results / RECORDS, "no records of what jobs wrote", fix)
    report = [str(error) for error in changed(outputs, results)]
    there = {output for output in outputs if output.exists()}
    known = [results / name for name in OTHERS]
    unknown = [
        path
        for path in results.rglob("[!.]*")
        if path.is_file() and not {path, *path.parents} & {*there, *known}
    ]
    counts = f"{len(there)} files and folders checked, {len(report)} changed files in them"
    if len(outputs) > len(there):
        counts += f"; {len(outputs) - len(there)} are gone: temporary, or for a run to make again"
    if unknown:
        problem = "no record of what its job wrote, so that a change cannot be told"
        problem += f" ({len(unknown)} such files)"
        fix = "delete it, or the folder that its rule writes, and run again"
        report.append(str(StudyError(min(unknown), problem, fix)))
    return [*report, counts], len(report)


def exit_status(compare: Callable[..., tuple[list[str], int]], *folders: str) -> int:
    """Print the report of a comparison, such as `check`, and return 0 if it found nothing."""
    try:
        report, n_found = compare(*map(Path, folders))
    except StudyError as error:
        report, n_found = [str(error)], 1
    print("\n".join(report))
    return int(n_found > 0)


if __name__ == "__main__":
    sys.exit(exit_status(check, *sys.argv[1:]))
