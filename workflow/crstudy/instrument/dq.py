"""Data-quality bits of HST's CCD cameras (ACS Data Handbook, section 3)."""

from enum import IntFlag


class Dq(IntFlag):
    """Bits of the DQ extension that the study names.

    Examples
    --------
    >>> [flag.name for flag in Dq(4096 | 16)]
    ['HOT', 'ASTRODRIZZLE_CR']
    """

    BAD_DETECTOR = 4
    HOT = 16
    UNSTABLE = 32
    WARM = 64
    SATURATED = 256
    ASTRODRIZZLE_CR = 4096
    CRSPLIT_CR = 8192


#: Cosmic-ray flags set by the archive; they do not mark bad pixels.
COSMIC_RAY_FLAGS = Dq.ASTRODRIZZLE_CR | Dq.CRSPLIT_CR
