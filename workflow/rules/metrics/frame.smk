# Show the first exposure with its mask over it (real exposures).
# Needs: the exposure, its reference, valid pixels and probabilities of the first net.
# Makes:
# - tables/frame.fits: an exposure in blocks and two parts of it, with what became of each pixel:
#   found, missed, false
# - figures/frame.{pdf,png}: the exposure with its mask over it


def first_group(pattern):
    """Return a function for the files of the first group."""
    return lambda wildcards: expand(
        pattern, group=next(iter(groups())), model=MODELS[0]
    )[0]


rule map_frame:
    input:
        lib=library("map_frame"),
        exposures=first_exposures,
        reference=first_group(rules.label_cosmic_rays.output[0]),
        good=first_group(rules.mask_pixels.output[0]),
        probability=first_group(rules.detect_cosmic_rays.output[0]),
    output:
        f"{RESULTS}/tables/frame.fits",
    log:
        f"{RESULTS}/logs/map_frame.log",
    benchmark:
        f"{RESULTS}/benchmarks/map_frame.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(200, 60),
    params:
        dataset=STUDY.dataset,
        threshold=STUDY.detector.threshold,
        truth_sigma=STUDY.metrics.truth_sigma,
    message:
        "Map the found, missed and false pixels of an exposure"
    script:
        "../../scripts/metrics/map_frame.py"


use rule draw_figure as draw_frame with:
    input:
        **drawn_by("frame"),
        data=[rules.map_frame.output],
    output:
        **figure_files("frame", "Figures", "frame", "an exposure with its mask"),
    log:
        f"{RESULTS}/logs/draw_frame.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_frame.tsv"
    resources:
        mem_mb=memory_mb(270),
    message:
        "Draw an exposure with its mask over it"


collect(per_study, rules.map_frame, rules.draw_frame)
