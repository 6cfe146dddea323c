"""Sources of a small simulated group."""

from astropy.table import Table

from crstudy.simulation.acs import simulate_catalogue
from project import ROOT

TEMPLATES = ROOT / "resources" / "acs"


def catalogue(group: int, settings: dict) -> Table:
    """Return the sources of a small simulated group."""
    return simulate_catalogue(1, group, settings, TEMPLATES)
