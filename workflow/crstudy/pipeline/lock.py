"""Write the pip locks, with the sha256 of every file that pip may install (`make lock`)."""

import re
import subprocess
import sys
from pathlib import Path

#: Purpose of each lock.
LOCKS = {
    "requirements-build.txt": "Builds deepCR and connection-pool, which come as source only.",
    "requirements.txt": "What the study needs; torch is the build for CUDA, the only one of PyPI.",
    "requirements-cuda.txt": "What torch built for CUDA needs besides.",
    "requirements-dev.txt": "What tests, lint and documentation need besides.",
}


def resolve(uv: str, folder: Path, *sources: str) -> dict[str, str]:
    """Return the lines that lock each package that requirement files pull in.

    Versions are those of the locks in `folder`, where they still fit.
    """
    out = folder / "all.tmp"
    locks = [path for path in map(folder.joinpath, LOCKS) if path.exists()]
    out.write_text("".join(path.read_text(encoding="utf-8") for path in locks), encoding="utf-8")
    command = [uv, "pip", "compile", "--quiet", "--generate-hashes", "--no-annotate", "--no-header"]
    try:
        subprocess.run([*command, "-o", out, *sources], cwd=folder, check=True)
        entries = re.findall(r"^(\S+)==(.*\n(?: +--hash.*\n)+)", out.read_text("utf-8"), re.M)
    finally:
        out.unlink()
    return {name: f"{name}=={rest}" for name, rest in entries}


def divide(runtime: dict[str, str], everything: dict[str, str]) -> dict[str, str]:
    """Return the text of every lock from the lines of `resolve`."""
    parts: dict[str, list[str]] = {name: [] for name in LOCKS}
    for name, lines in everything.items():
        if name == "setuptools":
            lock = "requirements-build.txt"
        elif re.match(r"(nvidia|cuda|triton)\b", name):
            lock = "requirements-cuda.txt"
        else:
            lock = "requirements.txt" if name in runtime else "requirements-dev.txt"
        parts[lock].append(lines)
    return {
        name: f"# {purpose}\n# Written by `make lock`.\n" + "".join(parts[name])
        for name, purpose in LOCKS.items()
    }


if __name__ == "__main__":
    root = Path.cwd()
    runtime = resolve(sys.argv[1], root, "requirements.in")
    everything = resolve(sys.argv[1], root, "requirements.in", "requirements-dev.in")
    for name, text in divide(runtime, everything).items():
        Path(name).write_text(text, encoding="utf-8")
