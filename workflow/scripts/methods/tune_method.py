"""Choose the parameters of a method on the held-out groups."""

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.view import read_views
from crstudy.instrument.epsf import central_psf
from crstudy.methods.runner import load_method
from crstudy.methods.tuning import choose, chosen_parameters, describe_parameters, try_parameters

with job(snakemake.log[0]) as log:
    params, source = snakemake.params, snakemake.input
    method = load_method(params.module)
    psf = central_psf(source.psf)
    chips = []
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        compared = read_comparison(files, params.truth_sigma)
        views = read_views(files.exposure, files.good, psf, files.reference)
        chips += [(view, compared[ver]) for ver, view in views]
    trials = try_parameters(snakemake.wildcards.method, method, chips)
    table = choose(method, trials, params.rate)
    write_table(table, snakemake.output[0])
    for kind in dict.fromkeys(table["field_class"]):
        log.info("%s: %s", kind, describe_parameters(chosen_parameters(table, kind)))
