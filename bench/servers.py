"""The servers under test, and equal configurations for them.

All log every request in the combined format, send files with sendfile where they can, keep connections alive for 60 s without a limit of
requests, and serve the same files. Each runs in the foreground in a session of its own below a temporary folder.
"""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

import procs

MODULES = "/usr/lib/apache2/modules"
# What Debian enables of its own accord, with headers: ours has the same compiled in.
APACHE_MODULES = """access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex deflate dir env
filter headers mime reqtimeout setenvif status""".split()

# Allocators that a program can be given in place of the C library's, where Debian's packages of these names are installed.
ALLOCATORS = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2.0", "tcmalloc": "libtcmalloc_minimal.so.4"}

# One set of limits for each MPM, for Apache and for ours. Room for 5,000 idle connections in event is made by the factor.
LIMITS = {
    "event": """StartServers 1
ServerLimit 2
ThreadLimit 128
ThreadsPerChild 128
MinSpareThreads 1
MaxSpareThreads 256
MaxRequestWorkers 256
AsyncRequestWorkerFactor 64
""",
    "worker": """StartServers 1
ServerLimit 2
ThreadLimit 128
ThreadsPerChild 128
MinSpareThreads 1
MaxSpareThreads 256
MaxRequestWorkers 256
""",
    "prefork": """StartServers 70
MinSpareServers 1
MaxSpareServers 140
ServerLimit 140
MaxRequestWorkers 140
""",
}

APACHE_CONF = """ServerRoot "{dir}"
PidFile "{dir}/pid"
Listen 127.0.0.1:{port}
ServerName bench.test
{user}
{limits}
Timeout 60
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
HostnameLookups Off
ErrorLog "{dir}/error.log"
LogLevel warn
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog "{dir}/access.log" combined
TypesConfig "{dir}/mime.types"
EnableSendfile On
DocumentRoot "{files}"
<Directory />
    AllowOverride None
    Options FollowSymLinks
    Require all granted
</Directory>
<Directory "{files}/deep">
    AllowOverride All
</Directory>
ScriptAlias /cgi/ "{files}/cgi/"
{extra}
"""

NGINX_CONF = """worker_processes {cpus};
pid {dir}/pid;
error_log {dir}/error.log warn;
daemon off;
{user}
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
    types {{ text/html html; image/png png; text/css css; }}
    default_type application/octet-stream;
    log_format all '$remote_addr - $remote_user [$time_local] "$request" $status $bytes_sent "$http_referer" "$http_user_agent"';
    access_log {dir}/access.log all;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 60;
    keepalive_requests 1000000000;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server_names_hash_max_size 16384;
    server_names_hash_bucket_size 128;
    server {{ listen 127.0.0.1:{port} backlog=4096 default_server; server_name bench.test; root {files}; }}
    {extra}
}}
"""

LIGHTTPD_CONF = """server.modules = ("mod_accesslog", "mod_cgi", "mod_alias")
server.document-root = "{files}"
server.bind = "127.0.0.1"
server.port = {port}
server.pid-file = "{dir}/pid"
server.errorlog = "{dir}/error.log"
{user}
accesslog.filename = "{dir}/access.log"
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 60
server.max-fds = 20000
server.max-connections = 8192
server.network-backend = "sendfile"
mimetype.assign = (".html" => "text/html", ".png" => "image/png", ".css" => "text/css", "" => "application/octet-stream")
$HTTP["url"] =~ "^/cgi/" {{ cgi.assign = ("" => "") }}
{extra}
"""

H2O_CONF = """pid-file: {dir}/pid
error-log: {dir}/error.log
access-log: {dir}/access.log
{user}
num-threads: {cpus}
max-connections: 8192
http1-request-timeout: 60
file.mime.addtypes: {{ text/html: .html }}
hosts:
  "default":
    listen: {{ host: 127.0.0.1, port: {port} }}
    paths: {{ "/": {{ file.dir: {files} }} }}
"""


def free_port():
    """A port of the loopback interface that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _user(form):
    """The line that gives up root, where we are root."""
    if os.geteuid() != 0:
        return ""
    for name in ("www-data", "nobody"):
        try:
            group = pwd.getpwnam(name).pw_gid
            return form.format(name=name, group=f"#{group}")
        except KeyError:
            pass
    return ""


class Server:
    """A program, how it is configured, and the process that runs once `start` was called."""

    def __init__(self, name, kind, program, mpm="", preload=None):
        self.name, self.kind, self.program, self.mpm, self.preload = name, kind, program, mpm, preload
        self.process = None
        self.port = 0
        self.dir = ""

    def version(self):
        """The first line that the program says about itself."""
        argument = "--version" if self.kind == "h2o" else "-v"
        out = subprocess.run([self.program, argument], capture_output=True, text=True, timeout=10)
        return (out.stdout + out.stderr).strip().splitlines()[0]

    def reads_htaccess(self):
        return self.kind in ("ours", "apache")

    def runs_cgi(self):
        return self.kind != "nginx" and self.kind != "h2o"

    def hup_is_graceful(self):
        """Whether a signal takes the configuration over without dropping a connection, and which."""
        return {"ours": signal.SIGUSR1, "apache": signal.SIGUSR1, "nginx": signal.SIGHUP}.get(self.kind)

    def _configure(self, files, extra):
        values = {"dir": self.dir, "port": self.port, "files": files, "cpus": os.cpu_count(),
                  "extra": extra.replace("{port}", str(self.port)), "limits": ""}
        if self.kind in ("ours", "apache"):
            open(f"{self.dir}/mime.types", "w").write("text/html html\nimage/png png\ntext/css css\n")
            loads = ""
            if self.kind == "apache":
                cgi = "cgi" if self.mpm == "prefork" else "cgid"
                names = [f"mpm_{self.mpm}"] + APACHE_MODULES + [cgi]
                loads = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in names)
            scripts = f'ScriptSock "{self.dir}/sock"\n' if self.kind == "apache" and self.mpm != "prefork" else ""
            text = loads + APACHE_CONF.format(**{**values, "user": _user("User {name}\nGroup {group}"),
                                                 "limits": LIMITS[self.mpm] + scripts})
            command = [self.program, "-d", self.dir, "-f", f"{self.dir}/conf", "-DFOREGROUND"]
        elif self.kind == "nginx":
            text = NGINX_CONF.format(**{**values, "user": _user("user {name};")})
            command = [self.program, "-p", self.dir, "-c", f"{self.dir}/conf", "-e", f"{self.dir}/error.log"]
        elif self.kind == "lighttpd":
            text = LIGHTTPD_CONF.format(**{**values, "user": _user('server.username = "{name}"')})
            command = [self.program, "-D", "-f", f"{self.dir}/conf"]
        else:
            text = H2O_CONF.format(**{**values, "user": _user("user: {name}")})
            command = [self.program, "-m", "worker", "-c", f"{self.dir}/conf"]
        open(f"{self.dir}/conf", "w").write(text)
        return command

    def start(self, folder, files, extra=""):
        """Starts the program; returns the seconds until it answered for the first time."""
        self.port = free_port()
        self.dir = os.path.join(folder, f"{self.name}-{self.port}")
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o755)
        if os.geteuid() == 0:
            # h2o and lighttpd open their logs after they gave up root.
            shutil.chown(self.dir, "www-data")
        command = self._configure(files, extra)
        out = open(f"{self.dir}/out", "wb")
        begun = time.perf_counter()
        environment = {**os.environ, **({"LD_PRELOAD": self.preload} if self.preload else {})}
        self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                                        env=environment)
        out.close()
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - begun > 20:
                self.stop()
                raise RuntimeError(f"{self.name} does not start: {self.words()}")
            time.sleep(0.0005)
        took = time.perf_counter() - begun
        # Until all processes are there.
        time.sleep(0.5)
        return took

    def words(self):
        """What it said, for the message of a failure."""
        said = ""
        for name in ("out", "error.log"):
            try:
                said += open(f"{self.dir}/{name}", errors="replace").read()[-1500:]
            except OSError:
                pass
        return said

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as conn:
                conn.sendall(b"GET /1k.html HTTP/1.0\r\n\r\n")
                return b"200" in conn.recv(64)
        except OSError:
            return False

    def pid(self):
        return self.process.pid

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self, wait=3):
        """Ends the tree: asks its first process, and after `wait` seconds kills the pids that were of it, one by one."""
        if self.process is None:
            return
        pids = procs.tree(self.process.pid) if self.process.poll() is None else set()
        self.process.terminate()
        try:
            self.process.wait(wait)
        except subprocess.TimeoutExpired:
            pass
        if self.process.poll() is None:
            for pid in pids & procs.tree(self.process.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()
        self.process = None


def with_allocators(server):
    """The same program once more with each allocator that is installed."""
    for name, library in ALLOCATORS.items():
        for place in glob.glob(f"/usr/lib/*/{library}") + glob.glob(f"/usr/lib*/{library}"):
            yield Server(f"{server.name}-{name}", server.kind, server.program, server.mpm, place)
            break


def find(ours):
    """Ours as `ours` ({mpm: path}) says, and the peers on PATH."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    servers = [Server(f"ours-{mpm}", "ours", program, mpm) for mpm, program in ours.items()]
    apache = shutil.which("apache2", path=path)
    for mpm in LIMITS:
        if apache and os.path.exists(f"{MODULES}/mod_mpm_{mpm}.so"):
            servers.append(Server(f"apache-{mpm}", "apache", apache, mpm))
    for name in ("nginx", "lighttpd", "h2o"):
        program = shutil.which(name, path=path)
        if program:
            servers.append(Server(name, name, program))
    return servers
