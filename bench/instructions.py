#!/usr/bin/env python3
"""Counts the instructions that our program itself spends on a 1 KiB keep-alive request, with valgrind --tool=callgrind.

    python3 bench/instructions.py PROGRAM          prints the count, and the functions that take most

Unlike times, the count is hardly disturbed by what else the machine does. The kernel's part is not in it. PROGRAM is built for event,
worker or prefork (`--mpm`).
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import tempfile

import loads
import servers


class Counted(servers.Server):
    """Ours in one process under callgrind."""

    def _configure(self, files, extra):
        command = super()._configure(files, extra)
        counts = os.path.join(self.dir, "counts.%p")
        valgrind = ["valgrind", "--tool=callgrind", "--vgdb=no", "-q", f"--callgrind-out-file={counts}"]
        return valgrind + command[:-1] + ["-X"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--mpm", default="event")
    parser.add_argument("--seconds", type=int, default=5)
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="httpd-count-")
    os.chmod(folder, 0o755)
    server = Counted("ours", "ours", args.program, args.mpm)
    try:
        server.start(folder, loads.make_files(folder))
        count = loads.wrk(server, "/1k.html", args.seconds, connections=1)["count"] + 1
        # Made by root before the program gave root up, which could not write to them.
        for name in glob.glob(f"{server.dir}/counts.*"):
            os.unlink(name)
        server.stop(wait=20)
        largest = max(glob.glob(f"{server.dir}/counts.*"), key=os.path.getsize)
        out = subprocess.run(["callgrind_annotate", "--show-percs=no", largest], capture_output=True, text=True).stdout
        total = int(re.search(r"([\d,]+) .*PROGRAM TOTALS", out).group(1).replace(",", ""))
        print(f"{total / count:.0f} instructions a request ({count} requests, the start of the program included)")
        lines = re.findall(r"^ *([\d,]+) +(\S.*)$", out.split("PROGRAM TOTALS", 1)[1], re.M)
        for cost, where in lines[:25]:
            print(f"{int(cost.replace(',', '')) / count:8.0f} {where[-110:]}")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
