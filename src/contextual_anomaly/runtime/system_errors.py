"""What the system refuses, in the words of the person who can change it."""

import errno
import os

HINTS = {
    errno.ENOSPC: "no space left on the device. Free some and run again",
    errno.EDQUOT: "no space left on the device for this user (quota). Free some and run again",
    errno.EFBIG: "larger than a file may be here (see ulimit -f)",
    errno.EROFS: "the file system is read-only. Give a path elsewhere",
    errno.EACCES: "permission denied for this user",
    errno.EPERM: "not permitted to this user",
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a file is above it, where a folder was expected",
    errno.EEXIST: "a file is there, where a folder was expected",
    errno.EISDIR: "a folder is there, where a file was expected",
    errno.ELOOP: "its links lead in a circle",
    errno.ENAMETOOLONG: "the name is longer than this file system allows",
    errno.EMFILE: "too many open files (see ulimit -n)",
    errno.ENFILE: "the machine has too many open files",
    errno.ENOMEM: "not enough memory",
    errno.EIO: "the device reports an error of input or output",
    errno.ESTALE: "the network drive has lost the file. Run again",
    errno.EPIPE: "what was to read the output has ended",
}
"""What a number of an OSError means, and where it helps, what to do."""

MEMORY = (
    "insufficient memory",
    "failed to allocate",
    "failed to launch worker thread",
    "resource temporarily unavailable",
    "cannot allocate memory",
    "failed to map segment",
    "out of memory",
    "bad_alloc",
    "resource_exhausted",
    "can't start new thread",
)
"""How libraries say in an exception of their own that the system gives them no memory or no thread."""


def in_words(error: BaseException, path: str | os.PathLike | None = None) -> str:
    """Return one line for an error of the system, or "" if the error is not one, but a fault of the program.

    Args:
        error: any exception.
        path: what was being written or read, where the error itself names nothing.
    """
    if isinstance(error, MemoryError) or any(said in str(error).lower() for said in MEMORY):
        return "not enough memory, or threads, for this (see ulimit -v and ulimit -u, or the limits of the job)"
    if not isinstance(error, OSError) or error.errno is None:
        return ""
    if "No usable temporary directory" in str(error):
        return "no folder for temporary files can be written. Set TMPDIR to one that can."
    named = error.filename2 or error.filename or path
    where = f"{os.fsdecode(named)}: " if named is not None and not isinstance(named, int) else ""
    return f"{where}{HINTS.get(error.errno, error.strerror)}."
