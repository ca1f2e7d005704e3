#!/usr/bin/env python3
"""Compares the MPMs of this server with each other, each with the limits it has by default, and writes the table of the manual.

    python3 bench/mpms.py [--seconds 3] [--rounds 3] [--target FOLDER] [--ours MPM=PATH ...]

Writes docs/manual/mpm-measured.tsv; `make manual` puts it into the page. The figures are of the same kind as those of bench.py.
"""

import argparse
import os
import platform
import selectors
import socket
import statistics
import time

import bench
import loads
import procs
import servers

ROOT = os.path.dirname(bench.HERE)
MPMS = ("prefork", "worker", "event", "beos", "netware", "mpmt-os2")
CROWD = 1000

ROWS = [
    ("small", "CPU seconds for 100,000 requests, 1 KiB, 32 connections kept alive", "{:.2f}"),
    ("new", "the same with a new connection for each request", "{:.2f}"),
    ("pss", "memory after the start, MiB (PSS of all processes)", "{:.1f}"),
    ("start", "from exec to the first answer, ms", "{:.0f}"),
    ("answered", f"of {CROWD:,} clients that ask and then stay, idle: answered within 5 s", "{:.0f}"),
    ("grown", "memory with these clients, MiB", "{:.1f}"),
]


def crowd(server):
    """Clients that keep their connections: how many of them get their answer while all the others stay."""
    waiting = selectors.DefaultSelector()
    held = []
    answered = 0
    try:
        for _ in range(CROWD):
            conn = socket.socket()
            conn.setblocking(False)
            conn.connect_ex(("127.0.0.1", server.port))
            waiting.register(conn, selectors.EVENT_WRITE)
            held.append(conn)
        end = time.monotonic() + 5
        while answered < CROWD and time.monotonic() < end:
            for key, events in waiting.select(end - time.monotonic()):
                if events & selectors.EVENT_WRITE:
                    key.fileobj.sendall(b"GET /1k.html HTTP/1.1\r\nHost: bench.test\r\n\r\n")
                    waiting.modify(key.fileobj, selectors.EVENT_READ)
                elif key.fileobj.recv(64):
                    answered += 1
                    waiting.unregister(key.fileobj)
        return {"answered": answered, "grown": procs.memory_kib(server.pid())[0] / 1024}
    finally:
        waiting.close()
        for conn in held:
            conn.close()


def measure(server, folder, files, seconds):
    """One round of one MPM. A server of its own for each load: an idle crowd would stand in the way of the next."""
    figures = {}
    for name, load in (("small", loads.wrk), ("new", loads.wrk), ("crowd", crowd)):
        took = server.start(folder, files, "")
        try:
            figures["start"] = took * 1000
            figures["pss"] = procs.memory_kib(server.pid())[0] / 1024
            if load is crowd:
                figures.update(crowd(server))
            else:
                headers = ["Connection: close"] if name == "new" else []
                figures[name] = load(server, "/1k.html", seconds, connections=32, headers=headers)["cpu"]
        finally:
            server.stop()
    return figures


def table(results, about):
    """The lines of the file: text, the head, and a row for each figure with the median of its rounds."""
    lines = [f"# {text}" for text in about]
    lines.append("\t".join([""] + [server.mpm for server in results]))
    for key, text, form in ROWS:
        cells = [form.format(statistics.median(row[key] for row in rounds)) for rounds in results.values()]
        lines.append("\t".join([text] + cells))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--target", default=os.environ.get("BENCH_TARGET", "/tmp/httpd-bench"))
    parser.add_argument("--ours", action="append", default=[], metavar="MPM=PATH", help="a program that is built already")
    args = parser.parse_args()
    built = dict(pair.split("=", 1) for pair in args.ours)
    found = [servers.Server(f"ours-{mpm}", "ours", built.get(mpm) or bench.build(mpm, args.target), mpm) for mpm in MPMS]
    servers.LIMITS.update({mpm: "" for mpm in MPMS})
    about = [f"All with the limits that they have by default, on {time.strftime('%-d %B %Y')}, {os.cpu_count()} processors, Linux "
             f"{platform.release()}, load average {os.getloadavg()[0]:.1f} at the start; medians of {args.rounds} interleaved rounds. "
             "mpm_winnt has not been measured: it does not run here but under wine.",
             "What cannot be answered at once is not lost: it waits in the kernel until a process or thread is free."]
    results = {server: [] for server in found}
    with loads.place(found) as (folder, files):
        for _ in range(args.rounds):
            for server in found:
                results[server].append(measure(server, folder, files, args.seconds))
                print(server.name, {key: round(value, 2) for key, value in results[server][-1].items()}, flush=True)
    place = os.path.join(ROOT, "docs", "manual", "mpm-measured.tsv")
    with open(place, "w") as file:
        file.write(table(results, about))
    print(f"written: {place}")


if __name__ == "__main__":
    main()
