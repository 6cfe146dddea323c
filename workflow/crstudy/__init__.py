"""Cosmic-ray rejection study: pure, typed functions that know nothing of Snakemake."""
