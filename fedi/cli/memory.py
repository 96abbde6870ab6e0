"""How a process of the server holds its memory: what it does at the start so that it stays small.

Measured on a server with 200,000 received posts: without this its threads each have a heap of their own, and what one
request needed for a moment stays with the process.
"""

import ctypes
import gc
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of mallopt(3) in glibc."""
_LARGE = 128 << 10
_ARENAS = 2
_YOUNG = 5_000
"""New objects after which Python looks for cycles: 700, its default, is one batch of received activities."""


def prepare() -> None:
    """Have the C library share its heaps between threads and give back what is free. Where it is another one, nothing is done."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_ARENA_MAX, _ARENAS)
        # Said, they don't grow: or the first large answer makes all that are smaller part of the heap.
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_TRIM_THRESHOLD, _LARGE)


def settle() -> None:
    """What is there now stays for good: don't look at it again for what could be freed. Called once, after the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)
    give_back()


def give_back() -> None:
    """Give what is free in the middle of the heaps back to the system; some milliseconds of work. Called now and then."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):
            library.malloc_trim(0)
