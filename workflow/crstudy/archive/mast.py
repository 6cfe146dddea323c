"""MAST access by its own client, astroquery, with timeouts and retries."""

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from astroquery.exceptions import RemoteServiceError
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    wait_random_exponential,
)

from crstudy.config.groups import DROP
from crstudy.core.errors import StudyError, without_passwords

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

#: Longest wait between two tries, s.
MAX_WAIT_S = 60
TOO_MANY_REQUESTS = 429


class TransientError(Exception):
    """A fault that may not recur."""


class _TimeoutAdapter(HTTPAdapter):
    """Set a timeout on every request: astroquery's queries set none."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        super().__init__()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request, with the timeout unless it has one."""
        options["timeout"] = options.get("timeout") or self.timeout_s
        return super().send(request, **options)


def mast_client(timeout_s: float) -> Any:
    """Return astroquery's client of MAST.

    Parameters
    ----------
    timeout_s : float
        Time after which a silent server is given up, s.

    Returns
    -------
    astroquery.mast.ObservationsClass
        Its server is that of astroquery's configuration (``[mast] server``).
    """
    from astroquery import log
    from astroquery.mast import Observations

    # Progress and errors have their own place in a job's log.
    log.setLevel("WARNING")
    for scheme in ("http://", "https://"):
        Observations._session.mount(scheme, _TimeoutAdapter(timeout_s))
    return Observations


def retry(
    what: str,
    call: Callable[[], Result],
    *,
    attempts: int,
    backoff_s: float,
    advanced: Callable[[], bool] = lambda: False,
) -> Result:
    """Call until it succeeds, an error is permanent, or the attempts are used up.

    Parameters
    ----------
    what : str
        Name of the request, for messages.
    call : callable
        Makes the request.
    attempts : int
        Maximum number of consecutive attempts without progress.
    backoff_s : float
        Longest wait before the second attempt, s; doubles each time, with jitter.
    advanced : callable
        Tells whether the last attempt made progress, though it failed.

    Returns
    -------
    object
        What `call` returns.

    Raises
    ------
    StudyError
        The last attempt failed with a transient error, or any attempt with a permanent HTTP error
        (4xx).
    """
    fruitless = 0

    def is_enough(_: RetryCallState) -> bool:
        nonlocal fruitless
        fruitless = 1 if advanced() else fruitless + 1
        return fruitless >= attempts

    def note(state: RetryCallState) -> None:
        logger.warning(
            "%s: try %d failed (%s), again in %.1f s",
            what,
            state.attempt_number,
            explain(state.outcome.exception()),
            state.next_action.sleep,
        )

    retrying = Retrying(
        stop=is_enough,
        wait=wait_random_exponential(multiplier=backoff_s, max=MAX_WAIT_S),
        retry=retry_if_exception(_is_transient),
        before_sleep=note,
        reraise=True,
    )
    try:
        return retrying(call)
    except requests.HTTPError as error:
        if _is_transient(error):
            raise _gave_up(what, attempts, error) from None
        raise StudyError(what, *_refusal(error)) from None
    except Exception as error:
        if _is_transient(error):
            raise _gave_up(what, attempts, error) from None
        if not isinstance(error, requests.RequestException):
            raise
        # An address that is none, or that leads elsewhere for ever.
        fix = "give a complete address, such as https://example.org/hst, to the source's key"
        raise StudyError(what, f"cannot be asked for: {explain(error)}", fix) from None


def _is_transient(error: BaseException) -> bool:
    """Tell whether an error may not recur.

    Parameters
    ----------
    error : Exception
        Raised by astroquery, requests or this package.
    """
    if isinstance(error, requests.HTTPError):
        code = error.response.status_code
        return code >= requests.codes.server_error or code == TOO_MANY_REQUESTS
    # A page of HTML in place of JSON; an ERROR status; astroquery's own limit for EXECUTING.
    return isinstance(
        error,
        TransientError
        | requests.ConnectionError
        | requests.Timeout
        | json.JSONDecodeError
        | ChunkedEncodingError
        | RemoteServiceError
        | TimeoutError,
    )


def explain(error: BaseException) -> str:
    """Return an error as a short line."""
    # Network errors wrap one another; the innermost names the cause.
    told: object = error
    while isinstance(told, BaseException) and told.args:
        told = told.args[0]
    text = without_passwords(" ".join(str(told).split())) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def _gave_up(what: str, attempts: int, error: BaseException) -> StudyError:
    return StudyError(
        what,
        f"given up after {attempts} tries: {explain(error)}",
        "run again later (what was already downloaded is kept), or set another source",
    )


def _refusal(error: requests.HTTPError) -> tuple[str, str]:
    """Return the problem and the fix of a permanent HTTP error."""
    code = error.response.status_code
    if code in (requests.codes.unauthorized, requests.codes.forbidden):
        return (
            f"refused by the archive (HTTP {code}): proprietary, or not in its public copy",
            f"wait until it is public, set another source, or {DROP}",
        )
    if code in (requests.codes.not_found, requests.codes.gone):
        return (
            f"not in the archive (HTTP {code})",
            f"check its name, or {DROP}",
        )
    return f"refused by the archive (HTTP {code})", "check its name and the address of the source"
