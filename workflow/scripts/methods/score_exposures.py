"""Score the pixels of a group's exposures with a method that is no net of deepCR."""

from pathlib import Path

from astropy.table import Table

from crstudy.core.atomic import complete_folder
from crstudy.core.errors import MethodFault, StudyError
from crstudy.core.job import job
from crstudy.data.score_maps import write_scores
from crstudy.data.view import read_views
from crstudy.instrument.csst_psf import effective_psf
from crstudy.instrument.epsf import central_psf, draw_stamp
from crstudy.methods.runner import load_method, score_chip
from crstudy.methods.tuning import chosen_parameters, describe_parameters

with job(snakemake.log[0]) as log, complete_folder(snakemake.output[0]) as folder:
    source, params, name = snakemake.input, snakemake.params, snakemake.wildcards.method
    method = load_method(params.module)
    psf = draw_stamp(effective_psf(params.csst)) if params.csst else central_psf(source.psf)
    chosen = Table.read(source.parameters)
    reference = next(iter(source.reference), None)
    for path in source.exposures:
        exposure = Path(path).name.removesuffix("_flc.fits")
        maps, missing = {}, ""
        # An exposure that cannot be read is no failure of the method.
        views = list(read_views(path, source.good, psf, reference))
        try:
            for ver, view in views:
                parameters = chosen_parameters(chosen, view.field_class)
                maps[ver] = score_chip(name, method, view, parameters)
            log.info("%s: scored, parameters: %s", exposure, describe_parameters(parameters))
        except MethodFault:
            raise
        except StudyError as error:
            maps, missing = {}, str(error)
            log.warning("%s: missing for %s: %s", exposure, name, error)
        write_scores(folder / f"{exposure}_score.fits", maps, missing)
