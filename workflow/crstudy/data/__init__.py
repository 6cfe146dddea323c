"""Read exposures, masks, labels and score maps of a chip."""
