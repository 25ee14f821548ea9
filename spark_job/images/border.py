"""What a decoder's process may do behind its border: compute, and read its own libraries (decision 0005).

Linux only; elsewhere limits of time and memory are all there is. The process keeps its pipes and its memory.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from math import ceil
from pathlib import Path

import spark_job
from spark_job.contract.node import DECODING_MIB
from spark_job.contract.run_options import MEBIBYTE

# Beyond what the process holds at the border: an image's bytes, and what decoding and measuring it takes.
MEMORY_MIB = DECODING_MIB + 150
# Of the processor, in all: a process that is taken over does not compute for ever. An honest one that has
# used them up is replaced like one that crashed.
PROCESSOR_SECONDS = 600
OPEN_FILES = 32

# name of the system call, its number on x86-64 and on aarch64 (-: it has none); what is not here fails.
# fcntl and ioctl are not: both make the kernel send signals to other processes.
_CALLS = """
read 0 63, write 1 64, close 3 57, lseek 8 62, pread64 17 67, dup3 292 24,
open 2 -, openat 257 56, stat 4 -, lstat 6 -, fstat 5 80, newfstatat 262 79, statx 332 291, access 21 -,
faccessat 269 48, faccessat2 439 439, readlink 89 -, readlinkat 267 78, getdents64 217 61, getcwd 79 17,
mmap 9 222, munmap 11 215, mremap 25 216, mprotect 10 226, brk 12 214, madvise 28 233,
futex 202 98, set_robust_list 273 99, rseq 334 293, sched_yield 24 124, sched_getaffinity 204 123,
exit 60 93, exit_group 231 94, restart_syscall 219 128,
rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, sigaltstack 131 132,
clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115, nanosleep 35 101, gettimeofday 96 169,
time 201 -, times 100 153, getrusage 98 165, sysinfo 99 179, getrandom 318 278, getpid 39 172, gettid 186 178
"""
# of linux/audit.h: AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64; then clone, clone3, seccomp
_MACHINES = {"x86_64": (0, 0xC000003E, 56, 435, 317), "aarch64": (1, 0xC00000B7, 220, 435, 277)}

_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000  # SECCOMP_RET_: ALLOW, KILL_PROCESS, ERRNO
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # BPF: LD|W|ABS, JMP|JEQ|K, JMP|JSET|K, RET|K
_CLONE_THREAD = 0x00010000
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3  # LANDLOCK_ACCESS_FS_
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
_libc = ctypes.CDLL(None, use_errno=True)


def lacking() -> str:
    """Return what this machine does not have of the border, as a sentence; empty: it has all of it."""
    if not has_filters():
        return "this system has no seccomp filters: a decoder that is taken over can do what this user can"
    if _landlock_version() < 1:
        return "this kernel has no Landlock: a decoder that is taken over can read files of this user"
    return ""


def enter(max_seconds: float) -> None:
    """Go behind the border, for good; the process must have one thread. OSError: the kernel refuses it."""
    limits = {
        resource.RLIMIT_CPU: PROCESSOR_SECONDS + ceil(max_seconds),
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    if sys.platform == "linux":
        held = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        limits[resource.RLIMIT_DATA] = held + MEMORY_MIB * MEBIBYTE
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))
    if sys.platform == "linux":
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            raise OSError("the decoder's process has threads already, which would stay outside of the border")
        _check(_libc.prctl(38, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
        if _landlock_version() > 0:
            _read_libraries_only()
        if has_filters():
            program = ctypes.create_string_buffer(filter_program(platform.machine()))
            header = struct.pack("HP", len(program) // 8, ctypes.addressof(program))
            call = _MACHINES[platform.machine()][-1]
            _check(_libc.syscall(call, 1, 0, header), "seccomp")  # SECCOMP_SET_MODE_FILTER


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def has_filters() -> bool:
    """Return whether the kernel filters system calls, on a machine whose numbers are known."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return False
    action = struct.pack("I", _FAIL)
    available: int = _libc.syscall(_MACHINES[platform.machine()][-1], 2, 0, action)  # GET_ACTION_AVAIL
    return available == 0


def _landlock_version() -> int:
    if sys.platform != "linux":
        return 0
    version: int = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    return version


def _read_libraries_only() -> None:
    """Restrict this thread, and those it starts: https://docs.kernel.org/userspace-api/landlock.html."""
    version = _landlock_version()
    rights = 13 + sum(version >= newer for newer in (2, 3, 5))  # the kinds of access to files that it knows
    handled = struct.pack("Q", (1 << rights) - 1)
    rules = _check(_libc.syscall(_LANDLOCK_CREATE, handled, ctypes.c_size_t(8), 0), "landlock_create_ruleset")
    job = Path(spark_job.__file__).parent  # where code lies; not all of sys.path, which has work and secrets
    while not job.exists():  # in a zip file
        job = job.parent
    installed = [Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    libraries = [job, Path(os.__file__).parent, *installed, *map(Path, _SYSTEM_LIBRARIES)]
    for path in filter(Path.exists, libraries):
        opened = os.open(path, os.O_PATH)
        allowed = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
        rule = struct.pack("=Qi", allowed, opened)
        _check(_libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0), f"landlock_add_rule {path}")
        os.close(opened)
    _check(_libc.syscall(_LANDLOCK_RESTRICT, rules, 0), "landlock_restrict_self")
    os.close(rules)


def filter_program(machine: str) -> bytes:
    """Return the seccomp program of a machine, struct sock_filter[]: `_CALLS` pass, and `clone` for a thread.

    clone3 does not exist in it, so that the C library takes `clone`, whose flags can be seen.
    """
    column, architecture, clone, clone3, _ = _MACHINES[machine]
    numbers = [call.split()[1 + column] for call in _CALLS.replace("\n", " ").split(",")]
    allowed = [(_EQUAL, 0, 1, int(number)) for number in numbers if number != "-"]
    steps = [
        *[(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)],
        *[step for call in allowed for step in (call, (_RETURN, 0, 0, _ALLOW))],
        *[(_EQUAL, 0, 1, clone3), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)],
        *[(_EQUAL, 0, 3, clone), (_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, _CLONE_THREAD), (_RETURN, 0, 0, _ALLOW)],
        (_RETURN, 0, 0, _FAIL | errno.EPERM),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
