"""The command ``crstudy``."""

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from crstudy.cleaning.arrays import available_cores
from crstudy.cleaning.nets import DEFAULT_NET, find_model
from crstudy.core.atomic import is_full
from crstudy.core.errors import StudyError
from crstudy.instrument.dq import Dq


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line by default.

    Returns
    -------
    int
        Exit status: 0, 1 after an error, 130 after an interrupt.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: finished files are kept, the others are untouched", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crstudy", description="Cosmic rays in single exposures.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    clean = commands.add_parser("clean", help="flag the cosmic rays of exposures")
    clean.description = (
        "Copy exposures with all headers and extensions and set a bit of DQ where a net finds "
        "cosmic rays. FLC and FLT of ACS/WFC, ACS/HRC and WFC3/UVIS; others with --ext, --scale."
    )
    add = clean.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="calibrated exposure")
    add("--model", default=DEFAULT_NET, metavar="NAME|PATH", help="net: see crstudy models")
    add("--threshold", type=_fraction, metavar="P", help="flag above this probability (0.5)")
    add("--out", type=Path, default=Path("cleaned"), metavar="DIR", help="folder (cleaned)")
    add("--overwrite", action="store_true", help="replace files that are there")
    add(
        "--dq-bit",
        type=_bit,
        default=int(Dq.CRSPLIT_CR),
        metavar="BIT",
        help="bit of DQ to set (8192)",
    )
    add("--inpaint", action=argparse.BooleanOptionalAction, default=False, help="clean SCI, too")
    add("--refine", action="store_true", help="refine masks on stars (ACS/WFC F606W)")
    add("--probability", action="store_true", help="write <file>_probability.fits as well")
    add("--ext", action="append", metavar="EXT", help="image of another FITS file: 0, SCI, SCI,2")
    add("--scale", metavar="E", help="electrons per unit of --ext: number or keyword")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--threads", type=int, default=available_cores(), help="on a CPU (all cores)")
    clean.set_defaults(run=_clean)
    models = commands.add_parser("models", help="list the nets")
    models.set_defaults(run=_models)
    return parser


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 0 to 1")
    return value


def _bit(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value not in (1 << n for n in range(15)):
        raise argparse.ArgumentTypeError(f"{text} is not a power of two from 1 to 16384")
    return value


def _clean(options: argparse.Namespace) -> int:
    """Clean file after file; one that fails does not stop the others."""
    from crstudy.cleaning.files import Cleaner

    if (options.ext is None) != (options.scale is None):
        raise StudyError("--ext, --scale", "one without the other", "give both")
    targets = _targets(options)
    cleaner = Cleaner(find_model(options.model), options)
    failed = 0
    for source, target, left in _timed(targets):
        try:
            if source.is_dir():
                raise StudyError(source, "is a folder", f"give its files: {source}/*_flc.fits")
            print(f"{cleaner.clean(source, target)}{left()}", flush=True)
        except StudyError as error:
            print(error, file=sys.stderr, flush=True)
            failed += 1
        except OSError as error:
            problem = "no room left" if is_full(error) else f"cannot be written ({error.strerror})"
            fix = "make room, or choose another folder with --out"
            print(StudyError(target, problem, fix), file=sys.stderr, flush=True)
            failed += 1
    if failed:
        print(f"{failed} of {len(targets)} files failed", file=sys.stderr)
    return int(failed > 0)


def _targets(options: argparse.Namespace) -> dict[Path, Path]:
    """Return where each file goes, if each has a place of its own."""
    targets = {source: options.out / source.name for source in options.files}
    names = [target.name for target in targets.values()]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        problem = "is the name of two files, which would go to one folder"
        raise StudyError(min(twice), problem, "clean them one by one with different --out")
    return targets


def _timed(targets: dict[Path, Path]) -> Iterator[tuple[Path, Path, Any]]:
    """Yield file after file, and a function that says how much is left when it is done."""
    sizes = [path.stat().st_size if path.is_file() else 0 for path in targets]
    start = time.monotonic()
    for number, (source, target) in enumerate(targets.items(), 1):

        def left(number: int = number) -> str:
            if number == len(targets):
                return ""
            rest = (time.monotonic() - start) * sum(sizes[number:]) / max(sum(sizes[:number]), 1)
            return f" [{number} of {len(targets)}, {rest:.0f} s left]"

        yield source, target, left


def _models(options: argparse.Namespace) -> int:
    from crstudy.cleaning.models import list_models

    print("\n".join(list_models()))
    return 0
