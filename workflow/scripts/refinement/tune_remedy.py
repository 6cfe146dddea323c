"""Choose the parameters of mask refinement on the held-out groups."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.score_maps import read_scores
from crstudy.data.view import read_views
from crstudy.instrument.epsf import central_psf, load_psf
from crstudy.refinement.psf_fitting import sample_psf
from crstudy.refinement.refine import try_settings
from crstudy.refinement.settings import choose_settings, chosen_settings

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    grid, stamp = load_psf(source.psf), central_psf(source.psf)
    exposures = exposure_files(source.exposures, source.reference, source.good, source.truth)
    chips = []
    for files, probability in zip(exposures, source.probability, strict=True):
        maps = read_scores(probability, files.name)
        compared = read_comparison(files, params.truth_sigma)
        for ver, view in read_views(files.exposure, files.good, stamp):
            data, psf = compared[ver], sample_psf(grid, view.sci.shape, ver)
            areas = data.star_regions([params.star_rms], params.background_box_px)
            stars = areas["truth" if "truth" in areas else "reference"][params.star_rms]
            trials = try_settings(
                view, maps[ver], params.threshold, psf, data, stars, params.background_box_px
            )
            chips.append(Table(list(trials)))
        log.info("%s: tried", files.name)
    table = choose_settings(chips) if chips else Table.read(source.frozen)
    table.meta["tuned_on"] = params.groups or f"{source.frozen}: no group is held out"
    write_table(table, snakemake.output[0])
    log.info("%s", chosen_settings(table))
