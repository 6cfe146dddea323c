"""What the jobs of a study wrote, by sha256: bytes that change afterwards are noticed.

Below ``run/sha256`` in the folder of a dataset lies a record of each output, in the format of
``sha256sum``. Its paths begin in that folder: there ``sha256sum -c`` checks it, wherever the folder
was moved to. Jobs remove a record before they write its output, and write it last.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from crstudy.core.atomic import complete_file
from crstudy.core.errors import StudyError

#: In the folder of a dataset.
RECORDS = Path("run/sha256")
SUFFIX = ".sha256"
#: ``sha256sum`` takes the first line for a comment.
HEAD = "# written by "


def dataset_folder(log_path: str | Path) -> Path | None:
    """Return the folder above that of the logs; None of a log elsewhere, as in tests."""
    return next((one.parent for one in Path(log_path).parents if one.name == "logs"), None)


def sha256(path: str | Path) -> str:
    """Return the checksum of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record(outputs: Iterable[str | Path], results: Path, rule: str) -> None:
    """Write the records of a job's outputs.

    Parameters
    ----------
    outputs : iterable of path-like
        Files and folders; those that are not below `results` are left out.
    results : pathlib.Path
        Folder of the dataset.
    rule : str
        The rule that wrote them.
    """
    for path in _records(outputs, results):
        output = _output(path, results)
        lines = [f"{sha256(file)}  {file.relative_to(results)}\n" for file in _files(output)]
        with complete_file(path) as part:
            part.write_text("".join([f"{HEAD}{rule}\n", *lines]), encoding="utf-8")


def forget(outputs: Iterable[str | Path], results: Path) -> None:
    """Remove the records of outputs that a job is about to write."""
    for path in _records(outputs, results):
        if path.is_dir() and not path.is_symlink():  # `check` calls that a lost record
            shutil.rmtree(path)
        path.unlink(missing_ok=True)


def changed(outputs: Iterable[str | Path], results: Path) -> Iterator[StudyError]:
    """Compare outputs with their records.

    Parameters
    ----------
    outputs : iterable of path-like
        Files and folders. Those without a record pass, as do those that are gone as a whole:
        temporary ones, and what Snakemake would make again.
    results : pathlib.Path
        Folder of the dataset.

    Yields
    ------
    StudyError
        For each file that differs, is missing from its folder, or is one more in it.
    """
    for path in _records(outputs, results):
        output = _output(path, results)
        if not path.is_file() or not output.exists():
            continue
        rule, expected = _read(path)
        found = {str(file.relative_to(results)): file for file in _files(output)}
        for name in sorted(expected.keys() | found.keys()):
            if problem := _problem(found.get(name), expected.get(name)):
                fix = f"delete {output} and run again"
                yield StudyError(results / name, f"{problem} since {rule} wrote {output}", fix)


def _problem(file: Path | None, expected: str | None) -> str:
    """Say what is wrong with a file, if anything."""
    if file is None:
        return "was lost"
    if expected is None:
        return "was added"
    try:
        return "" if sha256(file) == expected else "has changed"
    except OSError as error:
        return f"cannot be read any more ({error.strerror})"


def all_outputs(results: Path) -> list[Path]:
    """Return the outputs of a dataset that have a record, also those that are gone."""
    records = sorted((results / RECORDS).rglob(f"*{SUFFIX}"))
    return [_output(path, results) for path in records if path.is_file()]


def _records(outputs: Iterable[str | Path], results: Path) -> Iterator[Path]:
    """Yield the records of those outputs that are below the folder of the dataset."""
    for output in map(Path, outputs):
        if output.is_relative_to(results):
            yield results / RECORDS / f"{output.relative_to(results)}{SUFFIX}"


def _output(path: Path, results: Path) -> Path:
    """Return the output of a record."""
    return results / str(path.relative_to(results / RECORDS)).removesuffix(SUFFIX)


def _files(output: Path) -> list[Path]:
    """Return the files of an output, sorted; hidden ones are of others, such as Snakemake."""
    if not output.is_dir():
        return [output]
    return sorted(file for file in output.rglob("[!.]*") if file.is_file())


def _read(path: Path) -> tuple[str, dict[str, str]]:
    """Return rule and checksums by path of a record; of a damaged one, what no file agrees with."""
    head, _, lines = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    parts = [line.partition("  ") for line in lines.splitlines()]
    return f"job {head.removeprefix(HEAD)}", {name: digest for digest, _, name in parts}
