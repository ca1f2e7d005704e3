"""What is wanted of each MPM, as ratios of figures of one run, and whether a run shows it.

A target: the workload, ours, what it is compared with, the figure of both, and the most that the ratio may be. `ours-event:flat` is ours under
another workload.
"""

import statistics

_OWN = ("event", "worker", "prefork")


def _targets():
    yield from (("1k", "ours-event", "nginx", "cpu", 0.70), ("1k", "ours-event", "apache-event", "cpu", 0.25))
    yield from (("1k", "ours-event", "lighttpd", "cpu", 0.9), ("1k", "ours-event", "h2o", "cpu", 0.9))
    yield from (("new", "ours-event", "nginx", "cpu", 0.95), ("304", "ours-event", "nginx", "cpu", 0.75))
    yield ("pipe16", "ours-event", "nginx", "cpu", 0.6)
    for mpm in ("worker", "prefork"):
        for name, most in (("1k", 0.35), ("new", 0.50), ("304", 0.4), ("pipe16", 0.4)):
            yield (name, f"ours-{mpm}", f"apache-{mpm}", "cpu", most)
    for mpm in _OWN:
        yield ("10m", f"ours-{mpm}", f"apache-{mpm}", "cpu", 1.0)
        yield ("htaccess", f"ours-{mpm}", f"ours-{mpm}:flat", "cpu", 1.4 if mpm == "prefork" else 1.15)
        yield ("cgi", f"ours-{mpm}", f"apache-{mpm}", "cpu", 0.8)
        yield ("1k", f"ours-{mpm}", f"apache-{mpm}", "children", 1.0)
    yield ("htaccess", "ours-event", "apache-event", "cpu", 0.2)
    yield ("idle", "ours-event", "nginx", "each", 0.5)
    yield from (("1k", f"ours-{mpm}", "nginx" if mpm != "prefork" else "apache-prefork", "start", 1.0) for mpm in _OWN)


def _figure(results, workload, server, key):
    server, _, other = server.partition(":")
    rows = [row[key] for row in results.get(other or workload, {}).get(server, []) if key in row]
    return statistics.median(rows) if rows else None


def show(*runs):
    """A table of those targets that the runs have figures for, in Markdown: what each run saw. A target is met if the median is."""
    words = {"cpu": "CPU", "children": "PSS of the children", "each": "memory for an idle connection", "start": "start to first answer"}
    lines = []
    for workload, ours, peer, key, most in _targets():
        pairs = [(_figure(run, workload, ours, key), _figure(run, workload, peer, key)) for run in runs]
        seen = [mine / other for mine, other in pairs if mine is not None and other]
        if seen:
            verdict = "met" if statistics.median(seen) <= most else "missed"
            figures = ", ".join(f"{ratio:.2f}" for ratio in seen)
            lines.append(f"| {workload}: {words[key]} | {ours} | <= {most} x {peer} | {figures} | {verdict} |")
    if lines:
        print("\n### Targets\n\n| what | of | target | seen | |\n|---|---|---|---|---|")
        print("\n".join(lines))
