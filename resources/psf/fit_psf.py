"""Fit the table of Gaussians to an STDPSF grid: ``python fit_psf.py GRID OUT``.

The grid, PSFSTD_ACSWFC_F606W.fits, comes from
https://www.stsci.edu/~jayander/HST1PASS/LIB/PSFs/STDPSFs/ (STScI); minutes on one core.
"""

import argparse

from crstudy.core.atomic import write_table
from gaussian_fit import fit_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("grid", help="STDPSF file of ACS/WFC")
parser.add_argument("out", help="table to write (.ecsv)")
args = parser.parse_args()
table = fit_table(args.grid)
write_table(table, args.out)
print(f"largest residual {table.meta['max_residual_of_peak']:.2%} of the peak")
