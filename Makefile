# `make demo`: set up and run the default study. `make test`: set up and run the test suite.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all
export PYTHONUTF8 := 1

.PHONY: demo train test test-slurm verify check accept bench calibrate fit-rays real-check events comparison systematics other-nets star-net soak lint docs config outputs envs lock clean \
        csst-ranges psf-error report

demo: .venv/ready
	@$(BIN)/snakemake --cores $(CORES)

# Train the nets of config/train.yaml; an interrupted run continues. See docs/nets.md.
train: .venv/ready
	@$(BIN)/snakemake --cores $(CORES) --configfile config/train.yaml

test: .venv/ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The study on a SLURM cluster that is started on this host, with faults: killed jobs, nodes and
# head. As root; says what to install if SLURM is missing.
test-slurm: .venv/ready-dev
	$(BIN)/python -m pytest -rs tests/slurm

# The report of DATASET=sim or csst from the tables in the repository, without a run.
report: DATASET ?= sim
report: .venv/ready
	@$(BIN)/python -m crstudy.report.committed $(DATASET) results/committed/$(DATASET)

# Compare the tables of a finished study with those kept in the repository: of the default one, or
# of DATASET=sim or csst.
verify: DATASET ?= sim-mini
verify: .venv/ready
	@$(BIN)/python -m crstudy.pipeline.verify results/$(DATASET) resources/expected/$(DATASET)

# Compare all results of DATASET with the checksums that its jobs recorded; says what to delete.
check: DATASET ?= sim-mini
check: .venv/ready
	@$(BIN)/python -m crstudy.pipeline.check results/$(DATASET)

# Accept recalibrated exposures of the archive: DATASET=paper, EXPOSURES="..." or all of them.
accept: .venv/ready
	@$(BIN)/python -m crstudy.archive.manifest resources/manifest/$(DATASET).ecsv $(EXPOSURES)

# Measure the detector's cost on this machine; writes benchmarks/results and the table in
# docs/inference.md.
bench: .venv/ready
	$(BIN)/python benchmarks/bench_detect.py

# Predict published recall and false positives; writes benchmarks/results/prediction.ecsv, and table
# and figure of docs/simulator.md. CRNET: folder of CRNet's weights, without which it is skipped.
calibrate: .venv/ready
	$(BIN)/python benchmarks/calibrate.py $(if $(CRNET),--crnet $(CRNET))

# Fit the cosmic rays to charges and shapes of real events; writes benchmarks/results/rays_fit.ecsv
# and its table in docs/simulator.md.
fit-rays: .venv/ready
	$(BIN)/python benchmarks/fit_rays.py

# Replace the cosmic rays of real exposures of GO-15460 in the folder MIRROR by simulated ones: are
# they labelled and found as before? Writes benchmarks/results/real_exposures.ecsv.
real-check: .venv/ready
	$(BIN)/python benchmarks/replace_rays.py $(MIRROR)

# The library of real cosmic-ray events, from the exposures of GO-15460 in a mirror of the archive.
EVENTS ?= $(sort $(wildcard $(CRSTUDY_MIRROR)/mastDownload/HST/idsj02*/idsj02*_flc.fits))
events: .venv/ready
	@$(BIN)/python -m crstudy.simulation.rays.event_library resources/events/uvis_go15460.ecsv $(EVENTS)

# How far other cosmic rays move the headline numbers: small studies, run once for every set of
# cosmic rays; writes resources/systematics.ecsv. To continue one that was interrupted:
# .venv/bin/python benchmarks/systematics.py --resume
systematics: .venv/ready
	$(BIN)/python benchmarks/systematics.py

# One property of the CSST camera at a time, and all nets and L.A.Cosmic with sharper PSFs; writes resources/csst_ranges.ecsv and csst_psf.ecsv.
csst-ranges: .venv/ready
	$(BIN)/python benchmarks/csst_ranges.py
	$(BIN)/python benchmarks/csst_psf.py

# Write the comparisons of methods in README, docs/results.md and docs/nets.md from the tables in resources.
comparison: .venv/ready
	$(BIN)/python benchmarks/comparison_table.py

# How wrong the fitted PSF may be for mask refinement to pay; writes resources/psf_error.ecsv and the
# figure of docs/refinement.md.
psf-error: .venv/ready
	$(BIN)/python benchmarks/psf_error.py

# Recall and precision of the nets of config/nets.yaml, whose weights the folder weights/ holds, on
# the exposures of the finished studies sim and csst; writes resources/other_nets.ecsv.
other-nets: .venv/ready
	$(BIN)/python benchmarks/other_nets.py

# The nets of this project on stars, beside deepCR's, also with other PSFs and real cosmic rays; writes
# resources/star_net.ecsv. MIRROR: folder of the exposures of GO-15460, without which these are left out.
star-net: .venv/ready
	$(BIN)/python benchmarks/star_net.py $(if $(MIRROR),--mirror $(MIRROR))

# Kill, fill the disk and flip bits at random while a tiny study runs, for so many minutes; writes
# benchmarks/results/soak.ecsv and its table in docs/trials.md.
MINUTES ?= 30
soak: .venv/ready
	PYTHONPATH=tests/helpers $(BIN)/python benchmarks/soak.py --minutes $(MINUTES)

lint: .venv/ready-dev docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# Render docs, the reference of the library and the reports of committed tables to docs/_build/html;
# the pages load nothing from the network.
docs: .venv/ready-dev
	rm -rf docs/_build docs/api
	$(BIN)/python -m sphinx -j 2 -W --keep-going -q -c docs . docs/_build/html
	$(BIN)/python -m crstudy.report.committed sim docs/_build/html/reports/sim
	$(BIN)/python -m crstudy.report.committed csst docs/_build/html/reports/csst
	@! grep -rE '(src=|<link[^>]* href=|url\()["'\'']?(https?:)?//' docs/_build/html --include=*.html --include=*.css

# Installs nothing but what a lock lists, file by file: all of it is there, so nothing is pulled in.
PIP_LOCK := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-build-isolation --use-pep517 -r

# torch: the CPU build where pip finds it, else that for CUDA (docs/install.md). The weights of
# zb20-f606w are in an old source archive of deepCR: fetched here, once, so that runs need no network.
.venv/ready: requirements-build.txt requirements-cpu.txt requirements.txt requirements-cuda.txt pyproject.toml
	@echo "Setting up .venv ..."
	@$(PYTHON) -m venv .venv || { echo "No virtual environment: apt-get install python3-venv"; exit 1; }
	@$(PIP_LOCK) requirements-build.txt
	@echo "PyTorch ..."
	@$(PIP_LOCK) requirements-cpu.txt 2> .venv/torch.log \
	 || { grep --quiet "No matching distribution" .venv/torch.log || { cat .venv/torch.log; exit 1; }; \
	      echo "... for CUDA, 3 GB more: pip finds no build for CPUs (docs/install.md)"; $(PIP_LOCK) requirements-cuda.txt; }
	@echo "Python packages: 2 minutes, 2.8 GB ..."
	@$(PIP_LOCK) requirements.txt
	@echo "The library crstudy ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "Weights of deepCR 0.1.5 ..."
	@$(BIN)/python -m crstudy.deepcr.weights resources/weights
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt
	@echo "Packages for tests, lint and documentation ..."
	@$(PIP_LOCK) requirements-dev.txt
	@touch $@

config: .venv/ready
	$(BIN)/python -m crstudy.config.document

# From number to code: docs/outputs.md, from the comments of the rule files.
outputs: .venv/ready
	$(BIN)/python -m crstudy.pipeline.outputs

# The conda environments have the versions of the pip lock.
envs: .venv/ready
	$(BIN)/python -m crstudy.pipeline.conda_envs

# All locks, from requirements.in and requirements-dev.in; a version moves only where they ask for another.
lock: .venv/ready-dev
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv==0.13.9
	$(BIN)/python -m crstudy.pipeline.lock .venv/lock/bin/uv
	$(MAKE) .venv/ready-dev envs

clean:
	rm -rf results .snakemake docs/_build docs/api
