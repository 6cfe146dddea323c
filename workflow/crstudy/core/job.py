"""Log of a job: to its file and to the terminal, one line for a user's mistake; what it used."""

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crstudy.core.atomic import is_full
from crstudy.core.errors import StudyError
from crstudy.core.usage import recorded_usage


@contextmanager
def job(log_path: str | Path) -> Iterator[logging.Logger]:
    """Log a job to a file and to standard error, and record what it used if it succeeds.

    Parameters
    ----------
    log_path : path-like
        Log file; replaced, as is the record beside it.

    Yields
    ------
    logging.Logger

    Raises
    ------
    SystemExit
        After a `StudyError`, which is logged as one line.
    """
    handlers = [logging.FileHandler(log_path, mode="w"), logging.StreamHandler()]
    line = "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=line, handlers=handlers, force=True)
    logging.captureWarnings(True)
    logger = logging.getLogger("crstudy")
    logger.setLevel(logging.INFO)
    try:
        with recorded_usage(log_path, logger):
            yield logger
    except StudyError as error:
        logger.error("%s", error)
        sys.exit(1)
    except Exception as error:
        if is_full(error):
            disks = f"the disk of results or that of TMPDIR ({tempfile.gettempdir()})"
            logger.error("%s", StudyError(disks, "is full", "make room, then run again"))
            sys.exit(1)
        logger.exception("unexpected error")
        raise
