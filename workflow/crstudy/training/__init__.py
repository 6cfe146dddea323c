"""Training of a net on simulated exposures whose every cosmic-ray electron is known."""
