"""Slurm's tools as a double: children end as a test wrote, one attempt after the other."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from daypart.engine.executors.array.answers import NoAnswer
from daypart.engine.executors.array.child import read_array
from daypart.engine.tasks.events import BlockFinished, TaskFinished


class VirtualClock:
    """Time passes when somebody sleeps."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


class SlurmDouble:
    """Answers sbatch, squeue, scontrol, sacct and scancel.

    Every child runs for `child_seconds` and ends as the next of `ends[task]` says: a state, or
    an exit code; `COMPLETED` when there is no more.
    """

    def __init__(self, run, results, ends=None, *, lost_answers=0, forgets=False, child_seconds=60):
        self.run, self.results = run, results
        self.ends = defaultdict(list, {task: list(each) for task, each in (ends or {}).items()})
        self.clock = VirtualClock()
        self.lost_answers, self.forgets, self.child_seconds = lost_answers, forgets, child_seconds
        self.jobs = {}
        self.sbatches = []
        self.called = Counter()
        self.cancelled = []
        self.waits_for = None

    def pause(self, attempt):
        self.clock.sleep(0.5)

    def read(self, *command):
        return self.once(command)

    def once(self, command, script=""):
        self.called[command[0]] += 1
        return getattr(self, command[0])(command, script)

    def sbatch(self, command, _script):
        options = dict(word.lstrip("-").split("=", 1) for word in command if "=" in word)
        job_id = str(100 + len(self.jobs))
        tasks = read_array(self.run, options["job-name"])
        self.sbatches.append(options)
        self.jobs[job_id] = (options["job-name"], self.clock.now(), tasks, {})
        if len(self.sbatches) <= self.lost_answers:
            raise NoAnswer("Socket timed out on send/recv operation")
        return f"{job_id}\n"

    def squeue(self, command, _script):
        names = next(word for word in command if word.startswith("--name=")).partition("=")[2]
        lines = []
        for job_id, (name, since, tasks, ended) in self.jobs.items():
            if name not in names.split(","):
                continue
            if self.waits_for:
                lines.append(f"{job_id}|0-{len(tasks) - 1}|PENDING|{self.waits_for}|")
                continue
            for child, task in enumerate(tasks):
                if self.clock.now() - since < self.child_seconds:
                    lines.append(f"{job_id}|{child}|RUNNING|None|")
                    continue
                if child not in ended:
                    ended[child] = self._end(task)
                if not self.forgets:
                    state = ended[child] if isinstance(ended[child], str) else "FAILED"
                    lines.append(f"{job_id}|{child}|{state}|None|")
        return "\n".join(lines)

    def _end(self, task):
        end = self.ends[task].pop(0) if self.ends[task] else "COMPLETED"
        if end == "COMPLETED":
            self.results.finish(task)
        return end

    def scontrol(self, command, _script):
        _, _, _, ended = self.jobs[command[-1]]
        return "\n".join(
            f"JobId=1 ArrayTaskId={child} JobState=FAILED ExitCode={end}:0"
            for child, end in ended.items()
            if isinstance(end, int)
        )

    def sacct(self, command, _script):
        job_id = re.search(r"--jobs=(\d+)", " ".join(command))[1]
        lines = []
        for child, end in self.jobs[job_id][3].items():
            state, code = (end, 0) if isinstance(end, str) else ("FAILED", end)
            lines.append(f"{job_id}_{child}|{state}|{code}:0")
        return "\n".join(lines)

    def scancel(self, command, _script):
        _, _, tasks, ended = self.jobs[command[-1]]
        self.cancelled.append(command[-1])
        ended.update({child: "CANCELLED" for child in range(len(tasks)) if child not in ended})
        self.child_seconds = 0
        return ""


class ResultsDouble:
    """A number of partitions a task."""

    def __init__(self, tasks, partitions=1):
        self.left = dict.fromkeys(tasks, partitions)
        self.waiting = []
        self.given_up = []

    def finish(self, task):
        self.waiting += [BlockFinished(task, self.left[task], 0, 0, 0.0), TaskFinished(task, 0.0)]
        self.left[task] = 0

    def unfinished(self):
        return [task for task, left in self.left.items() if left]

    def rows_left(self, task):
        return self.left[task]

    def finished_already(self):
        return []

    def new_events(self):
        news, self.waiting = self.waiting, []
        return news

    def give_up(self, task, reason, *, everything):
        failed = self.left[task] if everything else 1
        self.left[task] -= failed
        self.given_up.append((task, everything))
        ended = [] if self.left[task] else [TaskFinished(task, 0.0)]
        return [BlockFinished(task, 0, failed, 0, 0.0), *ended]

    def last_output(self, task):
        return ""
