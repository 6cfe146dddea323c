"""Reading and writing beside the computing: order, errors, and that they do overlap."""

from threading import Event

import pytest

from crstudy.core.errors import StudyError
from crstudy.deepcr.prefetch import read_ahead, write_behind


def test_the_next_source_is_read_while_one_is_used():
    started = {n: Event() for n in range(3)}

    def read(n):
        started[n].set()
        return 10 * n

    for n, value in enumerate(read_ahead(read, range(3))):
        assert value == 10 * n
        assert n == 2 or started[n + 1].wait(timeout=10)


def test_no_more_than_one_source_is_read_ahead():
    read = []
    reader = read_ahead(read.append, range(9))
    next(reader)
    next(reader)
    reader.close()
    assert read == [0, 1, 2]


def test_nothing_to_read():
    assert list(read_ahead(int, [])) == []


def fail(*_):
    raise StudyError("file", "damaged", "fetch it again")


def test_an_error_of_reading_arrives_in_its_turn():
    reader = read_ahead(lambda n: fail() if n == 1 else n, range(3))
    assert next(reader) == 0
    with pytest.raises(StudyError, match="damaged"):
        next(reader)


def test_writing_goes_on_beside_the_computing_and_ends_before_the_block():
    release, written = Event(), []

    def slow(value):
        assert release.wait(timeout=10)
        written.append(value)

    with write_behind() as write:
        write(slow, 1)
        assert not written
        release.set()
        write(slow, 2)
    assert written == [1, 2]


@pytest.mark.parametrize("writes_after", [0, 1])
def test_an_error_of_writing_is_raised(writes_after):
    with pytest.raises(StudyError, match="damaged"), write_behind() as write:
        write(fail)
        for _ in range(writes_after):
            write(int)
