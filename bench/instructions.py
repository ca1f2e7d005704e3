#!/usr/bin/env python3
"""Counts the instructions that our program itself spends on a request, with valgrind --tool=callgrind.

    python3 bench/instructions.py PROGRAM                        a 1 KiB file: the count, and the functions that take most
    python3 bench/instructions.py PROGRAM --load 304 --inclusive

Unlike times, the count is hardly disturbed by what else the machine does. The kernel's part is not in it. Two runs of different length
are subtracted from each other, so that neither the start of the program nor its end counts. PROGRAM is built for event, worker or
prefork (`--mpm`).
"""

import argparse
import collections
import glob
import os
import re
import subprocess

import loads
import servers

REQUEST = b"GET /1k.html HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"
# What the request has more, how many are sent before an answer is read, and how an answer ends.
LOADS = {
    "1k": (b"", 1, b"\r\n\r\n" + 1024 * b"x"),
    "304": (b"If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n", 1, b"\r\n\r\n"),
    "pipe16": (b"", 16, b"\r\n\r\n" + 1024 * b"x"),
}


class Counted(servers.Server):
    """Ours in one process under callgrind."""

    def _configure(self, files, extra):
        command = super()._configure(files, extra)
        counts = os.path.join(self.dir, "counts.%p")
        valgrind = ["valgrind", "--tool=callgrind", "--vgdb=no", "-q", f"--callgrind-out-file={counts}"]
        return valgrind + command[:-1] + ["-X"]


def ask(server, load, requests, connections):
    """Sends the requests on connections that stay, one (or one pipeline) on each in turn, and reads all answers."""
    fields, depth, end = LOADS[load]
    request = REQUEST % fields * depth
    held = [loads.connect(server) for _ in range(connections)]
    for _ in range(requests // connections // depth):
        for conn in held:
            conn.sendall(request)
        for conn in held:
            text = b""
            while text.count(end) < depth:
                piece = conn.recv(65536)
                if not piece:
                    raise RuntimeError(f"closed behind {text[:200]}")
                text += piece
    for conn in held:
        conn.close()


def counts(args, server, folder, files, requests):
    """Instructions of a run with so many requests, of each function."""
    server.start(folder, files)
    ask(server, args.load, requests, args.connections)
    # Made by root before the program gave root up, which could not write to them.
    for name in glob.glob(f"{server.dir}/counts.*"):
        os.unlink(name)
    server.stop(wait=20)
    largest = max(glob.glob(f"{server.dir}/counts.*"), key=os.path.getsize)
    inclusive = "yes" if args.inclusive else "no"
    command = ["callgrind_annotate", "--show-percs=no", "--threshold=100", "--auto=no", f"--inclusive={inclusive}", largest]
    out = subprocess.run(command, capture_output=True, text=True).stdout
    total = int(re.search(r"([\d,]+) .*PROGRAM TOTALS", out).group(1).replace(",", ""))
    found = collections.Counter()
    for cost, where in re.findall(r"^ *([\d,]+) +(\S.*)$", out.split("PROGRAM TOTALS", 1)[1], re.M):
        # The function alone, wherever what was inlined into it comes from.
        name = re.sub(r"( \[[^\]]*\]| \(.*\))*$", "", re.sub(r"^[^: ]+:", "", where))
        found[name] += int(cost.replace(",", ""))
    return total, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--mpm", default="event")
    parser.add_argument("--load", choices=LOADS, default="1k")
    parser.add_argument("--requests", type=int, default=6400)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--functions", type=int, default=25, help="how many to print")
    parser.add_argument("--inclusive", action="store_true", help="with what each function calls")
    args = parser.parse_args()
    server = Counted("ours", "ours", args.program, args.mpm)
    with loads.place([server]) as (folder, files):
        short, begun = counts(args, server, folder, files, args.requests // 4)
        long, ended = counts(args, server, folder, files, args.requests + args.requests // 4)
    print(f"{(long - short) / args.requests:.0f} instructions a request ({args.load})")
    ended.subtract(begun)
    for where, cost in ended.most_common(args.functions):
        print(f"{cost / args.requests:8.0f} {where[:150]}")


if __name__ == "__main__":
    main()
