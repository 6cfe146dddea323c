"""Run a script of the workflow in this process, as Snakemake would."""

import logging
import runpy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from project import script


class Names(dict):
    """Names of files or parameters, as Snakemake hands them over."""

    __getattr__ = dict.__getitem__


def run_script(name: str, inputs: Mapping, output: Mapping, params: Mapping, log: Path) -> None:
    """Run the script of a rule; files without a name have their number instead."""
    run = SimpleNamespace(
        input=Names(inputs), output=Names(output), log=[log], params=Names(params), threads=1
    )
    with without_handlers():
        runpy.run_path(str(script(name)), {"snakemake": run})


@contextmanager
def without_handlers() -> Iterator[None]:
    """Give back the handlers of the root logger, which a job replaces."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    try:
        yield
    finally:
        for handler in root.handlers:
            handler.close()
        logging.captureWarnings(False)
        root.handlers, root.level = handlers, level
