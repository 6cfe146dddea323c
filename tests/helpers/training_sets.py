"""Small training sets."""

from typing import Any

from crstudy.config.study import load_config
from project import ROOT

TEMPLATES = ROOT / "resources" / "acs"
#: A training of seconds.
SMALL = {
    "simulation": {"chip_height_px": 96, "chip_width_px": 96},
    "csst": {"tile_height_px": 96, "tile_width_px": 96, "exptimes_s": [50, 1200]},
    "training": {
        "n_training": 3,
        "n_validation": 1,
        "n_batches": 6,
        "batch_size": 2,
        "patch_px": 32,
        "validate_every": 2,
    },
}
for section in ("simulation", "csst"):
    SMALL[section]["field_classes"] = ["extragalactic", "globular_cluster"]


def settings() -> dict[str, Any]:
    """Return the configuration of a small training."""
    return load_config(SMALL).model_dump(mode="json")
