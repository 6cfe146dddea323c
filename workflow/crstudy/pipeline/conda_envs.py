"""Write the conda environment of each stage from the pip lock."""

from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAD = "Written by `make envs` from workflow/crstudy/pipeline/conda_envs.py and requirements.txt."
PYTHON = "3.11"

#: Purpose of each stage, and the packages that its scripts import, by their names on PyPI;
#: pyarrow is imported by astropy, for Parquet, and matplotlib by deepCR, which does not say so.
STAGES = {
    "core": (
        "Masks, scores, tables, figures and the report.",
        "numpy scipy astropy psutil filelock sep pyyaml pyarrow networkx matplotlib seaborn jinja2 "
        "markupsafe",
    ),
    "detect": (
        "deepCR: masks, inpainting, profile, training; the stars of repaired CSST exposures.",
        "numpy scipy astropy psutil sep galsim pyarrow matplotlib deepCR torch openvino",
    ),
    "drizzle": (
        "Alignment and AstroDrizzle.",
        "numpy scipy astropy psutil filelock sep drizzlepac tweakwcs stwcs",
    ),
    "fetch": (
        "The archive: selection of groups and downloads.",
        "numpy scipy astropy psutil filelock pyyaml astroquery requests tenacity",
    ),
    "methods": (
        "The methods that are compared with deepCR.",
        "numpy scipy astropy psutil sep galsim pyyaml pyarrow pydantic astroscrappy torch "
        "cosmic-conn",
    ),
    "simulate": ("The simulator.", "numpy scipy astropy psutil galsim"),
    "workflow": (
        "The flow chart, for which a job reads the Snakefile.",
        "numpy astropy psutil networkx pyyaml pydantic snakemake",
    ),
}

#: Packages that are installed by pip, and why.
BY_PIP = {
    "deepCR": "not on conda-forge",
    "cosmic-conn": "not on conda-forge",
    "drizzlepac": "not on conda-forge",
    "stwcs": "not on conda-forge",
    "tweakwcs": "not on conda-forge",
    "snakemake": "not on conda-forge, but on bioconda",
    "torch": "masks were compared with this build only",
    "openvino": "masks were compared with this build only",
}

#: Names on conda-forge that differ from those on PyPI.
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def read_lock(path: str | Path) -> dict[str, str]:
    """Return ``name==version`` of what a requirements file pins, by normalised package name."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    pins = [line.split("#")[0].split("\\")[0].strip() for line in lines]
    return {canonicalize_name(pin.split("==")[0]): pin for pin in pins if "==" in pin}


def pulled_in(packages: Iterable[str], lock: dict[str, str]) -> set[str]:
    """Return packages of a lock with all that they pull in, as their installed metadata say.

    Parameters
    ----------
    packages : iterable of str
        Names on PyPI.
    lock : dict
        Of `read_lock`. What is not in it, such as CUDA's libraries, is left out.

    Returns
    -------
    set of str
        Normalised names.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        The lock is not installed.
    """
    python = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "extra": ""}
    found: set[str] = set()
    pending = {canonicalize_name(package) for package in packages}
    while pending:
        found |= pending
        needs = [Requirement(text) for name in pending for text in requires(name) or ()]
        needs = [need for need in needs if need.marker is None or need.marker.evaluate(python)]
        pending = ({canonicalize_name(need.name) for need in needs} & lock.keys()) - found
    return found


def environment(stage: str, lock: dict[str, str]) -> str:
    """Return the environment file of a stage.

    Packages that come by pip are pinned with all that they pull in. What packages of
    conda-forge pull in is left to conda: its packages are cut differently.
    """
    purpose, names = STAGES[stage]
    packages = names.split()
    by_conda = [name for name in packages if name not in BY_PIP]
    by_pip = [name for name in packages if name in BY_PIP]
    lines = [f"# {purpose}", f"# {HEAD}", "channels:", "  - conda-forge", "  - nodefaults"]
    lines += ["dependencies:", f"  - python={PYTHON}"]
    for name in by_conda:
        version = lock[canonicalize_name(name)].split("==")[1]
        lines.append(f"  - {CONDA_NAMES.get(name, name)}=={version}")
    if by_pip:
        lines += ["  - pip", "  - pip:"]
        lines += [f"      - {lock[canonicalize_name(name)]}  # {BY_PIP[name]}" for name in by_pip]
        rest = pulled_in(by_pip, lock) - pulled_in(by_conda, lock)
        rest -= {canonicalize_name(name) for name in by_pip}
        lines += ["      # pulled in by these", *(f"      - {lock[name]}" for name in sorted(rest))]
    return "\n".join(lines) + "\n"


def documents(lock: dict[str, str]) -> dict[str, str]:
    """Return the text of every environment file by its path in the project."""
    return {f"envs/{stage}.yaml": environment(stage, lock) for stage in STAGES}


if __name__ == "__main__":
    for path, text in documents(read_lock("requirements.txt")).items():
        Path(path).write_text(text, encoding="utf-8")
