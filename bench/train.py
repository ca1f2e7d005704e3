#!/usr/bin/env python3
"""Puts loads on a program that counts what it does, for `make pgo`: those of the benchmark that are the server's own work."""

import argparse
import os

import loads
import servers


class Counting(servers.Server):
    """Ours in one process, which writes its counts when it ends."""

    def _configure(self, files, extra):
        return super()._configure(files, extra)[:-1] + ["-X"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--mpm", default="event")
    parser.add_argument("--raw", required=True, help="the folder for the counts")
    parser.add_argument("--seconds", type=int, default=2)
    args = parser.parse_args()
    # Made by whoever starts the program, and written by whom it becomes.
    os.umask(0)
    os.chmod(args.raw, 0o777)
    os.environ["LLVM_PROFILE_FILE"] = os.path.join(args.raw, "%p.profraw")
    server = Counting("ours", "ours", args.program, args.mpm)
    with loads.place([server]) as (folder, files):
        server.start(folder, files, loads.hosts_conf(server, files))
        for load in (loads.small, loads.new_connections, loads.not_modified, loads.pipelined, loads.medium, loads.deep_htaccess,
                     loads.hosts):
            load(server, args.seconds)
        server.stop(wait=20)


if __name__ == "__main__":
    main()
