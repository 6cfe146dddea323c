# Collects what the study makes: each rule file adds its results here, for `rule all`.

# Results of all jobs. Intermediate ones too: Snakemake does not notice those deleted by a failed
# rerun.
TARGETS = []
# By rule, a function that names the benchmark files of its jobs.
BENCHMARKS = {}


def collect(per, *made_by, **values):
    """Add the results and benchmark files of rules to those of the study.

    per: which jobs a rule has: per_study, per_exposure, per_group, ...
    values: of further wildcards.
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
