#!/usr/bin/env python3
"""torch_rows.py ROWS.npy N: PyTorch's part of bench-versus-torch: samples from N rows at once on the CPU.

The rows are those of the file, repeated. Reads lines `work threads` and answers each with the time of one call
on all rows, in microseconds. Exit status 3: there is no PyTorch.
"""
import sys
import time

try:
    import numpy
    import torch
except ImportError:
    sys.exit(3)


def top_k(x):
    """Top-k 40, temperature 0.8."""
    values, ids = torch.topk(x, 40, dim=-1)
    return ids.gather(-1, torch.multinomial(torch.softmax(values / 0.8, dim=-1), 1))


def plain(x):
    return torch.multinomial(torch.softmax(x, dim=-1), 1)


def top_p(x):
    """Top-p 0.95 the usual way: sort, cumulative sum, mask, draw."""
    values, ids = torch.sort(x, dim=-1, descending=True)
    probabilities = torch.softmax(values, dim=-1)
    behind = torch.cumsum(probabilities, dim=-1) - probabilities >= 0.95
    return ids.gather(-1, torch.multinomial(probabilities.masked_fill(behind, 0.0), 1))


WORKS = {"top_k": top_k, "plain": plain, "top_p": top_p}


def main():
    recorded = torch.from_numpy(numpy.load(sys.argv[1]))
    rows = int(sys.argv[2])
    x = recorded.repeat(-(-rows // len(recorded)), 1)[:rows].contiguous()
    torch.manual_seed(1)
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        work, threads = line.split()
        torch.set_num_threads(int(threads))
        start = time.perf_counter()
        WORKS[work](x)
        print((time.perf_counter() - start) * 1e6, flush=True)


if __name__ == "__main__":
    main()
