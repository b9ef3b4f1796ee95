#!/usr/bin/env python3
"""What calls cost from Python, beside the same calls of the C library and PyTorch's own operations.

    bench.py LIBPLUCK.so [--json]     the package has to be importable (make bench-python)

The ways that are compared take turns in one process, and a figure is the median of all turns. C calls are made by
ctypes; what ctypes itself takes is measured by calls that the library refuses at once, and subtracted.
"""

import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "tests"), str(HERE.parent / "bench")]
if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
os.environ["PLUCK_SHARED_LIBRARY"] = sys.argv[1]

import clib  # noqa: E402
import numpy as np  # noqa: E402
import pluck  # noqa: E402

try:
    import torch
    import torch_rows
except ImportError:
    torch = None

N_ROWS, N_THREADS = 64, 2
DEFAULT = "seed=1"
# Their names in bench/torch_rows.py, and how many times faster a batch is at least.
CHAINS = {
    "top_k": ("top-k chain", "top_k=40;top_p=1;min_p=0;temp=0.8;seed=1", 8),
    "plain": ("plain draw", "samplers=;seed=1", 70),
    "top_p": ("top-p .95", "top_k=0;top_p=0.95;min_p=0;temp=1;seed=1", 300),
}


class BatchRow(ctypes.Structure):
    _fields_ = [
        ("sampler", ctypes.c_void_p),
        ("row", clib.Row),
        ("stride", ctypes.c_int64),
        ("accept", ctypes.c_bool),
        ("leave_out", ctypes.c_uint32),
        ("draft", ctypes.c_void_p),
    ]


class BatchConfig(ctypes.Structure):
    _fields_ = [
        ("n_vocab", ctypes.c_int32),
        ("max_rows", ctypes.c_int32),
        ("n_threads", ctypes.c_int32),
        ("others", ctypes.c_void_p * 5),
    ]


class BatchOut(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("statuses", "errors", "tokens", "verified", "draws")] + [
        ("others", ctypes.c_void_p * 16)
    ]


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown CPU"


def seconds(call, times):
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def turns(calls, rounds, times):
    """The median of each call's times in microseconds."""
    found = [[] for _ in calls]
    for _ in range(rounds):
        for call, list_ in zip(calls, found):
            list_.append(seconds(call, times))
    return [statistics.median(list_) * 1e6 for list_ in found]


def one_row(library, row, n_vocab):
    """What Sampler.sample takes above pluck_sample_row, on a row of NumPy and one of PyTorch."""
    direct = clib.Sampler(library, "temp=0", n_vocab)
    c_row, draw = ctypes.byref(clib.Row(logits=row.ctypes.data, skip_probability=True)), ctypes.byref(clib.Draw())
    call = library.pluck_sample_row
    sampler = pluck.Sampler("temp=0", n_vocab)
    calls = [lambda: call(direct.at, c_row, draw), lambda: call(None, c_row, draw), lambda: sampler.sample(row)]
    if torch:
        tensor = torch.from_numpy(row)
        calls.append(lambda: sampler.sample(tensor))
    calls.append(lambda: None)
    by_ctypes, refused, *ours, empty = turns(calls, 300, 50)
    return [us - empty - (by_ctypes - refused) for us in ours]


def c_batch(library, rows, spec):
    """A call that samples from all rows, and what it needs to live."""
    n, n_vocab = rows.shape
    samplers = [clib.Sampler(library, spec, n_vocab) for _ in range(n)]
    batch = ctypes.c_void_p()
    config = BatchConfig(n_vocab, n, N_THREADS)
    status = library.pluck_batch_create(ctypes.byref(batch), ctypes.byref(config), None)
    assert status == 0, status
    of_rows = (BatchRow * n)(*(BatchRow(s.at.value, clib.Row(logits=row.ctypes.data)) for s, row in zip(samplers, rows)))
    statuses, tokens, draws = (ctypes.c_int32 * n)(), (ctypes.c_int32 * n)(), (clib.Draw * n)()
    out = BatchOut(*(ctypes.cast(a, ctypes.c_void_p) for a in (statuses, None, tokens, None, draws)))
    kept = samplers, statuses, tokens, draws, of_rows

    def call():
        assert library.pluck_batch_sample(batch, of_rows, n, ctypes.byref(out), None) == 0
        return list(tokens)

    return call, kept


def python_batch(rows, spec):
    n, n_vocab = rows.shape
    samplers = [pluck.Sampler(spec, n_vocab) for _ in range(n)]
    batch = pluck.Batch(n_vocab, n, N_THREADS)
    return lambda: batch.sample(samplers, rows)


def import_ms():
    """What `import pluck` adds to the start of Python."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def start(source):
        subprocess.run([sys.executable, "-c", source], check=True, env=environment)

    start("import pluck")
    with_it, without = turns([lambda: start("import pluck"), lambda: start("pass")], 31, 1)
    return (with_it - without) / 1e3


def against_torch(rows):
    """For each chain: its name, times faster, promised times, microseconds a row of Pluck and of PyTorch."""
    torch.set_num_threads(N_THREADS)
    x = torch.from_numpy(rows)
    for work, (name, spec, promised) in CHAINS.items():
        by_torch, by_pluck = turns([lambda: torch_rows.WORKS[work](x), python_batch(rows, spec)], 9, 1)
        yield name, by_torch / by_pluck, promised, by_pluck / len(rows), by_torch / len(rows)


def measure(library, rows):
    """Figures: what, unit, value, and what is promised: "at most" or "at least" a number."""
    above = one_row(library, rows[0], rows.shape[1])
    for name, value, most in zip(("NumPy", "PyTorch"), above, (1.0, 1.5)):
        yield f"Sampler.sample above the C call, {name} float32", "us", value, "at most", most
    call, kept = c_batch(library, rows, DEFAULT)
    ours = python_batch(rows, DEFAULT)
    assert call() == list(ours().tokens)
    by_c, by_python = turns([call, ours], 61, 3)
    del kept
    yield f"batch of {N_ROWS}, default chain, {N_THREADS} threads, of the C batch", "x", by_c / by_python, "at least", 0.95
    for name, times, promised, us, torch_us in against_torch(rows) if torch else ():
        what = f"batch of {N_ROWS}, {name}, against PyTorch ({us:.1f} and {torch_us:.1f} us a row)"
        yield what, "x", times, "at least", promised
    yield "import pluck above Python's own start", "ms", import_ms(), "at most", 15


def main():
    rows = np.load(HERE.parent / "data" / "rows-kjv-152k.npy")
    rows = np.ascontiguousarray(np.tile(rows, (N_ROWS // len(rows), 1)))
    as_json = sys.argv[2:] == ["--json"]
    of_torch = f", PyTorch {torch.__version__}" if torch else ""
    where = (f"{cpu_name()}, {pluck.isa()}, Python {sys.version.split()[0]}, NumPy {np.__version__}{of_torch}, "
             f"V = {rows.shape[1]}")
    print(json.dumps({"where": where}) if as_json else where)
    for what, unit, value, bound, limit in measure(clib.load(), rows):
        if as_json:
            print(json.dumps({"what": what, "unit": unit, "value": round(value, 2), "bound": bound, "limit": limit}))
        else:
            print(f"{what:75} {value:8.2f} {unit}, {bound} {limit}")


if __name__ == "__main__":
    main()
