"""A verb under a limit of memory: libraries in C end the process where they get none, so another one watches it."""

import os
import select
import signal
import sys
from collections.abc import Callable

from bayes_scaling.cli.answer import BAD_INPUT, say

NEEDS = "a fit takes about 3 GB of addresses before it has read a table"

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def memory_limit() -> int | None:
    """The bytes that this process may ask for (`ulimit -v`, `ulimit -d`); None: no limit, or no Unix."""
    try:
        import resource
    except ImportError:
        return None
    limits = [resource.getrlimit(which)[0] for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


def watched(verb: Callable[[], int], limit: int) -> int:
    """The exit code of a verb that is run by a process of its own; a sentence where that ended before it had one."""
    ours, theirs = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until they can be handed on
    child = os.fork()
    if not child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _run(verb, theirs)
    os.close(theirs)
    for number in SIGNALS:
        signal.signal(number, lambda got, _: os.kill(child, got))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    # A signal that comes just before a read begins would be handed on when it ends: a look each second does not wait.
    while not select.select([ours], [], [], 1.0)[0]:
        pass
    code = os.read(ours, 1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        return code[0]
    if -ended in SIGNALS:
        return 128 - ended
    say(
        f"it ended in the middle, under a limit of memory of {limit / 1e9:.1f} GB (ulimit -v): {NEEDS}, and more for "
        "a large one; raise the limit. No file is half written",
        "error",
        "red",
    )
    return BAD_INPUT


def _run(verb: Callable[[], int], pipe: int) -> None:
    """Runs it to its end, says its code to who waits, and ends this process."""
    try:
        code = verb()
        sys.stdout.flush()
        os.write(pipe, bytes([code]))
    except BaseException as error:  # MemoryError, or what a library makes of having none
        say(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    finally:
        os._exit(BAD_INPUT)
