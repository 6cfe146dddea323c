"""Simulated exposures whose every cosmic-ray electron is known."""
