#!/usr/bin/env python3
"""Measures this server beside its peers, on loopback, in interleaved rounds. See README.md.

The path of a run: find the programs (servers.py), make the files (loads.py), and then for each workload, round by round, start each
server, load it, read what its processes cost (procs.py), stop it. At the end: medians, and the ratio of ours to each peer.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

import loads
import procs
import servers
import targets

HERE = os.path.dirname(os.path.abspath(__file__))
MPMS = ("event", "worker", "prefork")

# Name, the load, what it is, and for which servers it makes sense.
WORKLOADS = [
    ("1k", loads.small, "1 KiB, keep-alive, 64 connections", lambda s: True),
    ("new", loads.new_connections, "1 KiB, a new connection for each request", lambda s: True),
    ("304", loads.not_modified, "304 by If-Modified-Since", lambda s: True),
    ("pipe16", loads.pipelined, "1 KiB, 16 requests pipelined", lambda s: s.kind != "h2o"),
    ("100k", loads.medium, "100 KiB", lambda s: True),
    ("10m", loads.large, "10 MiB, 8 connections; CPU is seconds per GB", lambda s: True),
    ("htaccess", loads.deep_htaccess, "1 KiB six folders deep, .htaccess in two, AllowOverride All", lambda s: s.reads_htaccess()),
    ("flat", loads.deep_flat, "the same depth, AllowOverride None", lambda s: True),
    ("vhosts", loads.hosts, f"1 KiB from {loads.VHOSTS} named virtual hosts", lambda s: s.kind != "h2o"),
    ("cgi", loads.cgi, "a CGI program in sh, 4 connections", lambda s: s.runs_cgi()),
    ("idle", loads.idle, "32 connections beside 5,000 idle ones", lambda s: s.mpm not in ("worker", "prefork")),
    ("slow", loads.slow, "32 connections beside 1,000 that dawdle", lambda s: s.mpm not in ("worker", "prefork")),
    ("graceful", loads.graceful, "32 connections, a graceful restart each second", lambda s: s.hup_is_graceful() is not None),
]


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each workload (3)")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of load in each (3)")
    parser.add_argument("--only", default="", help="these workloads, by comma: " + ",".join(w[0] for w in WORKLOADS))
    parser.add_argument("--servers", default="", help="these servers, by comma, e.g. ours-event,nginx")
    parser.add_argument("--mpms", default="event", help="MPMs of ours to build and measure, by comma (event)")
    parser.add_argument("--target", default=os.environ.get("BENCH_TARGET", "/tmp/httpd-bench"), help="where ours is built")
    parser.add_argument("--ours", action="append", default=[], metavar="NAME=PATH", help="a program of ours that is built already; "
                        "NAME is an MPM, or an MPM with a dash and a word behind it, to compare two builds")
    parser.add_argument("--allocators", action="store_true", help="ours once more with each other allocator that is installed")
    parser.add_argument("--threads", action="store_true", help="prefork as it is beside prefork of the same sources with the counts and "
                        "locks of a build that has threads, both without OpenFileCache, whose means differ")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s of what the targets ask for: about 7 minutes")
    parser.add_argument("--json", help="writes all figures to this file")
    parser.add_argument("--show", nargs="+", metavar="FILE", help="measures nothing: the tables of these runs together, kept by --json, "
                        "and each target with what every run saw")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 2
        args.only = args.only or "1k,new,304,pipe16,10m,htaccess,flat,cgi,idle"
    return args


def build(mpm, target, sources=os.path.dirname(HERE), name=None):
    """Builds ours with the release profile; one job, for the sake of others on the machine."""
    folder = os.path.join(target, name or mpm)
    command = ["cargo", "build", "--release", "--locked", "--bin", "httpd", "--features", f"mpm-{mpm}", "--target-dir", folder]
    environment = {**os.environ, "CARGO_BUILD_JOBS": os.environ.get("CARGO_BUILD_JOBS", "1")}
    environment.pop("HTTPD_CONFIG", None)
    print(f"# {' '.join(command)}", file=sys.stderr)
    subprocess.run(command, cwd=sources, env=environment, check=True, timeout=3600)
    return os.path.join(folder, "release", "httpd")


def build_threaded(target):
    """Builds prefork from a copy of the sources whose facts say that it has threads: it starts none, but is ready for them."""
    sources = os.path.join(target, "threaded-sources")
    shutil.rmtree(sources, ignore_errors=True)
    shutil.copytree(os.path.dirname(HERE), sources, ignore=shutil.ignore_patterns(".git", "target", "results"))
    facts = os.path.join(sources, "mpm/prefork/facts")
    with open(facts) as file:
        text = re.sub(r"(?m)^threaded=no$", "threaded=yes", file.read())
    with open(facts, "w") as file:
        file.write(text)
    return build("prefork", target, sources, "threaded")


def find_servers(args):
    ours = dict(pair.split("=", 1) for pair in args.ours)
    if args.threads:
        ours["prefork"] = ours.get("prefork") or build("prefork", args.target)
        ours["prefork-threaded"] = ours.get("prefork-threaded") or build_threaded(args.target)
    if not ours:
        ours = {mpm: build(mpm, args.target) for mpm in args.mpms.split(",")}
    found = servers.find(ours)
    for server in found:
        server.mpm = server.mpm.split("-")[0]
    if args.allocators:
        found = [other for server in found if server.kind == "ours" for other in servers.with_allocators(server)] + found
    wanted = [name for name in args.servers.split(",") if name]
    return [server for server in found if not wanted or server.name in wanted]


def run_one(server, load, name, args, folder, files):
    """One server under one load: its figures, with those of its start."""
    extra = ""
    if name == "vhosts":
        extra = loads.hosts_conf(server, files)
    if args.threads and server.kind == "ours":
        extra += "OpenFileCache Off\n"
    took = server.start(folder, files, extra)
    try:
        total, children = procs.memory_kib(server.pid())
        figures = {"start": took * 1000, "pss": total, "children": children}
        figures.update(load(server, args.seconds))
        return figures
    finally:
        server.stop()


def measure(found, args, folder, files):
    """All figures: {workload: {server: [figures of each round]}}."""
    only = [name for name in args.only.split(",") if name]
    results = {}
    for name, load, _, fits in WORKLOADS:
        if only and name not in only:
            continue
        rows = results.setdefault(name, {})
        for turn in range(args.rounds):
            # Each round in another order, so that nobody always runs behind the same neighbour.
            for server in found[turn % len(found):] + found[:turn % len(found)]:
                if not fits(server):
                    continue
                try:
                    rows.setdefault(server.name, []).append(run_one(server, load, name, args, folder, files))
                except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                    print(f"# {name}: {server.name}: {error}", file=sys.stderr)
                    continue
                shown = {key: round(value, 2) for key, value in rows[server.name][-1].items()}
                print(f"# {name} round {turn + 1}: {server.name} {shown}", file=sys.stderr)
    return results


def median(rows, key):
    values = [row[key] for row in rows if key in row]
    return statistics.median(values) if values else None


def show(results):
    """The tables, in Markdown."""
    about = {name: text for name, _, text, _ in WORKLOADS}
    for name, rows in results.items():
        rows = {server: figures for server, figures in rows.items() if figures}
        ours = [server for server in rows if server.startswith("ours-")]
        print(f"\n### {name}: {about[name]}\n")
        head = ["server", "CPU s / 100k", "req/s", "p99 ms", "PSS MiB", "start ms", "bad"]
        head[1] = "CPU s / GB" if name == "10m" else head[1]
        head += ["KiB / idle"] if name == "idle" else []
        head += [f"{server} is" for server in ours]
        print("| " + " | ".join(head) + " |")
        print("|---" * len(head) + "|")
        for server, figures in rows.items():
            cpu = median(figures, "cpu")
            cells = [server, f"{cpu:.2f}", f"{median(figures, 'rps'):.0f}", f"{median(figures, 'p99'):.2f}",
                     f"{median(figures, 'pss') / 1024:.1f}", f"{median(figures, 'start'):.0f}",
                     f"{sum(row['bad'] for row in figures)}"]
            if name == "idle":
                cells.append(f"{median(figures, 'each'):.2f}")
            cells += [f"x {median(rows[mine], 'cpu') / cpu:.2f}" if cpu else "" for mine in ours]
            print("| " + " | ".join(cells) + " |")


def show_runs(files):
    """The tables of earlier runs taken together, and what each saw of the targets."""
    runs = [json.load(open(file)) for file in files]
    together = {}
    for run in runs:
        for name, rows in run.items():
            for server, figures in rows.items():
                together.setdefault(name, {}).setdefault(server, []).extend(figures)
    show(together)
    targets.show(*runs)


def show_machine(found):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} CPUs ({model}), Linux {platform.release()}, "
          f"load average {os.getloadavg()[0]:.1f} at the start\n")
    for server in found:
        print(f"- {server.name}: {server.version()}")


def main():
    args = options()
    if args.show:
        return show_runs(args.show)
    missing = loads.needed()
    if missing:
        sys.exit(f"not on PATH: {', '.join(missing)}; see bench/README.md")
    found = find_servers(args)
    with loads.place(found) as (folder, files):
        show_machine(found)
        results = measure(found, args, folder, files)
        show(results)
        targets.show(results)
        if args.json:
            json.dump(results, open(args.json, "w"), indent=1)


if __name__ == "__main__":
    main()
