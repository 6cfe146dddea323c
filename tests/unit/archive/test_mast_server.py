"""The stand-in for MAST: the real client sees in it what it would see at MAST."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import requests
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astroquery.exceptions import NoResultsWarning, RemoteServiceError
from astroquery.mast.discovery_portal import PortalAPI
from requests.exceptions import ChunkedEncodingError, ConnectionError, JSONDecodeError, ReadTimeout

from crstudy.archive.mast import mast_client
from mast_faults import (
    Executing,
    Html,
    OtherBytes,
    Reset,
    ServiceError,
    Short,
    Silent,
    Slow,
    Status,
    Truncated,
)
from mast_rows import fields
from mast_server import COLUMNS, OBSERVATIONS, PRODUCTS, MastServer, client_of, flc, observation

ROOT = "jabc01aaq"
URI = f"mast:HST/product/{ROOT}_flc.fits"
CONTENT = np.random.default_rng(1).bytes(300_000)
CRITERIA = {"obs_collection": "HST"}


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with MastServer() as server:
        server.files[ROOT] = tmp_path / f"{ROOT}_flc.fits"
        server.files[ROOT].write_bytes(CONTENT)
        server.observations = [
            observation(7, "jabc01010"),
            observation(8, "jabc02010", filters="F814W;CLEAR2L", t_exptime=500.0, s_ra=200.0),
            observation(9, "jabd01010", filters="F606W", calib_level=2, t_min=56000.0),
            observation(10, "jabd02010", target_name=None),
        ]
        server.products = [flc(7, ROOT, len(CONTENT)), flc(7, "jabc01abq"), flc(8, "jabc02aaq")]
        yield server


@pytest.fixture
def client(server, monkeypatch):
    client_of(server, monkeypatch)
    return mast_client(timeout_s=0.5)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fetched.fits"


def fetch(client, url, path):
    """Download a file as a patient programme does: go on with what is there."""
    client._download_file(
        url, path, continuation=True, cache=True, head_safe=True, verbose=True, timeout=0.5
    )


def addresses(server):
    """Return the three addresses of the file."""
    return {
        "mast": f"{server.url}/api/v0.1/Download/file?uri={URI}",
        "mirror": f"{server.url}/mirror/mastDownload/HST/{ROOT}/{ROOT}_flc.fits",
        "cloud": f"{server.url}/hst/public/jabc/{ROOT}/{ROOT}_flc.fits",
    }


def found(client, **criteria):
    """Return the names of the observations that a search finds."""
    return [str(name) for name in client.query_criteria(**criteria)["obs_id"]]


@pytest.mark.parametrize("pagesize", [1, 3, 4, 50])
def test_rows_arrive_over_pages(server, client, pagesize):
    table = client.query_criteria(**CRITERIA, pagesize=pagesize)
    assert list(table["obsid"]) == ["7", "8", "9", "10"]
    assert list(table["t_exptime"]) == [2028.0, 500.0, 2028.0, 2028.0]
    assert table["target_name"].mask.tolist() == [False, False, False, True]
    assert set(table.colnames) == {f["name"] for f in fields(OBSERVATIONS)} - {"_selected_"}
    assert [query["page"] for query in server.queries] == [*range(1, -(-4 // pagesize) + 1)]


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        ({"filters": "F606W"}, ["jabc01010", "jabd01010", "jabd02010"]),
        ({"filters": "F606W;CLEAR2L"}, ["jabc01010", "jabd02010"]),
        ({"filters": ["F814W", "F475W"]}, ["jabc02010"]),
        ({"filters": "F8*"}, ["jabc02010"]),
        ({"obs_id": "JABD*"}, ["jabd01010", "jabd02010"]),
        ({"obs_id": ["jabd*", "jabc01010"]}, ["jabc01010", "jabd01010", "jabd02010"]),
        ({"target_name": "FIELD%"}, ["jabc01010", "jabc02010", "jabd01010"]),
        ({"calib_level": [2]}, ["jabd01010"]),
        ({"t_exptime": [400, 600]}, ["jabc02010"]),
        ({"t_min": [55500, 57000], "filters": "F606W"}, ["jabd01010"]),
        ({"instrument_name": "ACS/WFC", "obsid": "10"}, ["jabd02010"]),
    ],
)
def test_filters_choose(client, criteria, names):
    assert found(client, **criteria) == names


def test_nothing_found(client):
    with pytest.warns(NoResultsWarning):
        assert len(client.query_criteria(obs_collection="JWST")) == 0


def test_products_belong_to_observations(client):
    observations = client.query_criteria(obs_id="jabc01010")
    products = client.get_product_list(observations)
    assert list(products["obs_id"]) == [ROOT, "jabc01abq"]
    assert list(products["parent_obsid"]) == ["7", "7"]
    assert list(products["size"]) == [len(CONTENT), 167_964_480]
    assert list(client.get_product_list(["7", "8"])["obs_id"])[-1] == "jabc02aaq"
    wanted = {"productSubGroupDescription": "FLC", "calib_level": 2, "project": "CALACS"}
    assert len(client.filter_products(products, **wanted)) == 2


def test_unknown_columns_are_refused():
    with pytest.raises(KeyError, match="no such column"):
        observation(7, "jabc01010", exptime=100.0)
    with pytest.raises(KeyError, match="no such column"):
        flc(7, ROOT, instrument_name="ACS")


def test_footprint_is_a_full_frame():
    region = observation(7, "jabc01010", s_dec=60.0, orientation_deg=30.0)["s_region"].split()
    assert region[:2] == ["POLYGON", "ICRS"]
    corners = np.array(region[2:], float).reshape(-1, 2)
    assert corners[0] == pytest.approx(corners[-1])
    east, north = ((corners - [150.0, 60.0]) * [0.5, 1.0] * 3600).T
    assert np.hypot(np.diff(east), np.diff(north)) == pytest.approx(202.0, rel=1e-3)
    assert np.degrees(np.arctan2(east[0], north[0])) == pytest.approx(75.0, abs=0.1)


@pytest.mark.parametrize("where", ["mast", "mirror", "cloud"])
def test_files_arrive(server, client, path, where):
    fetch(client, addresses(server)[where], path)
    assert path.read_bytes() == CONTENT
    assert [request.method for request in server.log] == ["HEAD", "GET"]


def test_download_file(server, client, path):
    assert client.download_file(URI, local_path=path, verbose=False) == ("COMPLETE", None, None)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "place",
    [
        "/api/v0.1/Download/file?uri=mast:HST/product/jabc01zzq_flc.fits",
        f"/api/v0.1/Download/file?uri=mast:HST/product/{ROOT}_raw.fits",
        f"/mirror/mastDownload/HST/jabc01abq/{ROOT}_flc.fits",
        f"/hst/public/jxyz/{ROOT}/{ROOT}_flc.fits",
        "/",
    ],
)
def test_unknown_places(server, client, path, place):
    with pytest.raises(requests.HTTPError, match="404"):
        fetch(client, server.url + place, path)


def test_unknown_service(client):
    with pytest.raises(RemoteServiceError, match="no service"):
        client.query_region(SkyCoord(10, 20, unit="deg"))


def test_download_goes_on_where_it_stopped(server, client, path):
    path.write_bytes(CONTENT[:100_000])
    fetch(client, addresses(server)["mast"], path)
    assert path.read_bytes() == CONTENT
    assert server.log[-1].headers["Range"] == "bytes=100000-299999"


def test_answer_to_a_range(server):
    url = addresses(server)["cloud"]
    part = requests.get(url, headers={"Range": "bytes=299990-"}, timeout=5)
    assert (part.status_code, part.content) == (206, CONTENT[-10:])
    assert part.headers["Content-Range"] == "bytes 299990-299999/300000"
    assert requests.get(url, headers={"Range": "bytes=300000-"}, timeout=5).status_code == 416


def test_without_ranges_all_is_sent_again(server, client, path):
    server.ranges = False
    path.write_bytes(bytes(100_000))
    fetch(client, addresses(server)["mast"], path)
    assert path.read_bytes() == CONTENT
    assert "Range" not in server.log[-1].headers


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Silent(), ReadTimeout),
        (Silent(head=True), ReadTimeout),
        (Silent(seconds=0.1), ConnectionError),
        (Reset(after=150_000), (ChunkedEncodingError, ConnectionError)),
        (Truncated(after=150_000), ChunkedEncodingError),
        (Status(401), requests.HTTPError),
        (Status(403), requests.HTTPError),
        (Status(404, head=True), requests.HTTPError),
        (Status(502), requests.HTTPError),
        (Status(503, head=True), requests.HTTPError),
    ],
    ids=repr,
)
def test_broken_download_works_the_second_time(server, client, path, fault, error):
    server.faults[ROOT] = [fault]
    url = addresses(server)["mast"]
    with pytest.raises(error) as caught:
        fetch(client, url, path)
    if isinstance(fault, Status):
        assert caught.value.response.status_code == fault.code
        assert fault.head or b"<html>" in caught.value.response.content
    fetch(client, url, path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("fault", [Reset(after=150_000), Truncated(after=150_000)], ids=repr)
def test_rest_of_a_broken_download_is_asked_for(server, client, path, fault):
    server.faults[ROOT] = [fault]
    with pytest.raises((ChunkedEncodingError, ConnectionError)):
        fetch(client, addresses(server)["cloud"], path)
    kept = path.stat().st_size
    assert 0 < kept <= 150_000
    fetch(client, addresses(server)["cloud"], path)
    assert server.log[-1].headers["Range"] == f"bytes={kept}-299999"
    assert path.read_bytes() == CONTENT


def test_reset_is_a_reset(server):
    server.faults[ROOT] = [Reset(after=10)]
    with pytest.raises((ChunkedEncodingError, ConnectionError), match="reset by peer"):
        requests.get(addresses(server)["mast"], timeout=5)


def test_wrong_length_that_fits_what_is_sent(server, client, path):
    url = addresses(server)["mast"]
    server.faults[ROOT] = [Short(1000)]
    assert int(requests.head(url, timeout=5).headers["Content-Length"]) == len(CONTENT)
    fetch(client, url, path)
    assert path.read_bytes() == CONTENT[:1000]
    server.faults[ROOT] = [Short(500, head=True)]
    assert int(requests.head(url, timeout=5).headers["Content-Length"]) == 500
    path.unlink()
    fetch(client, url, path)
    assert path.read_bytes() == CONTENT[:500]
    assert server.faults[ROOT] == []


def test_page_in_place_of_a_file(server, client, path):
    server.faults[ROOT] = [Html()]
    fetch(client, addresses(server)["mast"], path)
    assert path.read_bytes().startswith(b"<html>")


def test_other_bytes(server, client, path):
    server.faults[ROOT] = [OtherBytes(start=200_000)]
    fetch(client, addresses(server)["mast"], path)
    got, sent = (np.frombuffer(content, np.uint8) for content in (path.read_bytes(), CONTENT))
    assert np.flatnonzero(got != sent).tolist() == list(range(200_000, 300_000))


def test_slow_download(server, client, path):
    server.faults[ROOT] = [Slow(bytes_per_s=3_000_000), Slow(bytes_per_s=0.1)]
    fetch(client, addresses(server)["mast"], path)
    assert path.read_bytes() == CONTENT
    path.unlink()
    with pytest.raises(ConnectionError, match="Read timed out"):
        fetch(client, addresses(server)["mast"], path)


def test_sticky_fault_stays_and_only_where_it_is(server, client, path):
    server.faults["jabc01abq"] = [Status(503)]
    server.faults[ROOT] = [Status(502, sticky=True)]
    for _ in range(3):
        with pytest.raises(requests.HTTPError, match="502"):
            fetch(client, addresses(server)["mirror"], path)
    assert len(server.faults["jabc01abq"]) == 1
    assert len(server.log) == 6


def test_faults_come_in_turn(server, client, path):
    server.faults[ROOT] = [Status(503), Status(502)]
    for code in (503, 502):
        with pytest.raises(requests.HTTPError, match=str(code)):
            fetch(client, addresses(server)["mast"], path)
    fetch(client, addresses(server)["mast"], path)
    assert path.read_bytes() == CONTENT


ASK = {
    OBSERVATIONS: lambda client: client.query_criteria(**CRITERIA),
    PRODUCTS: lambda client: client.get_product_list(["7"]),
    COLUMNS: lambda client: client.query_criteria(**CRITERIA),
}
SERVICE_FAULTS = [
    (Silent(), ReadTimeout),
    (Status(502), requests.HTTPError),
    (Html(), JSONDecodeError),
    (ServiceError("Error: timeout of the database"), RemoteServiceError),
]


@pytest.mark.parametrize(
    ("service", "fault", "error"),
    [
        (service, *how)
        for service, how in itertools.product(ASK, SERVICE_FAULTS)
        if service != COLUMNS or not isinstance(how[0], ServiceError)
    ],
    ids=repr,
)
def test_broken_query_works_the_second_time(server, client, service, fault, error):
    server.faults[service] = [fault]
    with pytest.raises(error, match=getattr(fault, "message", None)):
        ASK[service](client)
    assert len(ASK[service](client)) > 0


def test_query_that_takes_its_time(server, client):
    server.faults[OBSERVATIONS] = [Executing()] * 3
    assert len(client.query_criteria(**CRITERIA)) == 4
    assert len(server.queries) == 4


def test_query_that_never_ends(server, client, monkeypatch):
    monkeypatch.setattr(PortalAPI, "TIMEOUT", 0.2)
    server.faults[OBSERVATIONS] = [Executing(sticky=True)]
    with pytest.raises(TimeoutError, match=r"Timeout limit of 0\.2 exceeded"):
        client.query_criteria(**CRITERIA)


def test_client_of_another_process(server, tmp_path):
    environment = server.configure(tmp_path / "settings")
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "from astroquery.mast import Observations\n"
        "table = Observations.query_criteria(obs_collection='HST', pagesize=3)\n"
        f"Observations.download_file('{URI}', local_path='fetched.fits', verbose=False)\n"
        "table['obs_id', 's_ra'].write('found.ecsv')\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | environment | {"HOME": str(home)},
        check=True,
        timeout=120,
    )
    assert list(Table.read(tmp_path / "found.ecsv")["s_ra"]) == [150.0, 200.0, 150.0, 150.0]
    assert (tmp_path / "fetched.fits").read_bytes() == CONTENT
    assert list(home.iterdir()) == []


def test_client_of_this_process_is_given_back(server):
    from astroquery.mast import conf

    with pytest.MonkeyPatch.context() as patch:
        client = client_of(server, patch)
        mast_client(timeout_s=0.5)
        assert conf.server == server.url
    assert conf.server == "https://mast.stsci.edu"
    assert PortalAPI.MAST_REQUEST_URL.startswith(conf.server)
    assert "Impatient" not in type(client._session.get_adapter("http://")).__name__
