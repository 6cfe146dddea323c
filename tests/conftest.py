"""Fixtures that several tests share."""

from pathlib import Path

import pytest

from crstudy.cleaning.nets import find_model, load_mask_net
from crstudy.config.study import Study
from crstudy.deepcr.weights import fetch_weights
from crstudy.simulation.acs import simulate_exposure
from project import ROOT, SDIST, SHARED, TINY
from studies import made_once, run_tiny_study
from tiny_exposures import TEMPLATES, catalogue

#: The longest files come first, so that both workers are busy to the end.
LONGEST = (
    *("test_finished_study", "test_interrupted_study", "test_archive_study", "test_csst_study"),
    *("test_faults", "test_refinement_study", "test_reruns", "test_detector", "test_alignment"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with real data, or skip."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder ../shared beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def zb20_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of zb20-f606w, or skip."""
    if not SDIST.is_file():
        pytest.skip(f"needs {SDIST.name}, which the set-up (`make test`) fetches once")
    path = tmp_path_factory.mktemp("weights") / "zb20-f606w.pth"
    fetch_weights("zb20-f606w", path, SDIST)
    return path


@pytest.fixture(scope="session")
def net_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder with the converted zb20-f606w, for none to change, or skip."""
    if not SDIST.is_file():
        pytest.skip(f"needs {SDIST.name}, which the set-up (`make test`) fetches once")

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(folder))
            load_mask_net(find_model("zb20-f606w"), "cpu", 1)

    return made_once(tmp_path_factory, "net-cache", make)


@pytest.fixture(scope="session")
def tiny_settings() -> dict:
    """Return the section `simulation` of a small study."""
    values = Study.model_validate({"simulation": TINY}).model_dump(mode="json")["simulation"]
    return values | {"psf": str(ROOT / values["psf"])}


@pytest.fixture(scope="session")
def tiny_mirror(tmp_path_factory: pytest.TempPathFactory, tiny_settings: dict) -> Path:
    """Return a mirror folder with the simulated exposures jsim00101 .. jsim00104 and jsim00201."""
    mirror = tmp_path_factory.mktemp("mirror")
    for group, number in [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1)]:
        name = f"jsim{group:03d}{number:02d}"
        folder = mirror / "mastDownload" / "HST" / name
        folder.mkdir(parents=True)
        simulate_exposure(
            catalogue(group, tiny_settings),
            folder / f"{name}_flc.fits",
            mirror / f"{name}_truth.fits",
            seed=1,
            group=group,
            number=number,
            settings=tiny_settings,
            templates=TEMPLATES,
        )
    return mirror


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished study, for all tests of the session to read and for none to change."""
    if not SDIST.is_file():
        pytest.skip(f"needs {SDIST.name}, which the set-up (`make test`) fetches once")
    return made_once(tmp_path_factory, "tiny-study", run_tiny_study)
