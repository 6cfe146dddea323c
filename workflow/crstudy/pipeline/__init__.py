"""What the workflow itself needs: dependencies, SLURM, provenance, verification."""
