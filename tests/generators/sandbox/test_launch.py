"""What is visible inside, and that the inner files stand on their own."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import generators
from generators.sandbox import launch

PACKAGE = Path(generators.__file__).parent
ROOT = PACKAGE.parent


@pytest.fixture
def command(isolation: None) -> list[str]:
    """The sandbox's command line, without the program to start."""
    binary = launch.bubblewrap_path()
    assert binary
    argv = launch.bubblewrap_argv(binary, variant=0, tmp_bytes=1 << 20)
    return argv[: argv.index("--")]


def python_in(command: list[str], code: str) -> subprocess.CompletedProcess[str]:
    inner = [sys.base_prefix + f"/bin/python3.{sys.version_info.minor}", "-S", "-c", code]
    return subprocess.run([*command, *inner], capture_output=True, text=True, check=False)


def test_inner_files_import_only_the_standard_library_and_each_other() -> None:
    inside = {f"generators.{name[:-3].replace('/', '.')}" for name in launch.INNER_FILES}
    for name in launch.INNER_FILES:
        for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in names:
                known = module.partition(".")[0] in sys.stdlib_module_names
                assert known or module in inside | {"generators.sandbox"}, (name, module)


def test_nothing_of_the_user_is_bound(command: list[str]) -> None:
    sources = [
        Path(command[i + 1])
        for i, word in enumerate(command)
        if word in ("--ro-bind", "--ro-bind-try", "--bind", "--dev-bind", "--dev-bind-try")
    ]
    private = (Path.home(), ROOT, Path(sys.prefix), Path("/proc"), Path("/tmp"), Path("/etc"))
    for source in sources:
        for folder in private:
            if folder != Path(sys.base_prefix):
                assert not folder.is_relative_to(source), f"{source} shows {folder}"
    bound = {str(source) for source in sources if source.is_relative_to(ROOT)}
    assert bound == {str(PACKAGE / name) for name in launch.INNER_FILES}


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local", "/opt/python"])
def test_a_python_of_the_system_does_not_open_its_folder(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``/usr`` holds the machine's programs as well."""
    monkeypatch.setattr(sys, "base_prefix", prefix)
    argv = launch.bubblewrap_argv("bwrap", variant=0, tmp_bytes=1 << 20)
    bound = {argv[i + 1] for i, word in enumerate(argv) if word == "--ro-bind"}
    assert not bound & {prefix, "/usr", f"{prefix}/bin", f"{prefix}/share"}
    assert f"{prefix}/lib" in bound


def test_links_stay_links(command: list[str]) -> None:
    for name in ("/lib", "/lib64"):
        if Path(name).is_symlink():
            at = command.index(name)
            assert command[at - 2 : at] == ["--symlink", str(Path(name).readlink())]


# The walls below hold without the system-call filter, which is only in the programs' processes.


def test_namespaces_alone_cut_the_network(command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        done = python_in(command, f"import socket; socket.create_connection({address!r}, 1)")
    assert "ConnectionRefused" in done.stderr or "unreachable" in done.stderr


def test_mounts_alone_keep_the_system_unwritten(command: list[str]) -> None:
    code = (
        "import os\n"
        "for folder in ('/', '/dev', '/etc', '/opt', '/usr/lib', %r):\n"
        "    try:\n"
        "        open(folder + '/probe-was-here', 'w')\n"
        "        print('wrote', folder)\n"
        "    except OSError:\n"
        "        pass\n"
        "print(os.getuid(), len(os.environ))\n"
    )
    done = python_in(command, code % sys.base_prefix)
    assert done.stdout.startswith("65534 "), done
    assert (
        int(done.stdout.split()[1]) <= 4
    )  # the hash seed, the linker's, the working folder, the locale


def test_no_capability_is_left(command: list[str]) -> None:
    code = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print([libc.mount(b'x', b'/tmp', b'tmpfs', 0, None), libc.sethostname(b'x', 1)])\n"
    )
    assert python_in(command, code).stdout.strip() == "[-1, -1]"
