"""Stars, aperture photometry, and the analyses built on it."""
