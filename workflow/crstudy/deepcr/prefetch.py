"""Read and write files while the net computes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

Source = TypeVar("Source")
Result = TypeVar("Result")


def read_ahead(read: Callable[[Source], Result], sources: Iterable[Source]) -> Iterator[Result]:
    """Read sources one after the other, each while the one before is in use.

    Parameters
    ----------
    read : callable
        Reads one source.
    sources : iterable
        Sources.

    Yields
    ------
    object
        What `read` returns, in order; it raises what `read` raises.
    """
    with ThreadPoolExecutor(1) as pool:
        upcoming: Future[Result] | None = None
        for source in sources:
            current, upcoming = upcoming, pool.submit(read, source)
            if current is not None:
                yield current.result()
                del current  # else two would be held beside the upcoming one
        if upcoming is not None:
            yield upcoming.result()


@contextmanager
def write_behind() -> Iterator[Callable[..., None]]:
    """Write while the next result is computed; at most one result waits.

    Yields
    ------
    callable
        ``write(function, *arguments)`` calls the function in another thread. What it raises is
        raised by the next call or at the end of the block.
    """
    with ThreadPoolExecutor(1) as pool:
        pending: Future[Any] | None = None

        def write(function: Callable[..., Any], *arguments: Any) -> None:
            nonlocal pending
            if pending is not None:
                pending.result()
            pending = pool.submit(function, *arguments)

        yield write
        if pending is not None:
            pending.result()
