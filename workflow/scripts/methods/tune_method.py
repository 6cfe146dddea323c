"""Choose the parameters of a method on the held-out groups."""

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.rulers import read_rulers
from crstudy.data.views import central_psf, read_views
from crstudy.methods.runner import load_method
from crstudy.methods.tuning import choose, chosen_parameters, describe_parameters, try_parameters

with job(snakemake.log[0]) as log:
    params, source = snakemake.params, snakemake.input
    method = load_method(params.module)
    psf = central_psf(source.psf)
    truths = source.truth or [None] * len(source.exposures)
    chips = []
    for path, reference, good, truth in zip(
        source.exposures, source.reference, source.good, truths, strict=True
    ):
        rulers = read_rulers(path, reference, good, truth, params.truth_sigma)
        chips += [(view, rulers[ver]) for ver, view in read_views(path, good, psf, reference)]
    trials = try_parameters(snakemake.wildcards.method, method, chips)
    table = choose(method, trials, params.rate)
    write_table(table, snakemake.output[0])
    for kind in dict.fromkeys(table["field_class"]):
        log.info("%s: %s", kind, describe_parameters(chosen_parameters(table, kind)))
