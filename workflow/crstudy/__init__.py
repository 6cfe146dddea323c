"""Cosmic-ray rejection study: pure, typed functions that know nothing of Snakemake.

For images of one's own: ``crstudy.clean(image)`` and ``crstudy.probability(image)``, see
`crstudy.cleaning.arrays`; for files the command ``crstudy clean``.
"""

from importlib import import_module

__version__ = "0.1.0"
__all__ = ["clean", "probability"]  # noqa: F822 (see __getattr__)


def __dir__() -> list[str]:
    """List what is imported when it is used, too."""
    return sorted([*globals(), *__all__])


def __getattr__(name: str) -> object:
    """Import the nets only where they are used; a plain import would tie every job to them."""
    if name in __all__:
        return getattr(import_module("crstudy.cleaning.arrays"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
