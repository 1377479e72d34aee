"""A Slurm cluster of four nodes on this machine: Debian's slurmctld, slurmd and munge.

Two partitions share the nodes: tasks of `spot` are requeued when `urgent` needs their place.
Also a command, for trying things out by hand: `python tests/servers/slurm.py` prints what to
export, and serves until Ctrl-C.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

if __package__ is None or __package__ == "":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from servers.ports import free_ports
from servers.seaweedfs import ServerMissingError

NODES = ("n1", "n2", "n3", "n4")
CPUS_A_NODE = 2
_DAEMONS = ("munged", "slurmctld", "slurmd")
_SECONDS_TO_START = 60.0
_SECONDS_BEFORE_A_NUDGE = 3.0
"""A requeued task is killed for good if it is started within the first second."""

_CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=5
MinJobAge=300
MaxArraySize=1001
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports} CPUs={cpus} RealMemory=4000
PartitionName=spot Nodes={nodes} Default=YES PriorityTier=1 PreemptMode=REQUEUE MaxTime=60
PartitionName=urgent Nodes={nodes} PriorityTier=10 PreemptMode=OFF MaxTime=60
PartitionName=closed Nodes={nodes} State=DOWN
"""


@dataclass
class Slurm:
    """A running cluster."""

    folder: Path
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the variable with which Slurm's tools reach it."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *command: str) -> str:
        """Run one of Slurm's tools."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
        return done.stdout

    def start(self, name: str, *command: str) -> None:
        """Start a daemon."""
        with (self.folder / f"{name}.out").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_node(self, node: str) -> None:
        """Start a node."""
        (self.folder / "spool" / node).mkdir(parents=True, exist_ok=True)
        slurmd = _daemon("slurmd")
        self.start(node, slurmd, "-D", "-f", str(self.folder / "slurm.conf"), "-N", node)

    def kill_node(self, node: str) -> None:
        """End a node at once with all that runs on it, and let the controller know."""
        doomed = [self.processes[node].pid]
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                environment = (process / "environ").read_bytes().split(b"\0")
                if (
                    f"SLURMD_NODENAME={node}".encode() in environment
                    and f"SLURM_CONF={self.folder / 'slurm.conf'}".encode() in environment
                ):
                    doomed.append(int(process.name))
                    parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
                    if "slurmstepd" in (Path("/proc") / parent / "comm").read_text():
                        doomed.append(int(parent))
        for pid in dict.fromkeys(doomed):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.processes[node].wait()
        self.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=killed")

    @contextmanager
    def nudged(self) -> Iterator[None]:
        """Let requeued tasks start again soon: by itself Slurm waits two minutes."""
        over = threading.Event()
        thread = threading.Thread(target=self._nudge, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _nudge(self, over: threading.Event) -> None:
        since: dict[str, float] = {}
        while not over.wait(0.5):
            with suppress(RuntimeError):
                lines = self.run("squeue", "-h", "-r", "-t", "PD", "-o", "%i %r").splitlines()
                late = [line.split()[0] for line in lines if line.endswith("BeginTime")]
                for job in late:
                    seen = since.setdefault(job, time.monotonic())
                    if time.monotonic() - seen >= _SECONDS_BEFORE_A_NUDGE:
                        del since[job]
                        self.run("scontrol", "update", f"JobId={job}", "StartTime=now")


def _daemon(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise ServerMissingError(f"no {name}: apt-get install slurmctld slurmd slurm-client munge")
    return found


@contextmanager
def running_slurm() -> Iterator[Slurm]:
    """Start a cluster with throw-away state; stop it and remove the state at the end."""
    paths = {name: _daemon(name) for name in _DAEMONS}
    folder = Path(tempfile.mkdtemp(prefix="daypart-slurm-"))
    folder.chmod(0o755)  # munge asks for that of its socket's folder
    (folder / "state").mkdir()
    control_port, *ports = free_ports(1 + len(NODES))
    slurm = Slurm(folder)
    names, hosts = ",".join(NODES), socket.gethostname().partition(".")[0]
    (folder / "slurm.conf").write_text(
        _CONFIGURATION.format(
            host=hosts,
            control_port=control_port,
            user=_user(),
            folder=folder,
            nodes=names,
            ports=",".join(map(str, ports)),
            cpus=CPUS_A_NODE,
        )
    )
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    try:
        slurm.start(
            "munged",
            paths["munged"],
            *("--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"),
            *(f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munge.seed"),
        )
        _wait_for(slurm, "munged", (folder / "munge.socket").exists)
        slurm.start("slurmctld", paths["slurmctld"], "-D", "-f", str(folder / "slurm.conf"))
        for node in NODES:
            slurm.start_node(node)
        _wait_for(slurm, "slurmctld", lambda: _idle_nodes(slurm) == len(NODES))
        yield slurm
    finally:
        _stop(slurm)


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _idle_nodes(slurm: Slurm) -> int:
    try:
        told = slurm.run("sinfo", "-h", "-N", "-p", "spot", "-t", "idle", "-o", "%N")
    except RuntimeError:
        return 0
    return len(set(told.split()))


def _wait_for(slurm: Slurm, name: str, ready) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while not ready():
        ended = {each: p.poll() for each, p in slurm.processes.items() if p.poll() is not None}
        if ended or time.monotonic() > deadline:
            name = next(iter(ended), name)
            tail = (slurm.folder / f"{name}.out").read_text(errors="replace")[-800:]
            raise ServerMissingError(
                f"{name} did not start ({ended.get(name, 'too late')}): {tail}"
            )
        time.sleep(0.1)


def _stop(slurm: Slurm) -> None:
    with suppress(RuntimeError, OSError):
        slurm.run("scancel", "--state=RUNNING", f"--user={_user()}")
        slurm.run("scancel", f"--user={_user()}")
    for process in reversed(slurm.processes.values()):
        process.terminate()
    for process in slurm.processes.values():
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(slurm.folder, ignore_errors=True)


def main() -> None:
    """Serve until stopped."""
    with running_slurm() as slurm:
        for name, value in slurm.environment().items():
            print(f"export {name}={value}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
