"""The workloads: what is asked of a server, by whom, for how long. Each returns a dictionary of figures.

wrk makes the load where it can. Connections that only wait, or dawdle, are held by this program itself.
"""

import contextlib
import os
import re
import resource
import select
import shutil
import socket
import subprocess
import tempfile
import time

import procs

UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}

PIPELINE = """
init = function(args)
  local parts = {}
  for i = 1, 16 do parts[i] = wrk.format("GET", "%s") end
  all = table.concat(parts)
end
request = function() return all end
"""

HOSTS = """
local n = 0
request = function()
  n = (n + 1) %% %d
  return "GET /1k.html HTTP/1.1\\r\\nHost: host" .. n .. ".test\\r\\n\\r\\n"
end
"""


@contextlib.contextmanager
def place(found):
    """A folder for a run and the files to serve; room for many connections. At the end the servers are stopped and all is removed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(20000, hard), hard))
    folder = tempfile.mkdtemp(prefix="httpd-bench-")
    os.chmod(folder, 0o755)
    try:
        yield folder, make_files(folder)
    finally:
        for server in found:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def make_files(folder):
    """The files that all servers serve."""
    files = os.path.join(folder, "files")
    os.makedirs(f"{files}/cgi")
    deep = f"{files}/deep/2/3/4/5/6"
    flat = f"{files}/flat/2/3/4/5/6"
    for path in (deep, flat):
        os.makedirs(path)
    for path, size in ((f"{files}/1k.html", 1024), (f"{files}/100k.html", 100 * 1024), (f"{files}/10m.html", 10 << 20),
                       (f"{deep}/1k.html", 1024), (f"{flat}/1k.html", 1024)):
        with open(path, "wb") as file:
            file.write(b"x" * size)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    for level, line in (("2", "AddType text/css .css\n"), ("2/3/4", "AddType image/png .png\n")):
        with open(f"{files}/deep/{level}/.htaccess", "w") as file:
            file.write(line)
    with open(f"{files}/cgi/hello", "w") as file:
        file.write("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n")
    os.chmod(f"{files}/cgi/hello", 0o755)
    for at, _, _ in os.walk(folder):
        os.chmod(at, 0o755)
    return files


def milliseconds(text):
    """A time as wrk prints it; not a number where wrk has none."""
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    return float(found.group(1)) * UNITS[found.group(2)] if found else float("nan")


def wrk(server, path, seconds, connections=64, headers=(), script=None):
    """Runs wrk; returns requests a second, p99 in ms, CPU seconds of the server per 100,000 requests, and errors."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    if script:
        name = os.path.join(server.dir, "load.lua")
        open(name, "w").write(script)
        command += ["-s", name]
    for header in headers:
        command += ["-H", header]
    before = procs.cpu_seconds(server.pid())
    out = subprocess.run(command + [server.url(path)], capture_output=True, text=True, timeout=seconds + 30).stdout
    used = procs.cpu_seconds(server.pid()) - before
    return read_wrk(out, used)


def read_wrk(out, used):
    done = re.search(r"(\d+) requests in", out)
    count = int(done.group(1)) if done else 0
    if count == 0:
        raise RuntimeError(f"wrk counted no request:\n{out}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
        "p99": milliseconds(re.search(r"99%\s+(\S+)", out).group(1)),
        "cpu": used / count * 100_000,
        "count": count,
        "bad": (int(bad.group(1)) if bad else 0) + (sum(map(int, failed.groups())) if failed else 0),
    }


def small(server, seconds):
    return wrk(server, "/1k.html", seconds)


def new_connections(server, seconds):
    return wrk(server, "/1k.html", seconds, headers=["Connection: close"])


def not_modified(server, seconds):
    return wrk(server, "/1k.html", seconds, headers=["If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"])


def pipelined(server, seconds):
    return wrk(server, "/1k.html", seconds, script=PIPELINE % "/1k.html")


def medium(server, seconds):
    return wrk(server, "/100k.html", seconds)


def large(server, seconds):
    figures = wrk(server, "/10m.html", seconds, connections=8)
    # CPU seconds per GB, not per 100,000 requests.
    figures["cpu"] *= (1e9 / (10 << 20)) / 100_000
    return figures


def deep_htaccess(server, seconds):
    return wrk(server, "/deep/2/3/4/5/6/1k.html", seconds)


def deep_flat(server, seconds):
    return wrk(server, "/flat/2/3/4/5/6/1k.html", seconds)


def hosts(server, seconds):
    return wrk(server, "/1k.html", seconds, script=HOSTS % VHOSTS)


def cgi(server, seconds):
    """By what the whole machine used besides wrk: Apache's cgid lets the kernel reap its programs, so no process shows their cost."""
    own = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    before, client = procs.busy_seconds(), own()
    figures = wrk(server, "/cgi/hello", seconds, connections=4)
    used = procs.busy_seconds() - before - (own() - client)
    return {**figures, "cpu": used / figures["count"] * 100_000}


VHOSTS = 500


def hosts_conf(server, files):
    """VHOSTS servers that are told apart by name."""
    if server.kind == "nginx":
        return "".join(f"server {{ listen 127.0.0.1:{{port}}; server_name host{n}.test; root {files}; }}\n" for n in range(VHOSTS))
    if server.kind == "lighttpd":
        return "".join(f'$HTTP["host"] == "host{n}.test" {{ server.document-root = "{files}" }}\n' for n in range(VHOSTS))
    return "".join(f'<VirtualHost *:{{port}}>\nServerName host{n}.test\nDocumentRoot "{files}"\n</VirtualHost>\n'
                   for n in range(VHOSTS))


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def idle(server, seconds, count=5000):
    """Memory for each of `count` idle keep-alive connections, and the speed of 32 active ones beside them."""
    before, _ = procs.memory_kib(server.pid())
    held = []
    try:
        for _ in range(count):
            conn = connect(server)
            held.append(conn)
            conn.sendall(b"GET /1k.html HTTP/1.1\r\nHost: bench.test\r\n\r\n")
            answer = 0
            while answer < 1024:
                piece = conn.recv(4096)
                if not piece:
                    raise RuntimeError(f"closed after {len(held)} connections")
                answer += len(piece)
        time.sleep(0.5)
        after, _ = procs.memory_kib(server.pid())
        figures = wrk(server, "/1k.html", seconds, connections=32)
        poll = select.poll()
        for conn in held:
            poll.register(conn, select.POLLIN)
        readable = poll.poll(0)
        figures["each"] = (after - before) / count
        figures["bad"] += len(readable)
        return figures
    finally:
        for conn in held:
            conn.close()


def slow(server, seconds, count=1000):
    """32 active connections beside `count` that send their request a byte at a time."""
    request = b"GET /1k.html HTTP/1.1\r\nHost: bench.test\r\n\r\n"
    held = []
    try:
        for _ in range(count):
            conn = connect(server)
            conn.sendall(request[:1])
            held.append(conn)
        command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "--timeout", "10s", server.url("/1k.html")]
        before = procs.cpu_seconds(server.pid())
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        sent, end = 1, time.monotonic() + seconds
        while time.monotonic() < end and sent < len(request) - 1:
            time.sleep(0.2)
            for conn in held:
                try:
                    conn.sendall(request[sent:sent + 1])
                except OSError:
                    pass
            sent += 1
        out = load.communicate(timeout=seconds + 30)[0]
        return read_wrk(out, procs.cpu_seconds(server.pid()) - before)
    finally:
        for conn in held:
            conn.close()


def graceful(server, seconds):
    """Requests lost while the configuration is taken over anew, once a second, under load."""
    kind = server.hup_is_graceful()
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "--timeout", "10s", server.url("/1k.html")]
    before = procs.cpu_seconds(server.pid())
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(seconds - 1):
        time.sleep(1)
        server.process.send_signal(kind)
    out = load.communicate(timeout=seconds + 30)[0]
    return read_wrk(out, procs.cpu_seconds(server.pid()) - before)


def needed():
    """What is not on PATH but necessary."""
    return [name for name in ("wrk",) if not shutil.which(name)]
