"""Choose the parameters of the remedies for stars on the held-out groups."""

from pathlib import Path

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.rulers import read_rulers
from crstudy.data.score_maps import read_scores
from crstudy.data.views import central_psf, read_views
from crstudy.instrument.epsf import load_psf
from crstudy.refinement.psf_fitting import sample_psf
from crstudy.refinement.refine import try_settings
from crstudy.refinement.settings import choose, chosen_settings

with job(snakemake.log[0]) as log:
    params, source = snakemake.params, snakemake.input
    grid, stamp = load_psf(source.psf), central_psf(source.psf)
    truths = source.truth or [None] * len(source.exposures)
    files = zip(
        source.exposures, source.probability, source.reference, source.good, truths, strict=True
    )
    chips = []
    for path, probability, reference, good, truth in files:
        name = Path(path).name.removesuffix("_flc.fits")
        maps = read_scores(probability, name)
        rulers = read_rulers(path, reference, good, truth, params.truth_sigma)
        for ver, view in read_views(path, good, stamp):
            ruler, psf = rulers[ver], sample_psf(grid, view.sci.shape, ver)
            areas = ruler.star_regions([params.star_rms], params.background_box_px)
            stars = areas["reference" if ruler.truth is None else "truth"][params.star_rms]
            trials = try_settings(
                view, maps[ver], params.threshold, psf, ruler, stars, params.background_box_px
            )
            chips.append(Table(list(trials)))
        log.info("%s: tried", name)
    table = choose(chips) if chips else Table.read(source.frozen)
    table.meta["tuned_on"] = params.groups or f"{source.frozen}: no group is held out"
    write_table(table, snakemake.output[0])
    log.info("%s", chosen_settings(table))
