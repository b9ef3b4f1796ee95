#!/usr/bin/env python3
"""torch_times.py: the time that torch takes on the same GPU for the work that bench-gpu times.

Prints lines `work dtype rows microseconds` for bench-gpu --torch. Exits with 3 and prints why if
there is no torch with CUDA. Times are medians, measured with CUDA events around many calls.
"""
import sys

try:
    import torch
except ImportError:
    print("torch_times: python3 has no torch here", file=sys.stderr)
    sys.exit(3)
if not torch.cuda.is_available():
    print("torch_times: this torch finds no CUDA device", file=sys.stderr)
    sys.exit(3)

VOCAB, REPEATS, CALLS = 151936, 9, 20


def argmax(x):
    return torch.argmax(x, dim=-1)


def top_k(x):
    return torch.topk(x, 40, dim=-1)


def nucleus(x):
    """Top-p the usual way: sort, cumulative sum, mask, draw."""
    values, ids = torch.sort(x.float(), dim=-1, descending=True)
    probabilities = torch.softmax(values, dim=-1)
    cut = torch.cumsum(probabilities, dim=-1) - probabilities >= 0.95
    kept = torch.softmax(values.masked_fill(cut, float("-inf")), dim=-1)
    return torch.gather(ids, -1, torch.multinomial(kept, 1))


def flat(x):
    """The same on a flatter row."""
    return nucleus(x.float() / 3)


def fused(x):
    """Top-k on the sorted row, then the same."""
    values, ids = torch.sort(x.float(), dim=-1, descending=True)
    values[..., 40:] = float("-inf")
    probabilities = torch.softmax(values, dim=-1)
    cut = torch.cumsum(probabilities, dim=-1) - probabilities >= 0.95
    cut |= probabilities < 0.05 * probabilities[..., :1]
    kept = torch.softmax((values / 0.8).masked_fill(cut, float("-inf")), dim=-1)
    return torch.gather(ids, -1, torch.multinomial(kept, 1))


def softmax(x):
    return torch.softmax(x, dim=-1, dtype=torch.float32)


def microseconds(work, x):
    times = []
    for repeat in range(-1, REPEATS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(CALLS):
            work(x)
        end.record()
        end.synchronize()
        if repeat >= 0:
            times.append(begin.elapsed_time(end) * 1e3 / CALLS)
    return sorted(times)[REPEATS // 2]


WORKS = {"argmax": argmax, "top_k": top_k, "fused": fused, "top_p": nucleus, "flat_top_p": flat, "softmax": softmax}
torch.manual_seed(1)
for dtype_name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
    for rows in (1, 64, 256):
        x = (torch.randn(rows, VOCAB, device="cuda") * 5).to(dtype)
        for name, work in WORKS.items():
            print(name, dtype_name, rows, f"{microseconds(work, x):.3f}", flush=True)
