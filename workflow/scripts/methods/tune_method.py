"""Choose the parameters of a method on the held-out groups."""

from crstudy.config.registry import METHODS
from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.view import read_views
from crstudy.instrument.csst_psf import effective_psf
from crstudy.instrument.epsf import central_psf, draw_stamp
from crstudy.methods.runner import load_method
from crstudy.methods.tuning import choose, chosen_parameters, describe_parameters, try_parameters

with job(snakemake) as log:
    params, source, name = snakemake.params, snakemake.input, snakemake.wildcards.method
    method = load_method(params.module)
    psf = draw_stamp(effective_psf(params.csst)) if params.csst else central_psf(source.psf)
    chips = []
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        compared = read_comparison(files, params.truth_sigma)
        known = files.truth if METHODS[name].is_oracle else None
        several = files.reference if "exposures" in METHODS[name].needs else None
        views = read_views(files.exposure, files.good, psf, several, known)
        for ver, view in views:
            regions = compared[ver].star_regions([params.star_rms], params.background_box_px)
            stars = regions.get("truth", regions["reference"])[params.star_rms]
            chips.append((view, compared[ver], stars))
    trials = try_parameters(name, method, chips)
    table = choose(method, trials, params.rate)
    write_table(table, snakemake.output[0])
    for kind, region in dict.fromkeys(zip(table["field_class"], table["tuned_for"], strict=True)):
        chosen = describe_parameters(chosen_parameters(table, kind, region))
        log.info("%s, %s: %s", kind, region, chosen)
