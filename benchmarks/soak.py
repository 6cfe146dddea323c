"""Random faults, for a given time, while a tiny study runs; writes the table in docs/trials.md.

Studies run one after another. Each is disturbed at random moments, continued as its messages say,
and its tables are compared byte for byte with those of a study that nobody disturbed. Results lie
on a small file system in memory, which is made too small to fill it: only root may mount it, and
others do without that fault. Bytes change while no run reads them, and keep their time.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
from astropy.table import Table

from bench_chip import ROOT
from bench_record import today
from crstudy.core.atomic import write_table
from crstudy.core.checksums import all_outputs
from crstudy.pipeline.provenance import commit
from marked import replace_marked
from project import command, environment
from studies import TINY_CONFIG, tiny_project

RESULT = ROOT / "benchmarks/results/soak.ecsv"
PAGE = ROOT / "docs/trials.md"
#: Space for results, bytes, unless the disk is to be full: then up to `LEFT` of it is left.
ROOM, LEFT = 2_000_000_000, 4_000_000
#: Failed runs in a row, without a fault between them, after which a study is given up.
TRIES = 6
KILLS = {"tree": "SIGKILL of all processes", "worker": "SIGKILL of one process of a job"}
KILLS |= {"head": "SIGKILL of Snakemake alone, its jobs go on"}
ROT = {"flip": "one bit flipped in a finished output", "cut": "finished output cut off"}
FULL = {"full": "disk full"}
COLUMNS = {
    "trials": "trials",
    "job": "told by a job",
    "check": "told by `make check`",
    "silent": "wrong table before `make check`",
    "lost": "wrong table at the end",
    "hand": "stops without advice",
    "traceback": "tracebacks",
}


class Soak:
    """A tiny study that is disturbed again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.project = tiny_project(folder)
        self.results = self.project / "results"
        self.results.mkdir()
        self.dataset = self.results / "tiny"
        mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(self.results)]
        self.mounted = subprocess.run(mount, check=False).returncode == 0
        self.faults = [*KILLS, *ROT, *(FULL if self.mounted else [])]
        self.output = folder / "printed.txt"
        self.counts = {fault: Counter() for fault in self.faults}
        #: Faults of this study; jobs that go on without Snakemake.
        self.done: list[str] = []
        self.orphans: list[psutil.Process] = []
        self.studies = 0

    def run(self) -> subprocess.Popen:
        """Start or continue the study."""
        with self.output.open("w", encoding="utf-8") as file:
            return subprocess.Popen(
                command(*TINY_CONFIG),
                cwd=self.project,
                env=environment(),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def tables(self) -> dict[str, bytes]:
        """Return the tables that are there."""
        return {path.name: path.read_bytes() for path in (self.dataset / "tables").iterdir()}

    def undisturbed(self) -> float:
        """Keep the tables of an undisturbed study, and return its time, s."""
        start = time.monotonic()
        if self.run().wait():
            sys.exit(f"The undisturbed study failed:\n{self.output.read_text(encoding='utf-8')}")
        self.expected = self.tables()
        return time.monotonic() - start

    def disturbed(self, longest_s: float) -> None:
        """Disturb a study until it ends; then damage what it made, check and compare."""
        for path in self.results.iterdir():
            shutil.rmtree(path)
        shutil.rmtree(self.project / ".snakemake", ignore_errors=True)
        self.done, failed = [], 0
        self.studies += 1
        while failed <= TRIES:
            run = self.run()
            try:
                status = run.wait(self.random.uniform(5, longest_s / 2))
            except subprocess.TimeoutExpired:
                failed = 0
                self.disturb(run)
                if self.done[-1] not in ("worker", "full"):
                    continue
                status = run.wait()
            if status == 0:
                break
            failed = failed + 1 if self.advised() else TRIES + 1
        psutil.wait_procs(self.orphans)
        if failed > TRIES:
            self.count("hand")
            print(f"given up after {self.done}:\n{self.output.read_text(encoding='utf-8')}")
            return
        self.finished()

    def finished(self) -> None:
        """Compare tables, damage a finished output, do as `make check` says, and compare again."""
        if self.wrong():
            self.count("silent")
        checked = self.check()
        if self.rot(self.random.choice(list(ROT))):
            checked |= self.check()
        if checked and self.run().wait():
            self.count("hand")
            print(f"not mended:\n{self.output.read_text(encoding='utf-8')}")
        elif wrong := self.wrong():
            self.count("lost")
            print(f"wrong after {self.done}: {wrong}")

    def wrong(self) -> list[str]:
        """Return the names of tables that differ from the undisturbed ones."""
        now = self.tables()
        names = now.keys() | self.expected.keys()
        return sorted(name for name in names if now.get(name) != self.expected.get(name))

    def count(self, what: str) -> None:
        """Count something for every kind of fault of this study."""
        for fault in set(self.done):
            self.counts[fault][what] += 1

    def disturb(self, run: subprocess.Popen) -> None:
        """Let a random fault happen to a run."""
        fault = self.random.choice(self.faults)
        head = psutil.Process(run.pid)
        jobs = head.children(recursive=True)
        if fault == "worker":
            if not jobs:
                return self.disturb(run)
            kill(self.random.choice(jobs))
        elif fault == "full":
            self.resize(used(self.results) + self.random.randrange(LEFT))
        else:
            # Not head first: its jobs would be told.
            for process in ([] if fault == "head" else jobs) + [head]:
                kill(process)
            run.wait()
            self.orphans += jobs if fault == "head" else []
        if fault in ROT:
            return self.rot(fault) or self.note("tree")
        return self.note(fault)

    def note(self, fault: str, what: str = "") -> bool:
        """Count a trial."""
        self.done.append(fault)
        self.counts[fault]["trials"] += 1
        print(f"study {self.studies}: {fault} {what}", flush=True)
        return True

    def rot(self, fault: str) -> bool:
        """Damage a random finished output, whose time stays; False if there is none."""
        files = [
            file
            for output in all_outputs(self.dataset)
            for file in ([output] if output.is_file() else sorted(output.rglob("[!.]*")))
            if file.is_file() and file.stat().st_size
        ]
        if not files:
            return False
        path = self.random.choice(files)
        status, data = path.stat(), bytearray(path.read_bytes())
        where = self.random.randrange(len(data))
        if fault == "flip":
            data[where] ^= 1 << self.random.randrange(8)
        path.write_bytes(data if fault == "flip" else data[:where])
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return self.note(fault, str(path.relative_to(self.dataset)))

    def resize(self, size: int) -> None:
        """Give the results so much space."""
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.results)], check=True)

    def advised(self) -> bool:
        """Do what the messages of a run say; False if they say nothing."""
        text = self.output.read_text(encoding="utf-8", errors="replace")
        if "Traceback (most recent call last)" in text:
            self.count("traceback")
            print(text)
        full = "is full" in text
        if full and self.mounted:
            self.resize(ROOM)
        if locked := "--unlock" in text:
            unlock = command("--unlock", *TINY_CONFIG)
            subprocess.run(unlock, cwd=self.project, env=environment(), check=True)
        deleted = self.delete(text)
        if deleted:
            self.told("job")
        return full or locked or deleted or "was it killed" in text or "run again" in text.lower()

    def check(self) -> bool:
        """Do what `make check` says; tell whether it said anything."""
        words = [sys.executable, "-m", "crstudy.pipeline.check", "results/tiny"]
        done = subprocess.run(
            words, cwd=self.project, env=environment(), check=False, capture_output=True, text=True
        )
        if done.returncode == 0:
            return False
        print(done.stdout)
        self.told("check")
        return self.delete(done.stdout)

    def told(self, who: str) -> None:
        """Count that the last change of bytes was noticed; after kills alone, for the last one."""
        rotten = [fault for fault in self.done if fault in ROT]
        for fault in (rotten or self.done)[-1:]:
            self.counts[fault][who] += 1

    def delete(self, text: str) -> bool:
        """Delete the outputs that a message says are to be deleted."""
        for name in (names := set(re.findall(r"Fix: delete (\S+) and run again", text))):
            path = self.project / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return bool(names)


def kill(process: psutil.Process) -> None:
    """Kill a process that may have ended."""
    with suppress(psutil.NoSuchProcess):
        process.kill()


def used(folder: Path) -> int:
    """Return how many bytes of a file system are used."""
    return shutil.disk_usage(folder).used


def write(soak: Soak, minutes: float, seed: int) -> None:
    """Write the table of trials, and its like in the documentation."""
    names = KILLS | FULL | ROT
    rows = [
        {"fault": names[fault]} | {key: soak.counts[fault][key] for key in COLUMNS}
        for fault in names
        if fault in soak.counts
    ]
    table = Table(rows)
    table.meta = {"date": today(), "commit": commit(ROOT), "minutes": round(minutes), "seed": seed}
    table.meta["studies"] = soak.studies
    write_table(table, RESULT)
    lines = [["fault", *COLUMNS.values()], ["---", *["--:"] * len(COLUMNS)]]
    body = "\n".join(f"| {' | '.join(map(str, line))} |" for line in [*lines, *table.iterrows()])
    run = f"{soak.studies} studies in {minutes:.0f} minutes, {today()}, seed {seed}:"
    replace_marked(PAGE, "soak", f"{run}\n\n{body}")


def main() -> None:
    """Disturb studies for a given time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crstudy_soak_") as folder:
        soak = Soak(Path(folder) / "project", arguments.seed)
        try:
            longest_s = soak.undisturbed()
            start = time.monotonic()
            while time.monotonic() < start + 60 * arguments.minutes:
                soak.disturbed(longest_s)
                write(soak, (time.monotonic() - start) / 60, arguments.seed)
        finally:
            if soak.mounted:
                subprocess.run(["umount", "--lazy", str(soak.results)], check=False)


if __name__ == "__main__":
    main()
