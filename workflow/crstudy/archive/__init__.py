"""Select groups in the archive, download, verify and pin exposures."""
