"""Attacks on what a program may touch: files, network, processes, the kernel, the harness."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.records import OutcomeStatus
from generators.sandbox.pool import JobResult

Runner = Callable[..., JobResult]


REPOSITORY = Path(__file__).resolve().parents[2]


OPEN_FILES = """
import os, stat
def pipes():
    found = []
    for fd in range(3, 4096):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                found.append(fd)
        except OSError:
            pass
    return found
"""


def errors(result: JobResult) -> list[str]:
    assert result.load.status is OutcomeStatus.OK, result.load
    return [outcome.error for outcome in result.steps]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/shadow",
        "/etc/hostname",
        "/proc/self/environ",
        "/proc/1/environ",
        "/proc/1/mem",
        "/proc/version",
        "/sys/kernel",
        "/var",
        "/home",
        "/usr/bin/env",
        "/usr/share",
        "/dev/shm",
        "/dev/tty",
        "/dev/vda",
        "/dev/mem",
        "/run",
        str(Path.home() / ".ssh"),
        str(Path.home() / ".bashrc"),
        str(REPOSITORY / "pyproject.toml"),
        str(REPOSITORY / ".git"),
        __file__,
        str(Path(sys.prefix) / "pyvenv.cfg"),
    ],
)
def test_private_files_are_not_there(run: Runner, path: str) -> None:
    result = run("import os", f"os.stat({path!r})", f"open({path!r}, 'rb').read(10)")
    assert errors(result) == ["FileNotFoundError"] * 2


def test_the_root_holds_only_libraries_and_python(run: Runner) -> None:
    found = run("import os", "os.listdir('/')").steps[0].value
    allowed = {"dev", "etc", "lib", "lib32", "lib64", "nix", "opt", "tmp", "usr"}
    assert found
    assert set(eval(found)) <= allowed | {Path(sys.base_prefix).parts[1]}


def test_no_name_of_the_user(run: Runner) -> None:
    """Secrets and the environment: ``test_secrets.py``."""
    code = "import os, sys"
    steps = [
        "dict(os.environ)",
        "os.getuid(), os.getgid(), os.getgroups()",
        "os.uname().nodename",
        "sys.argv",
    ]
    values = [outcome.value for outcome in run(code, *steps).steps]
    assert values[0] == "{}"
    assert values[1] == "(65534, 65534, [])" or str(values[1]).startswith("(65534, 65534, [65534")
    assert values[2:] == ["'sandbox'", "['solution']"]


@pytest.mark.parametrize(
    "path",
    ["/x", "/dev/x", "/etc/x", "/opt/inner/x", "/usr/lib/x", sys.base_prefix + "/x", os.__file__],
)
def test_nothing_but_tmp_can_be_written(run: Runner, path: str) -> None:
    code = f"import os\npath = {path!r}"
    steps = ("open(path, 'w')", "os.mkdir(path + 'd')", "os.chmod(os.path.dirname(path), 0o777)")
    assert set(errors(run(code, *steps))) <= {"OSError", "PermissionError"}


def test_tmp_cannot_be_left_by_links(run: Runner) -> None:
    code = "import os"
    result = run(code, "os.symlink('/', 'root')", "os.link(os.__file__, 'os')", "os.mkfifo('f')")
    assert "" not in errors(result)


def test_filling_tmp(run: Runner) -> None:
    code = (
        "import os\n"
        "def fill():\n"
        "    total = 0\n"
        "    for i in range(1000):\n"
        "        try:\n"
        "            with open(f'{i}', 'wb') as file:\n"
        "                total += file.write(b'x' * 500_000)\n"
        "        except OSError:\n"
        "            return total <= 4 << 20\n"
    )
    assert run(code, "fill()").steps[0].value == "True"


def test_one_big_file(run: Runner) -> None:
    result = run("", "open('big', 'wb').write(b'x' * (2 << 20))", "open('big', 'rb').seek(0, 2)")
    assert result.steps[0].error == "OSError"
    assert int(result.steps[1].value or 0) <= 1 << 20


def test_no_network(run: Runner, tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "def reach(family, kind, address):\n"
        "    with socket.socket(family, kind) as mine:\n"
        "        mine.connect(address)\n"
        "        mine.send(b'secret')\n"
    )
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        udp.bind(("127.0.0.1", 0))
        abstract.bind(f"\0probe-{os.getpid()}")
        named.bind(str(tmp_path / "socket"))
        for listener in (abstract, named):
            listener.listen()
        steps = [
            f"reach(socket.AF_INET, socket.SOCK_STREAM, {tcp.getsockname()!r})",
            f"reach(socket.AF_INET, socket.SOCK_DGRAM, {udp.getsockname()!r})",
            f"reach(socket.AF_UNIX, socket.SOCK_STREAM, {abstract.getsockname()!r})",
            f"reach(socket.AF_UNIX, socket.SOCK_STREAM, {named.getsockname()!r})",
            "socket.create_connection(('1.1.1.1', 53), 1)",
            "socket.getaddrinfo('example.org', 80)",
            "socket.socketpair()",
            "__import__('urllib.request').request.urlopen('http://127.0.0.1', timeout=1)",
        ]
        assert "" not in errors(run(code, *steps))
        udp.setblocking(False)
        with pytest.raises(BlockingIOError):
            udp.recv(10)


def test_only_its_own_descriptors(run: Runner) -> None:
    assert run(OPEN_FILES, "len(pipes())").steps[0].value == "2"  # outcomes and output


def test_the_harness_cannot_be_imported(run: Runner) -> None:
    code = "import sys\nsys.path.append('/opt/inner')"
    result = run("", "__import__('generators')", "__import__('probe')")
    assert errors(result) == ["ModuleNotFoundError"] * 2
    assert run(code, "open('/opt/inner/generators/x', 'w')").steps[0].error == "OSError"


def test_jobs_of_others_are_not_in_reach(run: Runner) -> None:
    """Neither the memory of process 1 nor its descriptors can be opened."""
    result = run(
        "import os",
        "os.listdir('/proc')",
        "os.open('/proc/1/fd/100', os.O_RDONLY)",
        "os.read(100, 10)",
        "os.write(101, b'x')",
    )
    assert errors(result)[:2] == ["FileNotFoundError"] * 2
    assert errors(result)[2:] == ["OSError"] * 2
