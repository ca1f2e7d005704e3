"""What a server's processes cost, from /proc: CPU seconds of the whole tree, and memory.

CPU of a tree is user and system time of every process that is alive, and of the children that each has reaped (fields 14 to 17 of
/proc/PID/stat). A difference of two readings is thus the cost of all that ran in between, CGI programs included. /proc/PID/stat is
rounded down to 10 ms, which would flatter a server of many processes: what their threads' schedstat tells, in nanoseconds, is taken
where it is more.
"""

import os

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """Fields of /proc/PID/stat from the third (state) on; none if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The name, in brackets, may hold anything.
    return text[text.rindex(b")") + 2:].split()


def tree(root):
    """The process `root`, its descendants, and what else lives in its session."""
    parents, sessions = {}, {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(name)
            if fields:
                parents[int(name)], sessions[int(name)] = int(fields[1]), int(fields[3])
    found = {pid for pid, session in sessions.items() if session == root or pid == root}
    grew = True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found and pid not in found}
        grew = bool(more)
        found |= more
    return found


def cpu_seconds(root):
    """CPU seconds that the tree has used up to now."""
    total = 0
    for pid in tree(root):
        fields = _stat(pid)
        if fields:
            own = (int(fields[11]) + int(fields[12])) / TICKS
            total += max(own, _run_time(pid)) + (int(fields[13]) + int(fields[14])) / TICKS
    return total


def _run_time(pid):
    """Seconds that the threads alive of a process have run."""
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
    except OSError:
        pass
    return total / 1e9


def busy_seconds():
    """CPU seconds that the whole machine has been busy, for what runs in processes that nobody reaps."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq = (int(word) for word in file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def memory_kib(root):
    """Proportional set size of the tree, KiB; and of all that the first process has started. (Not of one of them: who alone has served
    has touched what will be everybody's.)"""
    sizes = {}
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                sizes[pid] = sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass
    return sum(sizes.values()), sum(size for pid, size in sizes.items() if pid != root)


def threads(root):
    """Threads of the tree."""
    return sum(int(fields[17]) for fields in map(_stat, tree(root)) if fields)
