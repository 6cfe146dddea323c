"""Snakemake without its second of imports: a process that has them forks for each call."""

import json
import os
import signal
import sys

from snakemake.cli import main

import crstudy.config.study  # noqa: F401

#: A call that takes longer is killed by SIGALRM.
TIMEOUT_S = 600


def serve() -> None:
    """Answer each line of standard input, a call in JSON, with the exit status of Snakemake."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _call(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _call(folder: str, arguments: list[str], env: dict[str, str], printed: str) -> None:
    """Run Snakemake in this process and end it."""
    signal.alarm(TIMEOUT_S)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (1, 2):
        os.dup2(os.open(printed, os.O_WRONLY | os.O_APPEND), stream)
    main(arguments)
    sys.exit()


if __name__ == "__main__":
    serve()
