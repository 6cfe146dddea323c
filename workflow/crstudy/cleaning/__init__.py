"""Cosmic rays out of one's own exposures: the command ``crstudy`` and functions on arrays."""
