"""What nets there are, on what they were trained, and how well they do in the study."""

from collections.abc import Iterator

from crstudy.cleaning.nets import Model
from crstudy.deepcr.weights import WEIGHTS


def list_models() -> Iterator[str]:
    """Yield the lines of ``crstudy models``."""
    yield f"{'net':<16}{'threshold':>9}  trained on"
    for name, known in WEIGHTS.items():
        if not known.inpaints:
            yield f"{name:<16}{Model(name).threshold:>9.2f}  {known.instrument}"
