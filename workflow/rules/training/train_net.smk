# Train nets on simulated exposures with known cosmic rays.
# Needs: sections `training`, `simulation`, `csst` and `mask` of the configuration, resources/acs,
#   resources/psf; the weights of zb20-f606w.
# Makes:
# - sets/<camera>_<part>: exposures to train on or to validate with, and their true cosmic rays
# - tables/<camera>_<part>_set.ecsv: what was drawn for each group of a training set: seed, exposure,
#   PSF, cosmic rays
# - trained/<net>_<offset>.pth: weights of a net trained with a target offset
# - trained/<net>_<offset>.ecsv: course of its training
# - nets/<net>.pth: weights of a trained net with the best of its target offsets, for deepCR 0.3.1
# - tables/<net>.ecsv: course of its training with each target offset: losses, recall at a false-positive
#   rate, width of masks
# - figures/training.{pdf,png}: course of the training of every net

TRAINED = {net["name"]: net for net in SETTINGS["training"]["nets"]}
PARTS = ["training", "validation"]


wildcard_constraints:
    camera="acs|csst",
    part="|".join(PARTS),
    offset=r"[0-9.]+",


rule draw_training_set:
    input:
        lib=library("draw_training_set"),
        templates=expand("resources/acs/wfc_f606w_{part}.hdr", part=["primary", "sci1"]),
        psf=STUDY.simulation.psf,
    output:
        exposures=directory(f"{RESULTS}/sets/{{camera}}_{{part}}"),
        table=f"{RESULTS}/tables/{{camera}}_{{part}}_set.ecsv",
    log:
        f"{RESULTS}/logs/draw_training_set/{{camera}}_{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_training_set/{{camera}}_{{part}}.tsv"
    conda:
        "../../../envs/simulate.yaml"
    resources:
        mem_mb=memory_mb(250, 200),
        runtime=60,
    params:
        seed=STUDY.seed,
        settings={
            **{name: SETTINGS[name] for name in ("simulation", "csst", "mask")},
            "training": {
                key: value
                for key, value in SETTINGS["training"].items()
                if key.startswith(("n_training", "n_validation", "psf_", "csst_psf"))
            },
        },
    message:
        "Draw the {wildcards.part} groups of {wildcards.camera}"
    script:
        "../../scripts/training/draw_training_set.py"


def sets_of(wildcards):
    """Return the training set of a net: its parts."""
    camera = TRAINED[wildcards.net]["camera"]
    return expand(rules.draw_training_set.output.exposures, camera=camera, part=PARTS)


rule train_net:
    input:
        lib=library("train_net"),
        sets=sets_of,
        zb20=f"{RESULTS}/weights/zb20-f606w.pth",
    output:
        weights=f"{RESULTS}/trained/{{net}}_{{offset}}.pth",
        table=f"{RESULTS}/trained/{{net}}_{{offset}}.ecsv",
    log:
        f"{RESULTS}/logs/train_net/{{net}}_{{offset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_net/{{net}}_{{offset}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(2500 + CUDA_MB),
        runtime=180,
        gpu=GPUS,
    params:
        settings=lambda wildcards: {
            k: v
            for k, v in (SETTINGS["training"] | TRAINED[wildcards.net]).items()
            if k not in ("nets", "target_offsets")
        }
        | {
            "target_offset": float(wildcards.offset),
            "seed": STUDY.seed,
            "saturation_e": STUDY.mask.saturation_e,
            "matched_rate": STUDY.methods.matched_rate,
        },
        device=DEVICE,
    message:
        "Train {wildcards.net}, target offset {wildcards.offset}"
    script:
        "../../scripts/training/train_net.py"


def trained_with(kind):
    """Return a function that names the files of a net, one for each target offset."""
    return lambda wildcards: expand(
        rules.train_net.output[kind],
        net=wildcards.net,
        offset=TRAINED[wildcards.net]["target_offsets"],
    )


rule choose_net:
    input:
        lib=library("choose_net"),
        weights=trained_with("weights"),
        tables=trained_with("table"),
    output:
        weights=f"{RESULTS}/nets/{{net}}.pth",
        table=f"{RESULTS}/tables/{{net}}.ecsv",
    log:
        f"{RESULTS}/logs/choose_net/{{net}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/choose_net/{{net}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(40),
    message:
        "Choose the target offset of {wildcards.net}"
    script:
        "../../scripts/training/choose_net.py"


use rule draw_figure as draw_training with:
    input:
        **drawn_by("training"),
        data=expand(rules.choose_net.output.table, net=TRAINED),
    output:
        **figure_files("training", "Figures", "Training", "course of the training"),
    log:
        f"{RESULTS}/logs/draw_training.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_training.tsv"
    message:
        "Draw the course of the training"


def per_training(pattern):
    """Return a function that names the files of all nets and target offsets."""
    return lambda wildcards: [
        path
        for name, net in TRAINED.items()
        for path in expand(pattern, net=name, offset=net["target_offsets"])
    ]


CAMERAS = {net["camera"] for net in TRAINED.values()}
collect(per_study, rules.draw_training_set, camera=sorted(CAMERAS), part=PARTS)
collect(per_training, rules.train_net)
collect(per_study, rules.choose_net, net=TRAINED)
collect(per_study, rules.draw_training)
