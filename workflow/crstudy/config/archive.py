"""Configuration of real exposures: their selection, download and alignment."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from crstudy.config.sections import Date, Fraction, NonNegative, Positive, Section, key


class Selection(Section):
    """Selection of groups from the archive if there is no group table (paper section 2)."""

    first_date: Date = key(date(2010, 9, 1), "Exposures started on this day or later")
    last_date: Date = key(date(2019, 8, 31), "Exposures started on this day or earlier")
    min_exptime_s: Positive = key(
        100.0, "Shortest mean exposure time of an observation", "s", le=100_000
    )
    n_groups: int = key(20, "Number of groups to draw", ge=1, le=999)
    exposures_per_group: int = key(6, "Exposures per group", ge=3, le=99)
    min_overlap: Fraction = key(
        0.8,
        "Two observations of a field overlap by at least this fraction of the smaller footprint",
    )
    max_rotation_deg: NonNegative = key(
        1.0, "Largest difference in orientation within a field", "deg", le=180
    )
    max_days: NonNegative = key(
        30.0, "Longest time between observations of a field (proper motions)", "d", le=100_000
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first_date > self.last_date:
            raise ValueError(
                f"first_date {self.first_date} must not exceed last_date {self.last_date}"
            )
        return self


class Archive(Section):
    """Download of real exposures."""

    downloads: str = key(
        "downloads",
        "Folder that keeps downloaded exposures, in astroquery's layout; not deleted with results",
    )
    s3_url: str = key(
        "https://stpubdata.s3.amazonaws.com", "Archive's public S3 bucket, for source `s3`"
    )
    http_url: str | None = key(
        None, "Web address that serves a mirror or downloads folder, for source `http`"
    )
    max_disk_gb: Annotated[float, Field(gt=0, le=1_000_000)] | None = key(
        None,
        "Largest size of the downloads folder; null: limited by the disk only",
        "GB",
    )
    attempts: int = key(
        10,
        "Attempts in a row without progress before a download fails",
        ge=1,
        le=99,
    )
    timeout_s: Positive = key(
        60.0, "A request fails after this time without an answer", "s", le=3600
    )
    backoff_s: Positive = key(
        2.0, "Longest wait before the second attempt; doubles, with jitter, up to 60 s", "s", le=60
    )


class Alignment(Section):
    """Registration of the real exposures of a group."""

    max_residual_px: Positive = key(
        0.1,
        "Exposures misaligned by more than this are re-aligned; groups still beyond it are "
        "excluded",
        "px",
        le=100,
    )
    min_matches: int = key(10, "Common sources needed to measure an offset", ge=3, le=10_000)
