"""Text of a document between two markers, which a benchmark draws anew."""

from pathlib import Path

from crstudy.core.atomic import complete_file
from crstudy.core.errors import StudyError


def replace_marked(path: Path, name: str, body: str) -> None:
    """Replace the text between ``<!-- name -->`` and ``<!-- /name -->``.

    Parameters
    ----------
    path : pathlib.Path
        File with the markers.
    name : str
        Of the markers.
    body : str
        Markdown.

    Raises
    ------
    StudyError
        The markers are missing.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise StudyError(path, f"has no {begin} ... {end}", "put the two markers back")
    with complete_file(path) as part:
        part.write_text(f"{before}{begin}\n{body}\n{end}{after}", encoding="utf-8")
