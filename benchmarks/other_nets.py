"""What the nets of config/nets.yaml find; see docs/methods.md.

Runs them on the exposures of the finished studies `sim` and `csst`, of the latter those of the
survey's exposure time, and counts as these studies count.
"""

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.io import fits
from astropy.table import Column, Table, vstack
from numpy.typing import NDArray

from bench_chip import ROOT, SDIST
from bench_record import today
from crstudy.config.groups import csst_groups, simulated_groups, survey_time
from crstudy.config.registry import METHODS
from crstudy.config.study import Study, load_config
from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.csst.scores import count_variants, score_table
from crstudy.csst.tuning import choose_variants
from crstudy.data.chips import ExposureFiles, exposure_files, read_comparison, read_truth
from crstudy.data.exposure import read_exposure
from crstudy.deepcr.detector import Detector, load_detector
from crstudy.deepcr.openvino_backend import convert_net
from crstudy.deepcr.weights import fetch_weights
from crstudy.instrument.epsf import load_psf
from crstudy.metrics.bootstrap import describe_resampling
from crstudy.metrics.curves.roc import probability_edges
from crstudy.metrics.curves.score_histograms import count_regions, pool_chips
from crstudy.metrics.curves.thresholds import DEFAULT, MATCHED, threshold_table
from crstudy.metrics.names import FULL
from crstudy.metrics.objects.counting import count_method, read_true_chips
from crstudy.metrics.objects.tables import object_tables
from crstudy.pipeline.provenance import commit

TABLE = ROOT / "resources" / "other_nets.ecsv"
COMMAND = "make other-nets"
#: For comparison: the net of the paper.
FIRST = "zb20-f606w"
SCORES = ("recall", "precision", "false_positive_rate")
#: Columns of flagged star cores, and where they come from.
ALARMS = {
    "star_cores_flagged": "flagged_fraction",
    "star_cores_flagged_lo": "flagged_fraction_lo",
    "star_cores_flagged_hi": "flagged_fraction_hi",
    "cores": "cores",
}


def main() -> None:
    """Measure on the studies that are asked for, and keep the rows of the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", default=["sim", "csst"], help="sim, csst or both")
    chosen = parser.parse_args().studies
    tables = [t for t in kept() if t["study"][0] not in chosen]
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen:
            study = read_study(name)
            nets = prepare(study, Path(scratch))
            tables.append((measure_csst if name == "csst" else measure_sim)(study, nets))
            tables[-1].add_column(Column([name] * len(tables[-1])), 0, "study")
    table = vstack(
        sorted(tables, key=lambda one: one["study"][0] != "sim"), metadata_conflicts="silent"
    )
    table.meta = {"date": today(), "commit": commit(ROOT), "command": COMMAND}
    table.meta |= describe_resampling(resampling(study))
    write_table(table, TABLE)


def kept() -> Iterator[Table]:
    """Yield the rows of each study in the table, if there is one."""
    if TABLE.is_file():
        table = Table.read(TABLE)
        for name in dict.fromkeys(table["study"]):
            yield table[table["study"] == name]


def read_study(name: str) -> Study:
    """Read the configuration of a study with the nets added."""
    values, more = (
        yaml.safe_load((ROOT / "config" / f"{one}.yaml").read_text(encoding="utf-8"))
        for one in (name, "nets")
    )
    values["methods"] |= more["methods"] | {"names": [FIRST]}
    study = load_config(values)
    if not results(study).is_dir():
        fix = f"run .venv/bin/snakemake --cores all --configfile config/{name}.yaml"
        raise StudyError(results(study), "no such study", fix)
    return study


def results(study: Study) -> Path:
    """Return the folder of a finished study."""
    return ROOT / "results" / study.dataset


def prepare(study: Study, folder: Path) -> dict[str, Detector]:
    """Fetch, convert and load the nets."""
    own = study.model_dump(mode="json")["methods"]["own"]
    nets = {}
    for name in (FIRST, *(one["name"] for one in own)):
        weights, net = folder / f"{name}.pth", folder / name
        if not net.is_dir():
            fetch_weights(name, weights, SDIST, own)
            convert_net(name, weights, net, own)
        nets[name] = load_detector(name, weights, net, "cpu", own=own)
    return nets


def find_files(study: Study, group: str, exposure: str) -> ExposureFiles:
    """Return the files of an exposure of a finished study."""
    top = results(study)
    (files,) = exposure_files(
        [top / "exposures" / f"{exposure}_flc.fits"],
        top / "reference" / group,
        top / "mask" / group,
        [top / "truth" / f"{exposure}_truth.fits"],
    )
    return files


def field_class(files: ExposureFiles) -> str:
    """Return the class of the field of an exposure."""
    return fits.getval(files.exposure, "TARGNAME").strip().lower()


def map_all(nets: Mapping[str, Detector], files: ExposureFiles) -> dict[str, dict[int, NDArray]]:
    """Return the probabilities of each net by EXTVER."""
    chips = {chip.extver: chip.sci for chip in read_exposure(files.exposure).chips}
    return {
        name: {ver: net.probability(sci) for ver, sci in chips.items()}
        for name, net in nets.items()
    }


def measure_sim(study: Study, nets: Mapping[str, Detector]) -> Table:
    """Return the scores of masks at the matched and at the default threshold, and star alarms."""
    groups = simulated_groups(study.simulation.n_groups, study.simulation.exposures_per_group)
    files = {group: find_files(study, group, names[0]) for group, names in groups.items()}
    settings = study.metrics.model_dump(mode="json")
    defaults = {name: METHODS[name].default_threshold or study.detector.threshold for name in nets}
    held_out = list(groups)[-study.methods.tuning_groups :]
    histograms = [histogram_sim(nets, files[group], defaults, settings) for group in held_out]
    star_region = f"{min(study.metrics.region_rms):g}"
    thresholds = threshold_table(histograms, study.methods.matched_rate, defaults, star_region)
    psf = load_psf(ROOT / study.simulation.psf)
    counts: dict[str, list[Table]] = {}
    for group in [one for one in groups if one not in held_out]:
        catalogue = Table.read(results(study) / "truth" / f"{group}_catalogue.ecsv")
        chips = read_true_chips(files[group], catalogue, psf, settings)
        maps = map_all(nets, files[group])
        for kind, table in count_sim(chips, maps, thresholds, files[group]):
            counts.setdefault(kind, []).append(table)
        print(f"{group}: counted", flush=True)
    tables = object_tables(
        counts, list(nets), {name: [] for name in nets}, thresholds, resampling(study)
    )
    scores, alarms = tables["method_scores"], tables["star_alarms"]
    scores = scores[[row["region"] in (FULL, star_region) for row in scores]]
    alarms = alarms[(alarms["property"] == "all") & (alarms["dilation_px"] == 0)]
    keys = ("method", "threshold_kind", "field_class")
    of_mask = {tuple(row[key] for key in keys): row for row in alarms}
    for name, source in ALARMS.items():
        scores[name] = [of_mask[tuple(row[key] for key in keys)][source] for row in scores]
    return tidy(scores[[row["threshold_kind"] in (MATCHED, DEFAULT) for row in scores]])


def histogram_sim(
    nets: Mapping[str, Detector],
    files: ExposureFiles,
    defaults: Mapping[str, float],
    settings: Mapping[str, Any],
) -> Table:
    """Count the pixels of an exposure by the probability of each net."""
    maps, tables = map_all(nets, files), []
    for ver, data in read_comparison(files, settings["truth_sigma"]).items():
        regions = data.star_regions(settings["region_rms"], settings["background_box_px"])
        for name, one in maps.items():
            edges = probability_edges([defaults[name]])
            tables += count_regions(name, one[ver], None, data, regions, edges)
    return pool_chips(tables)


def count_sim(
    chips: Mapping[int, Any],
    maps: Mapping[str, dict[int, NDArray]],
    thresholds: Table,
    files: ExposureFiles,
) -> Iterator[tuple[str, Table]]:
    """Yield, by kind, what all nets flag of an exposure."""
    parts: dict[str, list[Table]] = {}
    for name, one in maps.items():
        rows = thresholds[thresholds["method"] == name]
        rows = rows[np.isfinite(rows["threshold"])]
        chosen = dict(zip(rows["threshold_kind"], rows["threshold"], strict=True))
        for kind, table in count_method(chips, name, one, one, chosen):
            table["exposure"], table["field_class"] = files.name, field_class(files)
            parts.setdefault(kind, []).append(table)
    for kind, tables in parts.items():
        yield kind, vstack(tables)


def measure_csst(study: Study, nets: Mapping[str, Detector]) -> Table:
    """Return recall and precision in the survey's exposure time, default and tuned."""
    time = survey_time(study.csst.exptimes_s)
    groups, settings = csst_groups(study.csst.n_fields, [time]), study.metrics
    defaults = {name: METHODS[name].default_threshold or study.detector.threshold for name in nets}
    fields = []
    for group, (exposure,) in groups.items():
        files = find_files(study, group, exposure)
        maps = map_all(nets, files)
        plain = replace(files, truth=None)
        ((ver, data),) = read_comparison(plain, settings.truth_sigma).items()
        rims = read_truth(files.truth)[ver].rims(settings.truth_sigma) & data.valid
        regions = data.star_regions([min(settings.region_rms)], settings.background_box_px)
        tables = []
        for name, one in maps.items():
            edges = probability_edges([defaults[name]])
            kinds = replace(data, valid=data.valid & ~rims), replace(data, label=rims, valid=rims)
            table, on_rims = (
                vstack(list(count_regions(name, one[ver], None, kind, regions, edges)))
                for kind in kinds
            )
            table["rims"] = on_rims["positives"]
            tables.append(table)
        field = vstack(tables)
        field.remove_columns(["comparison", "stratum"])
        field["exptime_s"], field["field_class"] = float(time), field_class(files)
        fields.append(field)
    n = study.methods.tuning_groups
    variants = choose_variants(fields[-n:], defaults)
    counted = [count_variants(field, variants) for field in fields[:-n]]
    scores = score_table(counted, variants, resampling(study))
    scores.rename_column("remedy", "threshold_kind")
    return tidy(scores)


def resampling(study: Study) -> dict[str, Any]:
    """Return the settings of the bootstrap."""
    metrics = study.metrics
    return {
        "samples": metrics.bootstrap_samples,
        "confidence": metrics.confidence,
        "seed": study.seed,
    }


def tidy(table: Table) -> Table:
    """Keep the columns that the table has."""
    ends = [f"{name}{end}" for name in SCORES for end in ("", "_lo", "_hi")]
    return table[
        columns(
            table,
            (
                "method",
                "threshold_kind",
                "threshold",
                "field_class",
                "region",
                "positives",
                "flagged_px",
                *ends,
                *ALARMS,
                "groups",
            ),
        )
    ]


def columns(table: Table, names: Iterable[str]) -> list[str]:
    """Return those of the names that are columns of a table."""
    return [name for name in names if name in table.colnames]


if __name__ == "__main__":
    try:
        main()
    except StudyError as error:
        raise SystemExit(str(error)) from None
