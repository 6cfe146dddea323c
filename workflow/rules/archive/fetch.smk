# Fetch real exposures; the files stay in the downloads or mirror folder.
# Needs: the group table; a source of exposures: MAST, its S3 copy, a web mirror or a mirror
#   folder.
# Makes:
# - fetched/<exposure>.ecsv: location and checksums of a fetched and checked exposure
# - tables/manifest.ecsv: checksums of all exposures of a real data set, to verify later downloads
#   against

RECORD = f"{RESULTS}/fetched/{{exposure}}.ecsv"


localrules:
    fetch_exposure,
    make_manifest,


rule fetch_exposure:
    input:
        lib=library("fetch_exposure"),
    output:
        RECORD,
    log:
        f"{RESULTS}/logs/fetch_exposure/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch_exposure/{{exposure}}.tsv"
    conda:
        "../../../envs/fetch.yaml"
    resources:
        mem_mb=memory_mb(1500),
        mast=0 if STUDY.source == "mirror" else 1,
    params:
        expected=STUDY.observed_with,
    message:
        "Fetch exposure {wildcards.exposure} and check it"
    script:
        "../../scripts/archive/fetch_exposure.py"


rule make_manifest:
    input:
        lib=library("make_manifest"),
        records=per_exposure(RECORD),
    output:
        f"{RESULTS}/tables/manifest.ecsv",
    log:
        f"{RESULTS}/logs/make_manifest.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_manifest.tsv"
    conda:
        "../../../envs/fetch.yaml"
    resources:
        mem_mb=memory_mb(500),
    params:
        dataset=STUDY.dataset,
    message:
        "List the fetched exposures, and pin new ones"
    script:
        "../../scripts/archive/make_manifest.py"


collect(per_exposure, rules.fetch_exposure)
collect(per_study, rules.make_manifest)
