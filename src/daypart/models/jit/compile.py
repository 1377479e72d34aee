"""How every kernel of this room is compiled, and the two loops that all of them share.

Kernels are compiled by numba for explicit signatures and kept on disk. Each is loaded when it is
first called and no sooner, after those that it calls in turn;
`compile_kernels` compiles those of a fit, or all. They work in float64 on
C-contiguous arrays that the caller owns: nothing is allocated inside a fit.
"""

from __future__ import annotations

import fcntl
import gc
import inspect
import math
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite.binding import add_symbol  # type: ignore[import-untyped]
from numba.core.cgutils import get_or_insert_function, if_unlikely
from numba.core.dispatcher import Dispatcher
from numba.core.targetconfig import TargetConfig
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.storage.files import atomic_path

FloatVector = NDArray[np.float64]
FloatMatrix = NDArray[np.float64]
FloatCube = NDArray[np.float64]
IntVector = NDArray[np.int64]
IntMatrix = NDArray[np.int64]

F1 = numba.types.Array(numba.float64, 1, "C")
F2 = numba.types.Array(numba.float64, 2, "C")
F3 = numba.types.Array(numba.float64, 3, "C")
I1 = numba.types.Array(numba.int64, 1, "C")
I2 = numba.types.Array(numba.int64, 2, "C")


unsigned = np.uint64
"""An index that can't be negative: without a check for counting from the end of an array in its
every access, a loop uses vector instructions."""


def forget_stale_kernels(folder: Path) -> None:
    """Remove compiled kernels that any change of a source file in a folder may have made stale.

    numba compares a kernel with its own file only, not with those of the kernels that it calls.

    Parameters
    ----------
    folder : path
        Holds the sources; its `__pycache__` holds what numba compiled, and the sources' stamp.
    """
    sources = sorted((path.name, path.stat()) for path in folder.rglob("*.py"))
    stamp = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in sources)
    cache = folder / "__pycache__"
    record = cache / "kernels.stamp"
    try:
        if record.exists() and record.read_text(encoding="utf-8") == stamp:
            return
        for compiled in [*folder.rglob("__pycache__/*.nbi"), *folder.rglob("__pycache__/*.nbc")]:
            compiled.unlink(missing_ok=True)
        cache.mkdir(exist_ok=True)
        with atomic_path(record) as temporary:
            temporary.write_text(stamp, encoding="utf-8")
    except (OSError, DaypartError):  # a folder that can't be written to holds no cache either
        return


_locked_at = 0
"""How many `one_compiler` blocks this process is in."""


@contextmanager
def one_compiler(folder: Path = Path(__file__).parents[1]) -> Iterator[None]:
    """Compile in this block while no other process does; what it compiled, the others then load.

    Two processes that compile the same kernels at once may each end with a mixture of their own
    and the other's, whose last bits differ: sums are reordered by what is inlined where.

    Parameters
    ----------
    folder : path
        Holds the sources; its `__pycache__` holds the lock.
    """
    global _locked_at
    lock = None
    if _locked_at == 0:
        with suppress(OSError):  # a folder that can't be written to is shared with nobody
            (folder / "__pycache__").mkdir(exist_ok=True)
            lock = (folder / "__pycache__" / "kernels.lock").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
    _locked_at += 1
    try:
        yield
    finally:
        _locked_at -= 1
        if lock is not None:
            lock.close()


with one_compiler():
    forget_stale_kernels(Path(__file__).parents[1])

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


_OPTIONS: dict[str, Any] = {
    "cache": True,
    "fastmath": {"reassoc", "contract", "nsz"},
    "error_model": "numpy",
    "nogil": True,
    "no_rewrites": True,  # of patterns that no kernel has: they take 5 % of compiling
}


def inlined(function: Compiled) -> Compiled:
    """Compile a large function of one caller together with it, which spares doing it twice.

    Python may call it, too, after the kernels that it calls are compiled.
    """
    dispatcher: Any = numba.njit(inline="always", _nrt=False, **_OPTIONS)(function)
    compile_for_arguments = dispatcher._compile_for_args

    def compile_after_callees(*arguments: Any, **named: Any) -> Any:
        for each in _kernels_in(function):
            each.compile()
        return compile_for_arguments(*arguments, **named)

    dispatcher._compile_for_args = compile_after_callees
    compiled: Compiled = dispatcher
    return compiled


def kernel(
    returns: Any,
    *arguments: Any,
    door: bool = False,
    small: bool = False,
    allocates: bool = False,
) -> Callable[[Compiled], Compiled]:
    """Compile a function for one signature.

    Sums may be reordered (so that they use vector instructions), but infinities and NaN keep
    their meaning.

    Parameters
    ----------
    returns, *arguments : numba types
    door : bool
        True where Python calls it (other kernels call what `called` makes of it, or it becomes
        part of each).
    small : bool
        True where it is to become part of every kernel that calls it. Others are compiled once
        and called: numba would make them part of each caller, all the way up, and optimise
        them anew in each.
    allocates : bool
        True where it makes arrays or raises errors. Others leave out counting who holds what
        array, which is a third of their code.
    """

    def declared(function: Compiled) -> Compiled:
        dispatcher: Compiled = numba.njit(
            no_cpython_wrapper=not door, no_cfunc_wrapper=True, _nrt=allocates, **_OPTIONS
        )(function)
        _kernels[dispatcher] = _Kernel(dispatcher, returns(*arguments))
        return dispatcher if door or small else called(dispatcher)

    return declared


class _Kernel:
    """Has a function compiled for its one signature when it is first needed.

    Parameters
    ----------
    dispatcher : numba dispatcher
    signature : numba signature
    """

    def __init__(self, dispatcher: Any, signature: Any) -> None:
        self.dispatcher, self.signature = dispatcher, signature
        self.symbol = ".".join((dispatcher.py_func.__module__, dispatcher.py_func.__qualname__))
        self.ready = False
        # What numba asks a dispatcher for first: where another kernel is compiled that calls it,
        # and where Python calls it.
        dispatcher.get_call_template = self._template
        dispatcher._compile_for_args = self._call

    def compile(self) -> None:
        """Compile it after those that it calls, or load it from disk, once."""
        if self.ready:
            return
        with _one_thread, one_compiler(), _hastened():
            if not self.ready:
                for each in _kernels_in(self.dispatcher.py_func):
                    each.compile()
                self.dispatcher.compile(self.signature)
                self.dispatcher.disable_compile()
                found = self.dispatcher.overloads[self.signature.args]
                name = found.fndesc.llvm_func_name
                add_symbol(self.symbol, found.library.get_pointer_to_function(name))
                self.ready = True

    def _template(self, *arguments: Any) -> Any:
        self.compile()
        return type(self.dispatcher).get_call_template(self.dispatcher, *arguments)

    def _call(self, *arguments: Any, **named: Any) -> Any:
        # Another thread may have compiled it since numba found that it was not.
        self.compile()
        return self.dispatcher  # which numba then calls


@contextmanager
def _hastened() -> Iterator[None]:
    """Let Python and numba leave out what takes time and decides nothing.

    Python looks for no cycles: numba makes many objects, and keeps most of them. And numba, which
    looks its flags up for every function that it meets, finds them equal by those that are set
    before it compares all (a twentieth of compiling); their hash is that of their names.
    """
    paused = gc.isenabled()
    gc.disable()
    equal, hashed = TargetConfig.__eq__, TargetConfig.__hash__
    names: dict[Any, int] = {}

    def equal_by_those_set(one: Any, other: Any) -> Any:
        if isinstance(other, TargetConfig) and one._values == other._values:
            return True
        return equal(one, other)

    def hash_of_names(flags: Any) -> int:
        if type(flags) not in names:
            names[type(flags)] = hashed(flags)
        return names[type(flags)]

    TargetConfig.__eq__, TargetConfig.__hash__ = equal_by_those_set, hash_of_names
    try:
        yield
    finally:
        TargetConfig.__eq__, TargetConfig.__hash__ = equal, hashed
        if paused:
            gc.enable()


_kernels: dict[Any, _Kernel] = {}
"""By what Python and other kernels call them."""
_one_thread = threading.RLock()


def _kernels_in(function: Any) -> Iterator[_Kernel]:
    """Find the kernels that a function calls, in what is inlined in it, too."""
    for name in function.__code__.co_names:
        found = function.__globals__.get(name)
        if isinstance(found, Hashable) and found in _kernels:
            yield _kernels[found]
        elif isinstance(found, Dispatcher):
            yield from _kernels_in(found.py_func)


def called(dispatcher: Any) -> Any:
    """Return what other kernels call a kernel by, as code that is not part of theirs."""
    found = _kernels[dispatcher]
    signature, symbol = found.signature, found.symbol

    def emit(context: Any, builder: Any, called_as: Any, values: Any) -> Any:
        kind = context.call_conv.get_function_type(signature.return_type, signature.args)
        callee = get_or_insert_function(builder.module, kind, symbol)
        status, value = context.call_conv.call_function(
            builder, callee, signature.return_type, signature.args, values
        )
        with if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return value

    def declare(context: Any, *arguments: Any) -> Any:
        return signature, emit

    parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_ONLY)]
    parameters += inspect.signature(dispatcher.py_func).parameters.values()
    declare.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    caller = numba.extending.intrinsic(declare)
    _kernels[caller] = found
    return caller


def compile_kernel(dispatcher: Any) -> None:
    """Compile a kernel and all that it calls, or load them from disk."""
    _kernels[dispatcher].compile()


def compile_every_kernel() -> None:
    """Compile the kernels of all modules imported so far, or load them from disk."""
    with one_compiler():
        for each in list(_kernels.values()):
            each.compile()


@kernel(numba.void, F1, F1, numba.int64, door=True)
def log_of(values: FloatVector, out: FloatVector, count: int) -> None:
    """Write the natural logarithms of positive normal numbers, eight at a time.

    The mantissa is brought into [sqrt(1/2), sqrt(2)) and its logarithm taken as
    2 artanh((m - 1) / (m + 1)), whose series is cut below the last digit of a float64.
    """
    bits = values.view(np.int64)
    for i in range(count):
        exponent = (bits[i] >> 52) - 1023
        out[i] = float(exponent)
    mantissa = out.view(np.int64)
    for i in range(count):
        exponent_value = out[i]
        mantissa[i] = (bits[i] & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000
        m = out[i]
        large = m > 1.4142135623730951
        m = m * 0.5 if large else m
        e = exponent_value + (1.0 if large else 0.0)
        s = (m - 1.0) / (m + 1.0)
        z = s * s
        series = 1.0 / 21.0
        series = series * z + 1.0 / 19.0
        series = series * z + 1.0 / 17.0
        series = series * z + 1.0 / 15.0
        series = series * z + 1.0 / 13.0
        series = series * z + 1.0 / 11.0
        series = series * z + 1.0 / 9.0
        series = series * z + 1.0 / 7.0
        series = series * z + 1.0 / 5.0
        series = series * z + 1.0 / 3.0
        out[i] = e * 0.6931471805599453 + 2.0 * s * (1.0 + z * series)


@kernel(numba.void, F1, F1, numba.int64, door=True)
def exp_of(values: FloatVector, out: FloatVector, count: int) -> None:
    """Write the exponentials of numbers from -700 to 700 (nearer ones than those beyond).

    With n the whole number next to x / log 2, exp(x) is 2^n times the series of exp(x - n log 2),
    cut below the last digit of a float64; 2^n is written into the exponent's bits.
    """
    power = out.view(np.int64)
    for i in range(unsigned(count)):
        x = min(max(values[i], -700.0), 700.0)
        n = math.floor(x * 1.4426950408889634 + 0.5)
        power[i] = (int(n) + 1023) << 52
    for i in range(unsigned(count)):
        x = min(max(values[i], -700.0), 700.0)
        n = math.floor(x * 1.4426950408889634 + 0.5)
        y = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
        series = 1.0 / 6227020800.0
        series = series * y + 1.0 / 479001600.0
        series = series * y + 1.0 / 39916800.0
        series = series * y + 1.0 / 3628800.0
        series = series * y + 1.0 / 362880.0
        series = series * y + 1.0 / 40320.0
        series = series * y + 1.0 / 5040.0
        series = series * y + 1.0 / 720.0
        series = series * y + 1.0 / 120.0
        series = series * y + 1.0 / 24.0
        series = series * y + 1.0 / 6.0
        series = series * y + 0.5
        out[i] = out[i] * (1.0 + y + y * y * series)
