"""Snakemake that asks SLURM each second for its jobs: its plugin waits longer and longer."""

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def _sleep(executor: RemoteExecutor) -> None:
    await asyncio.sleep(1)


RemoteExecutor.sleep = _sleep

if __name__ == "__main__":
    main()
