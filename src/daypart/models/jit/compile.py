"""Compile kernels for explicit signatures, keep them on disk, and link them by symbol.

numba would make every kernel part of each of its callers and compile it again there. Here each is
compiled once, and its callers refer to it by a symbol of the process; `docs/explanation/kernels.md`
says how, and which internals of numba this needs. A kernel is compiled or loaded at its first call,
after the kernels that it calls. Kernels work on arrays that the caller owns, and allocate none.
"""

from __future__ import annotations

import dis
import fcntl
import gc
import hashlib
import inspect
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite.binding import add_symbol  # type: ignore[import-untyped]
from numba.core import caching, cgutils, dispatcher

from daypart.errors import DaypartError

Compiled = TypeVar("Compiled", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {
    "cache": True,
    "fastmath": {"reassoc", "contract", "nsz"},
    "error_model": "numpy",
    "nogil": True,
    "no_rewrites": True,  # of patterns that no kernel has: they take 5 % of compiling
}
_INTERNALS = (
    (caching, "IndexDataCacheFile"),
    (caching.FunctionCache, "load_overload"),
    (cgutils, "get_or_insert_function"),
    (cgutils, "if_unlikely"),
    (dispatcher.Dispatcher, "get_call_template"),
    (dispatcher.Dispatcher, "enable_caching"),
    (dispatcher.Dispatcher, "disable_compile"),
)
"""What the linking needs of numba beside its documented interface."""


def check_numba() -> None:
    """Raise where the installed numba lacks an internal function that kernels are linked with.

    Raises
    ------
    DaypartError
    """
    missing = [f"{owner.__name__}.{name}" for owner, name in _INTERNALS if not hasattr(owner, name)]
    if missing:
        raise DaypartError(
            f"numba {numba.__version__} has no {', '.join(missing)}, with which kernels are linked",
            hint="install a version that daypart allows: pip install 'numba>=0.68,<0.70'",
        )


check_numba()


def kernel(
    returns: Any,
    *arguments: Any,
    from_python: bool = False,
    inline: bool = False,
    allocates: bool = False,
) -> Callable[[Compiled], Compiled]:
    """Compile a function for one signature.

    Sums may be reordered (so that they use vector instructions), but infinities and NaN keep
    their meaning.

    Parameters
    ----------
    returns, *arguments : numba types
    from_python : bool
        True where Python calls it. Other kernels call what `linked` makes of it, or it becomes
        part of each.
    inline : bool
        True where it is to become part of every kernel that calls it.
    allocates : bool
        True where it makes arrays or raises errors. Others leave out reference counts, which
        are a third of their code.

    Returns
    -------
    callable
        The decorator.
    """

    def declare(function: Compiled) -> Compiled:
        compiled: Compiled = numba.njit(
            no_cpython_wrapper=not from_python, no_cfunc_wrapper=True, _nrt=allocates, **_OPTIONS
        )(function)
        _kernels[compiled] = _Kernel(compiled, returns(*arguments))
        return compiled if from_python or inline else linked(compiled)

    return declare


class _Kernel:
    """Has a function compiled for its one signature when it is first needed.

    Parameters
    ----------
    function : numba dispatcher
    signature : numba signature
    """

    def __init__(self, function: Any, signature: Any) -> None:
        self.function, self.signature = function, signature
        self.symbol = ".".join((function.py_func.__module__, function.py_func.__qualname__))
        self.ready = False
        # numba calls the first where it compiles a caller, the second where Python is the caller.
        function.get_call_template = self._template
        function._compile_for_args = self._call

    def compile(self) -> None:
        """Compile it after those that it calls, or load it from disk, once."""
        if self.ready:
            return
        with _one_thread, one_compiler(), _without_garbage_collection():
            if not self.ready:
                for each in _globals_of(self.function.py_func).values():
                    if isinstance(each, Hashable) and each in _kernels:
                        _kernels[each].compile()
                self._keep_by_content()
                self.function.compile(self.signature)
                self.function.disable_compile()
                found = self.function.overloads[self.signature.args]
                name = found.fndesc.llvm_func_name
                add_symbol(self.symbol, found.library.get_pointer_to_function(name))
                self.ready = True

    def content(self) -> str:
        """Return everything that decides the machine code: it is stale when this changes."""
        given = sorted(self.function.targetoptions.items(), key=str)
        options = [(name, sorted(each) if isinstance(each, set) else each) for name, each in given]
        declared = repr((self.symbol, self.signature, options))
        return "\n".join([declared, _content(self.function.py_func)])

    def _keep_by_content(self) -> None:
        """Have numba name the file on disk by the content, and remove those of older contents.

        numba would compare it with the time of the source file, after it has read types from it
        that may no longer exist.
        """
        cache = self.function._cache
        if not isinstance(cache, caching.FunctionCache):
            return  # numba is set to keep nothing
        folder, name = Path(cache.cache_path), self.symbol.removeprefix("daypart.models.")
        stamp = hashlib.sha256(self.content().encode()).hexdigest()
        kept = f"{name}-{stamp[:16]}"
        if not (folder / f"{kept}.nbi").exists():
            with suppress(OSError):
                for old in folder.glob(f"{name}-*.nb[ci]"):
                    old.unlink()
        cache._cache_file = caching.IndexDataCacheFile(
            cache_path=cache.cache_path, filename_base=kept, source_stamp=stamp
        )

    def _template(self, *arguments: Any) -> Any:
        self.compile()
        return type(self.function).get_call_template(self.function, *arguments)

    def _call(self, *arguments: Any, **named: Any) -> Any:
        # Another thread may have compiled it since numba found that it was not.
        self.compile()
        return self.function  # which numba then calls


_kernels: dict[Any, _Kernel] = {}
"""By what Python and other kernels call them."""
_one_thread = threading.RLock()


def _codes(function: Any) -> Iterator[CodeType]:
    """Yield a function's code, then those of the functions written inside it."""
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        yield code
        codes += [each for each in code.co_consts if isinstance(each, CodeType)]


def _globals_of(function: Any) -> dict[str, Any]:
    """Return the global objects that a function loads, by name, and kernels of its modules.

    Other attributes are not among them: a field may have the name of a kernel.
    """
    found: dict[str, Any] = {}
    for code in _codes(function):
        instructions = list(dis.get_instructions(code))
        for this, following in pairwise([*instructions, instructions[-1]]):
            name = this.argval
            if this.opname != "LOAD_GLOBAL" or name not in function.__globals__:
                continue
            each = found[name] = function.__globals__[name]
            if isinstance(each, ModuleType) and following.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                inside = getattr(each, following.argval, None)
                if isinstance(inside, Hashable) and inside in _kernels:
                    found[f"{name}.{following.argval}"] = inside
    return found


def _content(function: Any) -> str:
    """Return a function's instructions, less docstring and line numbers, and its globals."""
    parts = []
    for code in _codes(function):
        constants = [each for each in code.co_consts if not isinstance(each, CodeType)]
        if function.__doc__ in constants:
            constants.remove(function.__doc__)
        parts.append(repr((code.co_code, constants, code.co_names, code.co_varnames)))
    found = _globals_of(function)
    return "\n".join([*parts, *(f"{name} {_described(found[name])}" for name in sorted(found))])


def _described(found: Any) -> str:
    """Return what a caller's machine code takes from a global object."""
    if isinstance(found, Hashable) and found in _kernels:
        called = _kernels[found]
        # A kernel called by its symbol gives that and its signature; one that becomes part of its
        # callers gives all.
        if found is called.function:
            return called.content()
        return repr((called.symbol, called.signature))
    if isinstance(found, dispatcher.Dispatcher):
        return _content(found.py_func)
    if isinstance(found, ModuleType):
        constants = sorted(vars(found).items())
        return repr((found.__name__, [each for each in constants if type(each[1]) in (int, float)]))
    if isinstance(found, np.ndarray):
        return f"{found.dtype} {found.tolist()}"
    if isinstance(found, type) and hasattr(found, "_fields"):
        return f"{found.__qualname__} {found._fields}"
    if isinstance(found, (bool, int, float, str, tuple)):
        return repr(found)
    return str(getattr(found, "__name__", type(found)))


def linked(function: Any) -> Any:
    """Return what other kernels call a kernel by, as code that is not part of theirs.

    Parameters
    ----------
    function : kernel that Python calls

    Returns
    -------
    kernel that kernels call
    """
    found = _kernels[function]
    signature, symbol = found.signature, found.symbol

    def emit(context: Any, builder: Any, called_as: Any, values: Any) -> Any:
        kind = context.call_conv.get_function_type(signature.return_type, signature.args)
        callee = cgutils.get_or_insert_function(builder.module, kind, symbol)
        status, value = context.call_conv.call_function(
            builder, callee, signature.return_type, signature.args, values
        )
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return value

    def declare(context: Any, *arguments: Any) -> Any:
        return signature, emit

    parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_ONLY)]
    parameters += inspect.signature(function.py_func).parameters.values()
    declare.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    caller = numba.extending.intrinsic(declare)
    _kernels[caller] = found
    return caller


def compile_kernel(function: Any) -> None:
    """Compile a kernel and all that it calls, or load them from disk."""
    _kernels[function].compile()


def compile_every_kernel() -> None:
    """Compile the kernels of all modules imported so far, or load them from disk."""
    with one_compiler():
        for each in list(_kernels.values()):
            each.compile()


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Look for no unreachable objects: numba makes many objects, and keeps most of them."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


_locked_at = 0
"""How many `one_compiler` blocks this process is in."""


@contextmanager
def one_compiler(folder: Path = Path(__file__).parent) -> Iterator[None]:
    """Compile in this block while no other process does; the others then load the result.

    Parameters
    ----------
    folder : path
        Its `__pycache__` holds the lock.
    """
    global _locked_at
    lock = None
    if _locked_at == 0:
        with suppress(OSError):  # a folder that can't be written to is shared with nobody
            (folder / "__pycache__").mkdir(exist_ok=True)
            lock = (folder / "__pycache__" / "kernels.lock").open("a")
            fcntl.flock(lock, fcntl.LOCK_EX)
    _locked_at += 1
    try:
        yield
    finally:
        _locked_at -= 1
        if lock is not None:
            lock.close()
