# Collects what the study makes: each rule file adds its results here, for `rule all`.

# Results of all jobs. Intermediate ones too: Snakemake does not notice those deleted by a failed
# rerun.
TARGETS = []
# By rule, a function that names the benchmark files of its jobs.
BENCHMARKS = {}


def collect(per, *made_by, **values):
    """Add the results and benchmark files of rules to those of the study.

    per is per_study, per_exposure, per_group or another that names the files of all their jobs,
    values are those of further wildcards.
    """
    for one in made_by:
        TARGETS.append(per(one.output, **values))
        BENCHMARKS[one.rule.name] = per(one.benchmark, **values)


def collected_rules():
    """Return the rules collected so far, from first to last."""
    return [one for one in workflow.rules if one.name in BENCHMARKS]


def collected_benchmarks():
    """Return a function that names the benchmark files of all jobs collected so far."""
    per_rule = [BENCHMARKS[one.name] for one in collected_rules()]
    return lambda wildcards: [path for per in per_rule for path in per(wildcards)]


def collected_tables():
    """Return the tables of the rules collected so far."""
    outputs = [str(path) for one in collected_rules() for path in one.output]
    return [path for path in outputs if path.startswith(f"{RESULTS}/tables/")]


def unit_of_jobs(one):
    """Return whether a rule has jobs for each exposure, group or net, or for the study."""
    return next(iter(one.wildcard_names & {"exposure", "group", "net"}), "study")


def benchmarks_by_method(wildcards):
    """Return the benchmark files of the jobs that score the compared groups, by method."""
    return {
        name: expand(
            scored_by(name).benchmark,
            model=name,
            method=name,
            group=compared_groups(),
        )
        for name in COMPARED
    }


def exposures_by_method(wildcards):
    """Return how many exposures each method's jobs score: the nets of Table 1 all of a group."""
    most = {
        name: None if name in MODELS else STUDY.methods.exposures_per_group
        for name in COMPARED
    }
    taken = [groups()[group] for group in compared_groups()]
    return {name: sum(len(some[:n]) for some in taken) for name, n in most.items()}
