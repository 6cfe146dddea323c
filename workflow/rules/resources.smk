# Estimates what jobs request from the pixels of their exposures.

import math

# Pixels of an ACS/WFC exposure, both chips, in units of 1e6.
FULL_FRAME_MPX = 2 * 2048 * 4096 / 1e6
# Bytes per pixel in an exposure file: science, error and flags.
EXPOSURE_BYTES_PER_PX = 10
# Snakemake in a SLURM allocation, once for the allocation and once for the job in it: 375 MB on
# the cluster of the tests.
SNAKEMAKE_MB = 450
# CUDA's libraries (an estimate).
CUDA_MB = 2500 * GPUS


def exposure_mpx(input):
    """Return the pixels of an exposure, 1e6: from its file, if it exists, else as expected."""
    if CSST:
        return STUDY.csst.tile_height_px * STUDY.csst.tile_width_px / 1e6
    if SIMULATED:
        frame = STUDY.simulation
        return frame.n_chips * frame.chip_height_px * frame.chip_width_px / 1e6
    sizes = [path.stat().st_size for path in map(Path, input) if path.is_file()]
    return max(sizes, default=0) / EXPOSURE_BYTES_PER_PX / 1e6 or FULL_FRAME_MPX


def memory_mb(base, per_mpx=0):
    """Return the function for mem_mb of a job: MB, plus MB per Mpx of an exposure.

    Each attempt requests as much again.
    """

    def request(wildcards, input, attempt):
        job = base + per_mpx * exposure_mpx(input.get("exposures", ()))
        return math.ceil((SNAKEMAKE_MB + job) * attempt)

    return request


def method_memory_mb(wildcards, input, attempt):
    """Return mem_mb of a job that scores exposures with a method."""
    return memory_mb(*METHODS[wildcards.method].memory_mb)(wildcards, input, attempt)


def net_memory_mb(wildcards, input, attempt):
    """Return mem_mb of a job that runs a net: one with a group norm sees tiles of 1 Mpx at once."""
    whole = any("group-norm" in one["architecture"] for one in own_net(wildcards))
    request = memory_mb((800 if whole else 320) + CUDA_MB, 42)
    return request(wildcards, input, attempt)


def minutes(per_mpx):
    """Return the function for runtime of a job: minutes, from seconds per Mpx of its exposures.

    A slow node may take three times as long; Snakemake starts within a minute.
    """

    def request(wildcards, input, attempt):
        exposures = input.get("exposures", ())
        mpx = max(len(exposures), 1) * exposure_mpx(exposures)
        return math.ceil((1 + 3 * per_mpx * mpx / 60) * attempt)

    return request
