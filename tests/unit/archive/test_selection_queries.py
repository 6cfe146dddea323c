"""Groups drawn from the archive: the queries, through the real client."""

from collections import Counter

import pytest

from archive_rows import CLASSES, PROGRAMMES, SETTINGS, draw, make_archive, names
from crstudy.archive.mast import mast_client
from crstudy.archive.selection import select_groups
from crstudy.core.errors import StudyError
from mast_faults import Executing, Html, ServiceError, Status
from mast_rows import OBSERVATIONS, PRODUCTS
from mast_server import COLUMNS, MastServer, client_of


@pytest.fixture(scope="module")
def small():
    """Return rows of 20 fields."""
    return make_archive(20)


@pytest.fixture
def server(small, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with MastServer() as server:
        server.observations, server.products = small
        yield server


def select(server, monkeypatch, pagesize=50000, attempts=4, **changes):
    """Draw four groups with the real client, and return them and how much each step kept."""
    client_of(server, monkeypatch)
    client = mast_client(timeout_s=5)
    monkeypatch.setattr(client._portal_api_connection, "PAGESIZE", pagesize)
    groups, steps = select_groups(
        client,
        observed_with="ACS/WFC F606W",
        settings=SETTINGS | {"n_groups": 4} | changes,
        archive={"attempts": attempts, "backoff_s": 0.01},
        seed=1,
        models=["zb20-f606w"],
        programmes=PROGRAMMES,
        classes=CLASSES,
    )
    return names(groups), {row["step"]: int(row["kept"]) for row in steps}


def test_the_archive_is_asked_year_by_year(server, small, monkeypatch):
    found, steps = select(server, monkeypatch)
    assert found == names(draw(small, n_groups=4))
    assert steps["found"] == len(small[0])
    services = Counter(query["service"] for query in server.queries)
    assert services[OBSERVATIONS] == 10
    assert services[PRODUCTS] < 16
    asked = {f["paramName"]: f for f in server.queries[0]["params"]["filters"]}
    assert asked["filters"]["freeText"] == "%F606W%"
    assert asked["intentType"]["values"] == ["science"]
    assert asked["t_min"]["values"] == [{"min": 55440.0, "max": 55562.0}]


@pytest.mark.parametrize("pagesize", [1, 4])
def test_answers_come_in_pages(server, small, monkeypatch, pagesize):
    assert select(server, monkeypatch, pagesize)[0] == names(draw(small, n_groups=4))
    assert max(query["page"] for query in server.queries) > 1


@pytest.mark.parametrize(
    ("service", "faults"),
    [
        (OBSERVATIONS, [ServiceError("database is locked")]),
        (OBSERVATIONS, [Status(502), Status(503)]),
        (OBSERVATIONS, [Html()]),
        (OBSERVATIONS, [Executing(), Executing(), Executing()]),
        (PRODUCTS, [Executing(), Status(502), ServiceError("try again")]),
        (COLUMNS, [Status(502)]),
        (COLUMNS, [ServiceError("no columns today")]),
        (COLUMNS, [Html()]),
    ],
)
def test_bad_days_pass(server, small, monkeypatch, service, faults):
    server.faults[service] += faults
    assert select(server, monkeypatch)[0] == names(draw(small, n_groups=4))
    assert not server.faults[service]


@pytest.mark.parametrize("fault", [ServiceError("down"), Status(502), Html()])
def test_a_fault_that_stays_is_one_line(server, monkeypatch, fault):
    server.faults[OBSERVATIONS] += [type(fault)(**vars(fault) | {"sticky": True})]
    with pytest.raises(StudyError, match="observations of 2010: given up after 2 tries") as caught:
        select(server, monkeypatch, attempts=2)
    assert "\n" not in str(caught.value)


def test_dates_are_respected(server, monkeypatch):
    dates = {"first_date": "2012-03-01", "last_date": "2013-12-31", "n_groups": 2}
    found, steps = select(server, monkeypatch, **dates)
    assert len(found) == 2
    assert steps["found"] < len(server.observations)
    assert sum(query["service"] == OBSERVATIONS for query in server.queries) == 2
