# Names the input files and parameters of rules, and the output of figures.

from crstudy.pipeline.dependencies import sources


def library(rule_name):
    """Return the library modules that the script of a rule uses."""
    (script,) = Path("workflow/scripts").glob(f"*/{rule_name}.py")
    return [str(path) for path in sources(script, Path("workflow/crstudy"))]


def method_library(rule_name):
    """Return a function for the modules that a rule's script and the method it runs use."""

    def modules(wildcards):
        name = method_module(wildcards)
        return sorted(
            {*library(rule_name), *(modules_of(f"methods/{name}") if name else ())}
        )

    return modules


def modules_of(module):
    """Return a library module, such as methods/lacosmic, and those that it uses."""
    package = Path("workflow/crstudy")
    file = package / f"{module}.py"
    return [str(path) for path in (file, *sources(file, package))]


def method_module(wildcards):
    """Return the module of a method; None for deepCR's nets."""
    return METHODS[wildcards.method].module


def own_net(wildcards):
    """Return the user's settings of a net, in a list, if it is one of theirs."""
    name = wildcards.get("net") or wildcards.model
    return [one for one in SETTINGS["methods"]["own"] if one["name"] == name]


def event_library(settings):
    """Return the library of real events if a camera's cosmic rays are transplanted."""
    rays = settings.cosmic_rays
    return [rays.library] if rays.source == "transplanted" else []


def groups(wildcards=None):
    """Return the exposures of each group, by name."""
    if DRAWN:
        return read_groups(checkpoints.select_groups.get().output.groups)
    return PINNED


def exposures_of_group(wildcards):
    """Return the names of a group's exposures."""
    return groups()[wildcards.group]


def scored_exposures(wildcards):
    """Return the names of a group's exposures that methods score: of a CSST field, all."""
    return exposures_of_group(wildcards)[
        : None if CSST else STUDY.methods.exposures_per_group
    ]


def held_out():
    """Return the groups on which the parameters of methods are tuned."""
    n = STUDY.methods.tuning_groups
    return list(groups())[-n:] if n else []


def compared_groups(wildcards=None):
    """Return the groups on which methods are compared."""
    return [group for group in groups() if group not in held_out()]


def group_number(wildcards):
    """Return the number, from 1, of the group or of the exposure's group."""
    group = getattr(wildcards, "group", None) or group_of(groups(), wildcards.exposure)
    return list(groups()).index(group) + 1


def exposure_number(wildcards):
    """Return the number of an exposure within its group, from 1."""
    return (
        groups()[group_of(groups(), wildcards.exposure)].index(wildcards.exposure) + 1
    )


def exposures(wildcards):
    """Return the exposure files of a group."""
    return expand(EXPOSURE, exposure=exposures_of_group(wildcards))


def exposures_of_net(wildcards):
    """Return the exposure files of a group that a net maps: all of them for those of Table 1."""
    every = wildcards.model in MODELS
    return expand(
        EXPOSURE,
        exposure=(exposures_of_group if every else scored_exposures)(wildcards),
    )


def first_exposures(wildcards):
    """Return two exposure files of the first group."""
    return expand(EXPOSURE, exposure=next(iter(groups().values()))[:2])


def truth(wildcards):
    """Return the truth files of a group, if it is simulated."""
    return expand(TRUTH, exposure=exposures_of_group(wildcards) if SIMULATED else ())


def catalogue(wildcards):
    """Return the catalogue of the field of an exposure."""
    return f"{RESULTS}/truth/{group_of(groups(), wildcards.exposure)}_catalogue.ecsv"


def scored(pattern):
    """Return a function that names a file for each exposure of a group that methods score."""
    return lambda wildcards: expand(pattern, exposure=scored_exposures(wildcards))


def first_of_held_out(pattern):
    """Return a function that names a file for one exposure of each held-out group.

    That is the first; of a CSST field the one nearest to the survey's exposure time.
    """
    number = 0
    if CSST:
        number = STUDY.csst.exptimes_s.index(survey_time(STUDY.csst.exptimes_s))
    return lambda wildcards: [
        path
        for group in held_out()
        for path in expand(pattern, group=group, exposure=groups()[group][number])
    ]


def scored_of_held_out(pattern):
    """Return a function that names a file for each scored exposure of the held-out groups."""
    return lambda wildcards: [
        path
        for group in held_out()
        for name in groups()[group][: STUDY.methods.exposures_per_group]
        for path in expand(pattern, group=group, exposure=name)
    ]


def scored_by(method):
    """Return the rule that scores exposures with a method."""
    return rules.detect_cosmic_rays if method in NETS else rules.score_exposures


def maps_of(method, group):
    """Return the folder with a method's score maps of a group."""
    maps = scored_by(method).output
    return expand(maps, model=method, method=method, group=group)[0]


def score_maps(wildcards):
    """Return the folder with a method's score maps of a group."""
    return maps_of(wildcards.method, wildcards.group)


def all_score_maps(wildcards):
    """Return the folder with each method's score maps of a group."""
    return [maps_of(name, wildcards.group) for name in COMPARED]


def drawn_by(module, style=None):
    """Return the input that figures share: library and style.

    module: of crstudy/figures, with a function `draw` that takes the data.
    style: named after the module if None.
    """
    styles = "workflow/report/styles"
    return {
        "module": f"workflow/crstudy/figures/{module}.py",
        "lib": library("draw_figure") + modules_of(f"figures/{module}"),
        "style": [
            "workflow/report/crstudy.mplstyle",
            f"{styles}/{style or Path(module).name}.mplstyle",
        ],
    }


def figure_files(name, category, figure, shows):
    """Return the output of a figure; Snakemake's report shows it with its caption."""
    return {
        "pdf": f"{RESULTS}/figures/{name}.pdf",
        "png": report(
            f"{RESULTS}/figures/{name}.png",
            category=category,
            caption=f"../../report/{name}.rst",
            labels={"figure": figure, "shows": shows},
        ),
    }


def method_reference(wildcards):
    """Return the reference of a group for a method that uses several exposures."""
    several = "exposures" in METHODS[wildcards.method].needs
    return expand(REFERENCE, **wildcards) if several else []


def method_truth(wildcards):
    """Return the truth of the exposures that an oracle scores."""
    return scored(TRUTH)(wildcards) if METHODS[wildcards.method].is_oracle else []


# Which files of a pattern there are: each function returns one that names them, for other
# wildcards with the given values, value by value: those of all groups, then those of the next
# value.


def per_study(pattern, **values):
    return lambda wildcards: expand(pattern, **values)


def per_exposure(pattern, **values):
    return lambda wildcards: expand(
        pattern, **values, exposure=sum(groups().values(), ())
    )


def per_group(pattern, **values):
    return lambda wildcards: expand(pattern, **values, group=groups())


def per_compared_group(pattern, **values):
    return lambda wildcards: expand(pattern, **values, group=compared_groups())


def per_held_out_group(pattern, **values):
    return lambda wildcards: expand(pattern, **values, group=held_out())
