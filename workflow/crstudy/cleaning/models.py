"""What nets there are, on what they were trained, and how well they do in the study."""

from collections.abc import Iterator
from pathlib import Path

from astropy.table import Table

from crstudy.cleaning.nets import Model
from crstudy.core.formatting import decimal
from crstudy.deepcr.weights import WEIGHTS

#: Copy of resources/expected/sim/method_scores.ecsv.
SCORES = Path(__file__).with_name("data") / "scores.ecsv"
#: Regions of that table: the full frame, and stars.
REGIONS = ("full", "3")


def list_models() -> Iterator[str]:
    """Yield the lines of ``crstudy models``."""
    table = Table.read(SCORES)
    table = table[(table["threshold_kind"] == "default") & (table["field_class"] == "all")]
    yield f"{'':<16}{'':>9}  {'full frame, %':<18}{'stars, %':<18}"
    yield f"{'net':<16}{'threshold':>9}  {'recall precision  ' * 2}trained on"
    camera = table.meta["observed_with"].removeprefix("simulated ").split()[0]
    for name, known in WEIGHTS.items():
        if not known.inpaints:
            scores = "".join(_scores(table[table["method"] == name], one) for one in REGIONS)
            if camera not in known.instrument:
                scores = f"{'  not measured on its camera':<{len(scores)}}"
            yield f"{name:<16}{Model(name).threshold:>9.2f}  {scores}{known.instrument}"
    groups = max(table["groups"])
    yield f"Measured on {table.meta['observed_with']}, {groups} groups, true cosmic rays known;"
    yield "stars: pixels of sources above 3 RMS. Rims of cosmic rays are ignored."


def _scores(table: Table, region: str) -> str:
    """Write recall and precision of a net in a region."""
    rows = table[table["region"] == region]
    texts = [decimal(100 * rows[name][0]) if len(rows) else "-" for name in ("recall", "precision")]
    return f"{texts[0]:>6} {texts[1]:>9}  "
