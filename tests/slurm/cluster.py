"""A SLURM of its own on this host: munged, slurmctld and several slurmd on loopback."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

#: What Debian calls the programs, and where the inner job step of Snakemake looks for SLURM's
#: configuration: it drops SLURM_CONF from its environment.
INSTALL = "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")
DEFAULT_CONF = Path("/etc/slurm/slurm.conf")

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser=root
AuthType=auth/munge
# A job of a dead node starts again so long after it, s; SLURM's own choice is 120.
AuthInfo=socket={folder}/munge/munge.sock,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
# squeue tells of a finished job for so long, s.
MinJobAge=7200
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobs
ReturnToService=2
SlurmdTimeout=10
InactiveLimit=0
KillWait=2
Waittime=0
UnkillableStepTimeout=30
SlurmdParameters=config_overrides
DefMemPerNode=500
GresTypes=gpu
JobSubmitPlugins=lua
{nodes}
PartitionName=cpu Nodes={cpu_nodes} Default=YES MaxTime=02:00:00 State=UP
PartitionName=spare Nodes={spare_nodes} MaxTime=02:00:00 State=UP
PartitionName=gpu Nodes={gpu_nodes} MaxTime=02:00:00 State=UP
"""

#: What the controller asks about each job, in Lua.
JOB_SUBMIT = """\
function slurm_job_submit(job_desc, part_list, submit_uid)
    if {refused} then
        slurm.log_user("{message}")
        return slurm.ERROR
    end
    return slurm.SUCCESS
end
function slurm_job_modify(job_desc, job_rec, part_list, modify_uid)
    return slurm.SUCCESS
end
"""


class NoCluster(Exception):
    """Says why no cluster can be started here."""


@dataclass
class Cluster:
    """A running cluster.

    Attributes
    ----------
    folder : pathlib.Path
        Everything that it writes.
    cpu, spare, gpu : tuple of str
        Names of the nodes of each partition. Those of `spare` may fail; `gpu` has virtual GPUs.
    """

    folder: Path
    cpu: tuple[str, ...] = ("node1", "node2")
    spare: tuple[str, ...] = ("node3", "node4")
    gpu: tuple[str, ...] = ("node5",)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return the names of all nodes."""
        return self.cpu + self.spare + self.gpu

    def command(self, *words: str) -> str:
        """Run one of SLURM's commands and return what it prints."""
        return subprocess.run(
            words, env=self.environment(), text=True, capture_output=True, check=True, timeout=60
        ).stdout

    def environment(self) -> dict[str, str]:
        """Return the environment of SLURM's commands."""
        return os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def jobs(self, *states: str, project: Path | None = None) -> list[str]:
        """Return the numbers of the jobs, of all or of one project.

        By default those that wait or run.
        """
        chosen = ",".join(states or ("PENDING", "RUNNING", "COMPLETING"))
        lines = self.command("squeue", "-h", "-o", "%i %Z", "-t", chosen).splitlines()
        found = [line.split(maxsplit=1) for line in lines]
        return [job for job, where in found if project is None or Path(where) == project]

    def kill_node(self, node: str) -> None:
        """Let a node die with all that runs on it."""
        jobs = self.command("squeue", "-h", "-o", "%i", "-t", "RUNNING", "-w", node).split()
        doomed = [
            psutil.Process(int((self.folder / f"slurmd-{node}.pid").read_text(encoding="utf-8")))
        ]
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or [])
            if any(words.startswith(f"slurmstepd: [{job}.") for job in jobs):
                doomed += [process, *process.children(recursive=True)]
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    @contextlib.contextmanager
    def rejecting(self, refused: str, message: str) -> Iterator[None]:
        """Let the cluster refuse jobs, by a condition in Lua."""
        script = self.folder / "job_submit.lua"
        accepting = script.read_text(encoding="utf-8")
        # SLURM reads it again when its time, in full seconds, changes.
        time.sleep(1.1)
        script.write_text(JOB_SUBMIT.format(refused=refused, message=message), encoding="utf-8")
        yield
        time.sleep(1.1)
        script.write_text(accepting, encoding="utf-8")

    def start_munge(self) -> None:
        """Start the daemon that signs messages."""
        munge = self.folder / "munge"
        words = ["munged", "--force", f"--key-file={munge}/munge.key"]
        words += [f"--socket={munge}/munge.sock", f"--pid-file={munge}/munged.pid"]
        words += [f"--log-file={munge}/munged.log", f"--seed-file={munge}/munged.seed"]
        subprocess.run(words, check=True, capture_output=True)

    def start_node(self, node: str) -> None:
        """Start a node, for the first time or again."""
        conf = str(self.folder / "slurm.conf")
        subprocess.run(["slurmd", "-f", conf, "-N", node], check=True, env=self.environment())

    def wait_for_nodes(self) -> None:
        """Wait until every node is idle, or raise `NoCluster`."""
        for _ in range(240):
            with contextlib.suppress(subprocess.CalledProcessError):
                idle = self.command("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").split()
                if set(idle) == set(self.nodes):
                    return
            time.sleep(0.5)
        log = (self.folder / "log" / "slurmctld.log").read_text(encoding="utf-8")
        raise NoCluster(f"the nodes do not come up: {log[-2000:]}")


def require_slurm() -> None:
    """Raise `NoCluster` where SLURM is not installed, already runs, or needs more rights."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NoCluster(f"no {', '.join(missing)}: {INSTALL}")
    if os.geteuid() != 0:
        raise NoCluster("several slurmd on one host need root")
    if DEFAULT_CONF.exists() and not DEFAULT_CONF.is_symlink():
        raise NoCluster(f"{DEFAULT_CONF} is there: this host belongs to another cluster")


@contextlib.contextmanager
def running_cluster(folder: Path, cpus: int = 4, memory_mb: int = 8000) -> Iterator[Cluster]:
    """Start a cluster, and stop it at the end.

    Parameters
    ----------
    folder : pathlib.Path
        New folder for configuration, state, sockets and logs.
    cpus, memory_mb : int
        Processors, as many as wanted, and memory of each node, MB (2**20 bytes).

    Yields
    ------
    Cluster

    Raises
    ------
    NoCluster
        See `require_slurm`; or it does not come up.
    """
    require_slurm()
    cluster = Cluster(folder)
    for part in ("munge", "state", "spool", "log"):
        (folder / part).mkdir(parents=True)
    _configure(cluster, cpus, memory_mb)
    DEFAULT_CONF.parent.mkdir(exist_ok=True)
    DEFAULT_CONF.unlink(missing_ok=True)
    DEFAULT_CONF.symlink_to(folder / "slurm.conf")
    try:
        _start(cluster)
        yield cluster
    finally:
        _stop(cluster)
        DEFAULT_CONF.unlink(missing_ok=True)


def _configure(cluster: Cluster, cpus: int, memory_mb: int) -> None:
    """Write the key of munge and the configuration of SLURM."""
    folder, host = cluster.folder, socket.gethostname().split(".")[0]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        # The nodes listen at those that follow.
        port = free.getsockname()[1]
    folder.chmod(0o755)
    (folder / "munge").chmod(0o711)
    key = folder / "munge" / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    (with_gpu,) = cluster.gpu
    lines = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port + number} "
        f"CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN"
        + (" Gres=gpu:2" if name == with_gpu else "")
        for number, name in enumerate(cluster.nodes, 1)
    ]
    for number in range(2):
        # Character devices, as a driver has them; what they lead to does not matter.
        os.mknod(folder / f"gpu{number}", 0o20666, os.makedev(1, 3))
    (folder / "gres.conf").write_text(
        f"NodeName={with_gpu} Name=gpu File={folder}/gpu[0-1]\n", encoding="utf-8"
    )
    text = CONF.format(
        host=host,
        user=getpass.getuser(),
        folder=folder,
        port=port,
        nodes="\n".join(lines),
        cpu_nodes=",".join(cluster.cpu),
        spare_nodes=",".join(cluster.spare),
        gpu_nodes=with_gpu,
    )
    (folder / "slurm.conf").write_text(text, encoding="utf-8")
    (folder / "job_submit.lua").write_text(
        JOB_SUBMIT.format(refused="false", message=""), encoding="utf-8"
    )


def _start(cluster: Cluster) -> None:
    """Start all daemons and wait until every node is idle."""
    conf = str(cluster.folder / "slurm.conf")
    cluster.start_munge()
    subprocess.run(["slurmctld", "-f", conf], check=True, env=cluster.environment())
    for node in cluster.nodes:
        cluster.start_node(node)
    cluster.wait_for_nodes()


def _stop(cluster: Cluster) -> None:
    """Cancel all jobs and stop what was started."""
    with contextlib.suppress(subprocess.SubprocessError):
        cluster.command("scancel", "--full", "--user", getpass.getuser())
        time.sleep(3)
    pids = [*cluster.folder.glob("slurmd-*.pid"), cluster.folder / "slurmctld.pid"]
    for path in [*pids, cluster.folder / "munge" / "munged.pid"]:
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.kill(int(path.read_text(encoding="utf-8")), signal.SIGTERM)
