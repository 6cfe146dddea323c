"""Remove the cosmic rays of a field's CSST exposures with every method, and measure the sources."""

from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.csst.detections import compare_catalogues
from crstudy.csst.masks import count_mask
from crstudy.csst.star_fluxes import ORIGINAL, find_true_stars
from crstudy.csst.star_profiles import measure_stars
from crstudy.csst.tuning import UNCHANGED, choose_variants
from crstudy.data.chips import exposure_files, read_products
from crstudy.data.score_maps import read_scores
from crstudy.deepcr.detector import load_inpainter
from crstudy.metrics.curves.thresholds import flag

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    validation = [Table.read(path) for path in source.validation]
    variants = choose_variants(validation, params.usual)
    catalogue = Table.read(source.catalogue)
    folders = dict(zip(params.usual, source.scores, strict=True))
    inpainter = load_inpainter(source.weights, source.net, params.device, snakemake.threads)
    parts: dict[str, list[Table]] = {"photometry": [], "catalogue": [], "masks": []}
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        (chip,) = read_products(files)
        stars = find_true_stars(chip, catalogue, params.settings)
        images, counts = {(ORIGINAL, UNCHANGED): chip.original}, []
        for row in variants[variants["exptime_s"] == chip.exptime_s]:
            maps = read_scores(folders[row["method"]], chip.exposure)
            if maps:
                mask = flag(maps[chip.extver], row["threshold"])
                images[row["method"], row["remedy"]] = inpainter.inpaint(chip.original, mask)
                found = count_mask(mask, chip.label, chip.truth.cr, chip.valid)
                counts.append({"method": row["method"], "remedy": row["remedy"]} | found)
        measured = {
            "photometry": measure_stars(chip, stars, images, params.settings, params.csst),
            "catalogue": compare_catalogues(chip, images, params.settings),
            "masks": Table(counts),
        }
        for name, table in measured.items():
            table["exptime_s"] = chip.exptime_s
            table["field_class"] = catalogue.meta["field_class"]
            parts[name].append(table)
        log.info("%s: %d stars on %d images", chip.exposure, len(stars), len(images))
    for name, tables in parts.items():
        write_table(vstack(tables), snakemake.output[name])
