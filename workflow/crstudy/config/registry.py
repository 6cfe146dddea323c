"""The methods that are compared, in one registry: one module and one entry each.

An entry names a module of `crstudy.methods`, with

- ``score(view, **parameters)``: the score map of a chip, see `crstudy.data.view.View`: higher is
  more like a cosmic ray, NaN exactly where the image is not finite;
- ``THRESHOLDS``: increasing, those at which its score is resolved; absent where it is a
  probability;
- ``PARAMETERS``: for each of its parameters the values that tuning tries, its authors' first.

deepCR's nets run many exposures in common batches, on a GPU if there is one, and write their
probabilities for the rest of the study (rule detect_cosmic_rays): they need no module here. Nets of
the user (configuration key methods.own) run in the same way and need no entry either.
"""

from dataclasses import dataclass
from typing import Literal

from crstudy.core.errors import StudyError

#: Field classes of the deepCR paper.
FieldClass = Literal["extragalactic", "globular_cluster", "resolved_galaxy"]
#: U-Nets by the layout of their weights files and by what follows their convolutions.
Architecture = Literal[
    "deepcr-batch-norm",
    "deepcr-weight-norm",
    "crnet-batch-norm",
    "crnet-batch-norm-attention",
    "crnet-group-norm",
    "crnet-group-norm-attention",
]


@dataclass(frozen=True)
class Method:
    """A method that detects cosmic rays.

    Attributes
    ----------
    label : str
        Name in print.
    citation : str
        Publication.
    module : str or None
        Module of `crstudy.methods`; None for deepCR's nets.
    unit : str
        Unit of its score.
    needs : tuple of str
        What it is given besides the exposure: ``exposures``, other exposures of the field, which a
        survey that exposes each field once does not have; ``truth``, what was simulated: such an
        oracle is no method, but says how much any could find.
    default_threshold : float or None
        Score from which its authors, or programs in wide use, flag a pixel; None, which only a
        probability may have: the study's ``detector.threshold``.
    memory_mb : tuple of int
        Memory of a job that scores exposures: MB, plus MB per 1e6 pixels of an exposure.
    """

    label: str
    citation: str
    module: str | None = None
    unit: str = "probability"
    needs: tuple[Literal["exposures", "truth"], ...] = ()
    default_threshold: float | None = None
    memory_mb: tuple[int, int] = (150, 120)

    def __post_init__(self) -> None:
        """Refuse an entry whose masks would depend on a threshold meant for probabilities."""
        if self.default_threshold is None and self.unit != "probability":
            raise StudyError(
                f"method {self.label!r} of crstudy/config/registry.py",
                f"has scores in units of {self.unit} and no default_threshold",
                "give the score from which its authors flag a pixel",
            )

    @property
    def is_oracle(self) -> bool:
        """Whether it is given the truth: a bound for the methods, and none itself."""
        return "truth" in self.needs


class _Methods(dict[str, Method]):
    """Methods by name; one without an entry is a net of the user, as the configuration ensures."""

    def __missing__(self, name: str) -> Method:
        return Method(name, "net of the user")


#: The default thresholds of L.A.Cosmic and Pych are those of their programs; for the Rhoads filter
#: and the median none was found: theirs flag fewer than one pixel in 10,000 of blank sky.
_ENTRIES = {
    "zb20-f606w": Method("deepCR (zb20)", "Zhang & Bloom 2020"),
    "kwon21-f606w": Method("deepCR (kwon21, F606W)", "Kwon et al. 2021"),
    "kwon21-acs-wfc": Method("deepCR (kwon21, ACS/WFC)", "Kwon et al. 2021"),
    "zb20-2-4": Method("deepCR (zb20, small)", "Zhang & Bloom 2020"),
    "lacosmic": Method(
        "L.A.Cosmic", "van Dokkum 2001", "lacosmic", "sigma of the Laplacian", default_threshold=4.5
    ),
    "rhoads": Method(
        "Rhoads filter",
        "Rhoads 2000",
        "rhoads",
        "sigma of the filtered image",
        default_threshold=4.0,
        memory_mb=(200, 120),
    ),
    "pych": Method(
        "Pych histogram", "Pych 2004", "pych", "gap in the histogram, sigma", default_threshold=3.0
    ),
    "cosmic-conn": Method(
        "Cosmic-CoNN",
        "Xu et al. 2023",
        "cosmic_conn",
        default_threshold=0.5,
        memory_mb=(480, 60),
    ),
    "median": Method(
        "median of exposures", "Windhorst et al. 1994", "median", "sigma", ("exposures",), 4.0
    ),
    "oracle-median": Method(
        "oracle: perfect stack of exposures",
        "this study",
        "oracle_median",
        "sigma",
        ("exposures", "truth"),
        6.0,
    ),
    "oracle-scene": Method(
        "oracle: true scene known", "this study", "oracle_scene", "sigma", ("truth",), 6.0
    ),
    "kwon21-f435w": Method("deepCR (kwon21, F435W)", "Kwon et al. 2021"),
    "kwon21-f814w": Method("deepCR (kwon21, F814W)", "Kwon et al. 2021"),
    # The README of deepCR 0.3.1: "0.1-0.2 for WFC3/UVIS (see Chen et al. 2024)".
    "chen24-uvis": Method("deepCR (chen24, WFC3/UVIS)", "Chen et al. 2024", default_threshold=0.1),
    "stars-acs-wfc": Method("deepCR (stars)", "this study"),
    "stars-csst": Method("deepCR (stars, CSST)", "this study"),
}
METHODS = _Methods(_ENTRIES)
