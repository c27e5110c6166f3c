"""A training that is ended from outside: at once by a person, after the step by a cluster."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.pytorch.utilities.exceptions import SIGTERMException

__all__ = ["endings_said"]

_ENDED = 128 + 15  # the exit code of a program ended by SIGTERM


@contextmanager
def endings_said() -> Iterator[None]:
    """Let Lightning end after a step on SIGTERM, and pass Ctrl-C on; both it turns to an exit.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, for the command line to say so.
    SystemExit
        With code 143 on SIGTERM, when the step is done and its checkpoint written.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the program's own would end within a step
    try:
        yield
    except SIGTERMException:
        raise SystemExit(_ENDED) from None
    except SystemExit as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in handlers.items():
            if handler is not None:  # None: set by no Python program
                signal.signal(number, handler)
