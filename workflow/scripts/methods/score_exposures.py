"""Score the pixels of a group's exposures with a method other than deepCR."""

from pathlib import Path

from astropy.table import Table

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.data.score_maps import write_scores
from crstudy.data.view import read_views
from crstudy.instrument.csst_psf import effective_psf
from crstudy.instrument.epsf import central_psf, draw_stamp
from crstudy.methods.runner import load_method, score_exposure
from crstudy.methods.tuning import REGIONS, chosen_parameters, describe_parameters

with job(snakemake) as log, complete_folder(snakemake.output[0]) as folder:
    source, params, name = snakemake.input, snakemake.params, snakemake.wildcards.method
    method = load_method(params.module)
    psf = draw_stamp(effective_psf(params.csst)) if params.csst else central_psf(source.psf)
    chosen = Table.read(source.parameters)
    reference = next(iter(source.reference), None)
    truth = source.truth or [None] * len(source.exposures)
    for path, known in zip(source.exposures, truth, strict=True):
        exposure = Path(path).name.removesuffix("_flc.fits")
        # An exposure that cannot be read stops the job: that is not a failure of the method.
        views = dict(read_views(path, source.good, psf, reference, known))
        kind = next(iter(views.values())).field_class
        parameters, of_stars = (chosen_parameters(chosen, kind, region) for region in REGIONS)
        (maps, missing), star_maps = score_exposure(name, method, views, parameters), {}
        if not missing and of_stars != parameters:
            star_maps, missing = score_exposure(name, method, views, of_stars)
        if missing:
            maps = {}
            log.warning("%s: missing for %s: %s", exposure, name, missing)
        else:
            words = map(describe_parameters, (parameters, of_stars))
            log.info("%s: scored, parameters: %s; for stars: %s", exposure, *words)
        write_scores(folder / f"{exposure}_score.fits", maps, missing, star_maps)
