"""What Snakemake plans, whole or in part, and what it refuses; every rule is complete."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml
from snakemake.io import expand

from advice import advised
from crstudy.config.groups import csst_groups, simulated_groups, survey_time
from crstudy.config.registry import METHODS
from crstudy.config.study import load_config
from project import ROOT, copy_project, dry_run, environment, plan, planned, rules, script

PAGE = ROOT / "docs/outputs.md"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


def test_default_study_has_constant_work_per_group(project):
    jobs = dry_run(project)
    assert jobs["simulate_exposure"] == 24
    for rule in ("drizzle_group", "label_cosmic_rays", "mask_pixels", "detect_cosmic_rays"):
        assert jobs[rule] == 4
    assert jobs["make_table1"] == jobs["draw_table1"] == 1


def test_twenty_groups(project):
    jobs = dry_run(project, "--configfile", "config/sim.yaml")
    assert jobs["drizzle_group"] == 20
    assert jobs["simulate_exposure"] == 120


def held_out_inputs(name):
    """Return the names of exposures that tune_method reads, and the groups that are compared."""
    study = load_config(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8")))
    csst, simulation = study.csst, study.simulation
    values = {
        "STUDY": study,
        "CSST": study.source == "csst",
        "DRAWN": False,
        "METHODS": METHODS,
        "PINNED": csst_groups(csst.n_fields, csst.exptimes_s)
        if study.source == "csst"
        else simulated_groups(simulation.n_groups, simulation.exposures_per_group),
        "survey_time": survey_time,
        "expand": expand,
    }
    exec((ROOT / "workflow/rules/inputs.smk").read_text(encoding="utf-8"), values)
    return values["first_of_held_out"]("{exposure} of {group}")(None), values["compared_groups"]()


def test_tuning_sees_held_out_groups_alone():
    tuned, compared = held_out_inputs("sim")
    assert tuned == ["jsim01801 of g018", "jsim01901 of g019", "jsim02001 of g020"]
    assert compared == [f"g{number:03d}" for number in range(1, 18)]
    text = rules()["tune_method"]
    for given in ("EXPOSURE", "REFERENCE", "TRUTH", "rules.mask_pixels.output[0]"):
        assert f"first_of_held_out({given})" in text
    assert "scored(" not in text


def test_csst_is_tuned_at_the_exposure_time_of_the_survey():
    tuned, compared = held_out_inputs("csst")
    assert tuned == [f"csst{n:03d}-0150 of csst{n:03d}" for n in (53, 54, 55, 56)]
    assert len(compared) == 52


def test_one_figure_needs_no_inpainting(project):
    jobs = dry_run(project, "results/sim-mini/figures/table1.pdf")
    assert jobs["draw_table1"] == 1
    assert "inpaint_exposures" not in jobs


def test_real_data_are_fetched_and_have_no_truth(project):
    jobs = dry_run(project, "--configfile", "config/uvis-15460.yaml")
    assert jobs["fetch_exposure"] == 8
    assert jobs["drizzle_group"] == 1
    assert not any(rule.startswith("simulate") for rule in jobs)


def test_remedy_is_off_unless_asked_for(project):
    names = ("tune_remedy", "refine_masks", "repair_stars", "make_remedy", "draw_remedy")
    assert not set(names) & set(dry_run(project))
    jobs = dry_run(project, "--config", "methods={remedy: true}")
    assert [jobs[name] for name in names] == [1, 4, 4, 1, 1]


@pytest.mark.parametrize("config", ["config", "uvis-15460"])
def test_jobs_of_the_study_are_counted_and_no_others(tmp_path, config):
    project = copy_project(tmp_path / "project")
    configured = ("--configfile", f"config/{config}.yaml")
    jobs = dry_run(project, *configured)
    assert jobs["make_cost"] == 1
    cost = f"results/{'sim-mini' if config == 'config' else config}/profiling/cost.ecsv"
    assert dry_run(project, cost, *configured) | {"all": 1, "write_provenance": 1} == jobs
    # Neither of the two that look at all others makes them run.
    for name in ("cost", "provenance"):
        file = project / f"workflow/rules/report/{name}.smk"
        text, n = re.subn(
            r"^collect\(.*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        assert n == 1
        file.write_text(text, encoding="utf-8")
    assert dry_run(project, *configured) | {"make_cost": 1, "write_provenance": 1} == jobs


def test_unknown_model_is_refused_before_anything_runs(tmp_path):
    project = copy_project(tmp_path)
    result = plan(project, "--config", "detector={models: [deepcr-pro]}")
    assert result.returncode != 0
    (line,) = (line for line in result.stdout.splitlines() if "deepcr-pro" in line)
    assert "detector.models.0" in line
    assert "zb20-f606w" in line
    assert "Traceback" not in result.stdout
    assert not (project / "results").exists()


def test_results_of_another_dataset_and_other_folders_are_refused(project, tmp_path):
    target = "results/sim/tables/table1.ecsv"
    result = plan(project, "-n", target)
    assert result.returncode != 0
    (line,) = (one for one in result.stdout.splitlines() if one.startswith(target))
    assert f"{target}: is no result of this configuration. Fix: " in line
    advice = advised("snakemake_logger_plugin_crstudy: add --configfile ", line)
    dry_run(project, target, *re.findall("--configfile|config/sim.yaml", advice))
    told = plan(project, "-n", "results/sim-mini/table1").stdout
    (line,) = (one for one in told.splitlines() if one.startswith("results/sim-mini/table1:"))
    advised("snakemake_logger_plugin_crstudy: see docs/outputs.md for the names of results", line)
    assert "| `tables/table1.{ecsv,md,tex}` |" in PAGE.read_text(encoding="utf-8")
    dry_run(project, "results/sim-mini/tables/table1.ecsv")
    result = plan(tmp_path, "-n", "--snakefile", str(project / "Snakefile"))
    assert result.returncode != 0
    words = f"{tmp_path}: is not the project's folder {project}. Fix: cd there, then run again."
    (line,) = (one for one in result.stdout.splitlines() if words in one)
    advised("Snakefile: cd there, then run again", line)
    dry_run(project)


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("psf", "none.ecsv", "resources/psf/acswfc_f606w_gaussians.ecsv"),
        (
            "cosmic_rays",
            "{source: transplanted, library: none.ecsv}",
            "{source: transplanted, library: resources/events/uvis_go15460.ecsv}",
        ),
    ],
)
def test_file_that_a_key_names_and_is_not_there_is_one_line(project, key, wrong, right):
    result = plan(project, "-n", "--config", f"simulation={{{key}: {wrong}}}")
    assert result.returncode != 0
    (line,) = (line for line in result.stdout.splitlines() if "none.ecsv" in line)
    what = "snakemake_logger_plugin_crstudy: if simulation.psf or cosmic_rays.library names it"
    advised(what, line)
    dry_run(project, "--config", f"simulation={{{key}: {right}}}")


def test_link_to_nothing_in_the_place_of_a_folder_is_one_line(project):
    logs = project / "results/sim-mini/logs"
    logs.parent.mkdir(parents=True)
    logs.symlink_to("nothing")
    result = plan(project, "results/sim-mini/run/config.yaml")
    shutil.rmtree(project / "results")
    assert result.returncode != 0
    *_, line = result.stdout.splitlines()
    assert line.startswith("results/sim-mini/logs: is no folder: ")
    assert "Traceback" not in result.stdout


def test_method_is_added_as_the_documentation_says(tmp_path):
    """The commands are those of the page; Snakemake alone is told not to run the jobs."""
    page = (ROOT / "docs/methods.md").read_text(encoding="utf-8").split("## Adding a method")[1]
    (file,) = re.findall(r"The module, say `(.*)`:", page)
    module, entry = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (commands,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    project = copy_project(tmp_path)
    shutil.copy(ROOT / "Makefile", project)
    (project / ".venv").symlink_to(sys.prefix)
    (project / file).write_text(module, encoding="utf-8")
    registry = project / "workflow/crstudy/config/registry.py"
    text = registry.read_text(encoding="utf-8")
    assert text.count("_ENTRIES = {\n") == 1
    registry.write_text(text.replace("_ENTRIES = {\n", f"_ENTRIES = {{\n{entry}"), encoding="utf-8")
    # The packages are those of this environment.
    dry = commands.replace("make config", "make -o .venv/ready config").replace("--c", "-n --c", 1)
    env = environment({"PYTHONPATH": str(project / "workflow")})
    words = ["bash", "-ec", dry]
    result = subprocess.run(
        words, cwd=project, env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    jobs = planned(result.stdout)
    assert jobs["score_exposures"] == 4
    assert jobs["tune_method"] == jobs["draw_roc"] == 1
    assert "brightness" in (project / "config/README.md").read_text(encoding="utf-8")


def test_each_script_has_its_rule_and_its_log():
    assert set((ROOT / "workflow/scripts").glob("*/*.py")) == set(map(script, rules()))
    for name, text in rules().items():
        figure = name.startswith("draw_") and name != "draw_training_set"
        assert script(name).stem == ("draw_figure" if figure else name)
        assert f"/logs/{name}" in text
        assert f"/benchmarks/{name}" in text


def test_each_rule_is_collected():
    """What is not collected is missing from the targets and from the cost of the study."""
    for path in (ROOT / "workflow/rules").rglob("*.smk"):
        text = path.read_text(encoding="utf-8")
        calls = " ".join(re.findall(r"collect\([^)]*\)|BENCHMARKS\[[^\n]*", text))
        here = re.findall(r"^(?:rule|checkpoint|use rule \w+ as) (\w+)", text, re.MULTILINE)
        assert sorted(re.findall(r"rules\.(\w+)", calls)) == sorted(rules().keys() & here), path


def test_each_rule_is_complete():
    for body in rules().values():
        for part in ("log", "benchmark", "conda", "message", "script"):
            assert f"\n    {part}:" in body, body
        assert "mem_mb=" in body
        environment = re.search(r"envs/\w+\.yaml", body).group()
        assert (ROOT / environment).is_file()
