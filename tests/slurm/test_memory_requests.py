"""Memory that jobs request for exposures of 1 Mpx, against what they use."""

import json
import re

import pytest
import yaml

from project import SDIST, TINY, copy_project, snakemake

#: One group of exposures as large as those of the default study.
LARGER = {"n_groups": 1, "exposures_per_group": 3, "n_chips": 1}
LARGER |= {"chip_height_px": 1024, "chip_width_px": 1024}
VALUES = {"dataset": "larger", "simulation": {**TINY, **LARGER}}
STAGES = ("audit", "counts", "density")
#: Snakemake's own processes in an allocation, MB: measured by tests/slurm.
SNAKEMAKE_MB = 375
#: What jobs request may exceed what they use by this factor.
GENEROSITY = 2


def test_requests_fit_what_jobs_use_on_large_exposures(tmp_path):
    if not SDIST.is_file():
        pytest.skip(f"needs {SDIST.name}, which the set-up fetches once")
    project = copy_project(tmp_path / "project")
    (project / "config/larger.yaml").write_text(yaml.safe_dump(VALUES), encoding="utf-8")
    targets = [f"results/larger/{stage}/g001.ecsv" for stage in STAGES]
    words = ("--configfile", "config/larger.yaml", "--benchmark-extended", "--quiet", "rules")
    result = snakemake(project, *targets, *words)
    assert result.returncode == 0, result.stdout[-5000:]
    results, ratios = project / "results/larger", {}
    for record in (results / "benchmarks").rglob("*.tsv"):
        job = record.relative_to(results / "benchmarks").with_suffix("")
        requested_mb = int(re.search(r"'mem_mb': (\d+)", record.read_text(encoding="utf-8"))[1])
        used = json.loads((results / "logs" / f"{job}.usage.json").read_text(encoding="utf-8"))
        ratios[str(job)] = requested_mb / (used["max_rss_mb"] + SNAKEMAKE_MB)
    assert {job.split("/")[0] for job in ratios} >= {"audit_labels", "drizzle_group"}
    assert {job: ratio for job, ratio in ratios.items() if not 1 <= ratio <= GENEROSITY} == {}
