"""Simulated exposures in which the charge of cosmic rays in each pixel is known."""
