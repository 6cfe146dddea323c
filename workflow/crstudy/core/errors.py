"""The one exception for problems that a user can fix."""

import errno
import re


class StudyError(Exception):
    """A problem of input, configuration or environment that a user can fix.

    Parameters
    ----------
    where : object
        The file, group or configuration key that is wrong.
    problem : str
        What is wrong with it.
    fix : str
        What to do about it.
    """

    def __init__(self, where: object, problem: str, fix: str) -> None:
        super().__init__(without_passwords(f"{where}: {problem}. Fix: {fix}."))
        self.problem = problem


def without_passwords(text: str) -> str:
    """Leave user and password out of the addresses in a text.

    Examples
    --------
    >>> without_passwords("https://me:it's@p@example.org/hst is down")
    'https://example.org/hst is down'
    """
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


class MethodFault(StudyError):
    """A fault of a method or of its installation, which affects every exposure."""


def unreadable(path: object, error: OSError) -> StudyError:
    """Return the error for a file or folder that may not be read or written."""
    if error.errno in (errno.EACCES, errno.EPERM):
        fix = "change its permissions or those of its folder"
    elif error.errno == errno.EROFS:
        fix = "move the project to a disk that can be written"
    else:  # a folder, a link to itself, a disk with errors
        fix = "put a readable file in its place"
    return StudyError(path, f"cannot be read or written ({error.strerror})", fix)
