#!/usr/bin/env python3
"""How the cost of a request grows with connections, virtual hosts, folders and configuration, as plots in bench/results.

    python3 bench/growth.py PROGRAM [--mpm event]

CPU seconds per 100,000 requests of 1 KiB, kept alive, and for the size of the configuration the CPU seconds until the first answer. One
round of each: what matters is whether a line climbs.
"""

import argparse
import os
import shutil

import loads
import procs
import servers

CONNECTIONS = (1, 8, 64, 512, 2000, 5000)
HOSTS = (1, 10, 100, 1000, 5000)
DEPTHS = (1, 2, 4, 8, 16)
SIZES = (10, 100, 1000, 10_000)


class Grown:
    """Ours, started anew for each point."""

    def __init__(self, server, folder, files):
        self.server, self.folder, self.files = server, folder, files

    def run(self, load, extra=""):
        """CPU seconds of the load, and those that were used up to the first answer."""
        took = self.server.start(self.folder, self.files, extra)
        try:
            return load(self.server), procs.cpu_seconds(self.server.pid()), took
        finally:
            self.server.stop()

    def connections(self, count):
        return self.run(lambda server: loads.wrk(server, "/1k.html", 3, connections=count)["cpu"])[0]

    def hosts(self, count):
        load = lambda server: loads.wrk(server, "/1k.html", 2, script=loads.HOSTS % count)["cpu"]
        return self.run(load, vhosts(count, self.files))[0]

    def depth(self, count):
        path = "/" + "/".join(f"d{n}" for n in range(count - 1))
        if count > 1:
            os.makedirs(self.files + path, exist_ok=True)
            shutil.copy(f"{self.files}/1k.html", self.files + path)
        return self.run(lambda server: loads.wrk(server, f"{path.rstrip('/')}/1k.html", 2)["cpu"])[0]

    def size(self, count):
        _, used, took = self.run(lambda server: 0, vhosts(count, self.files))
        print(f"  {count} virtual hosts: first answer after {took:.2f} s")
        return used


def vhosts(count, files):
    return "".join(f'<VirtualHost *:{{port}}>\nServerName host{n}.test\nDocumentRoot "{files}"\n</VirtualHost>\n' for n in range(count))


def plot(name, title, unit, points):
    """A line through the points, over evenly spaced steps of the horizontal axis."""
    width, height, left, bottom = 560, 280, 60, 40
    top = max(value for _, value in points) * 1.15 or 1
    across = lambda n: left + 20 + n * (width - left - 50) / max(1, len(points) - 1)
    up = lambda value: height - bottom - value / top * (height - bottom - 40)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>', f'<text x="{left}" y="20" font-size="14">{title}</text>']
    for step in range(5):
        value = top * step / 4
        parts.append(f'<path d="M{left} {up(value):.0f}H{width - 15}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{up(value) + 4:.0f}" text-anchor="end">{value:.2f}</text>')
    line = " ".join(f"{across(n):.0f},{up(value):.0f}" for n, (_, value) in enumerate(points))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#2a5" stroke-width="2"/>')
    for n, (count, value) in enumerate(points):
        parts.append(f'<circle cx="{across(n):.0f}" cy="{up(value):.0f}" r="3" fill="#2a5"/>'
                     f'<text x="{across(n):.0f}" y="{height - bottom + 18}" text-anchor="middle">{count:,}</text>')
    parts.append(f'<text x="{width - 15}" y="{height - 6}" text-anchor="end" fill="#666">{unit}</text></svg>')
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"growth-{name}.svg"), "w") as file:
        file.write("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--mpm", default="event")
    args = parser.parse_args()
    unit = "CPU seconds per 100,000 requests"
    server = servers.Server("ours", "ours", args.program, args.mpm)
    with loads.place([server]) as (folder, files):
        grown = Grown(server, folder, files)
        for name, title, measure, steps, what in (
                ("connections", "CPU of a request by connections", grown.connections, CONNECTIONS, unit),
                ("vhosts", "CPU of a request by named virtual hosts", grown.hosts, HOSTS, unit),
                ("depth", "CPU of a request by depth of its folder", grown.depth, DEPTHS, unit),
                ("config", "CPU of the start by virtual hosts", grown.size, SIZES, "CPU seconds to the first answer")):
            points = [(count, measure(count)) for count in steps]
            print(name, " ".join(f"{count}:{value:.2f}" for count, value in points), flush=True)
            plot(name, title, what, points)


if __name__ == "__main__":
    main()
