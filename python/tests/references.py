"""What calls and errors leave behind, in a debug build of Python: it counts all references, and they must not grow.

Only arrays of the standard library are used: NumPy is not built for debugging, and what it takes is not counted.
"""

import copy
import ctypes
import gc
import pickle
import sys
from array import array

import pluck

N = 8
ROW = array("f", [1.2, 0.3, 4.1, 3.8, -2.0, 2.9, 0.0, 3.5])
MASK = bytes([0xFE])
SPEC = "temp=0.8;top_p=0.9;repeat_penalty=1.1;dry_multiplier=0.8;xtc_probability=0.5;seed=1"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def refused(call, *args, **keywords):
    try:
        call(*args, **keywords)
    except (TypeError, ValueError, OverflowError, BufferError, RuntimeError, KeyError):
        return
    raise SystemExit(f"{call} takes {args} {keywords}")


class Stage:
    """A stage of one's own, with all that it can have."""

    def apply(self, view):
        view.logits[0] += 1

    def accept(self, token):
        if token == 7:
            raise KeyError(token)

    def rewind(self, n):
        pass

    def clone(self):
        return Stage()


@check
def samplers():
    chain = [pluck.LogitBias({1: 2.0}), pluck.BadWords([[1, 2], 3]), pluck.Penalties(repeat=1.1), pluck.TopK(5),
             Stage(), pluck.Custom(lambda view: None), pluck.Dist()]
    workspace = pluck.Workspace(N)
    for sampler in (pluck.Sampler(SPEC, N), pluck.Sampler(chain, N, seed=1, max_rewind=4, workspace=workspace)):
        sampler.accept_prompt([1, 2])
        for keywords in ({}, {"mask": MASK}, {"mask": array("i", [255])}):
            sampler.sample(ROW, **keywords)
            sampler.draw(memoryview(ROW), **keywords)
            sampler.candidates(ROW, **keywords)
            sampler.candidates()
        sampler.candidates(ROW[:3], ids=array("q", [5, 4, 1]))
        sampler.accept([1, 2, 3])
        twin = copy.copy(sampler)
        twin.load(sampler.save())
        repr(sampler), sampler.stages, sampler.seed, sampler.rng, sampler.workspace, sampler.state_size
        sampler.reset()
    sampler = pluck.Sampler([Stage(), pluck.Dist()], N, max_rewind=4)
    sampler.accept([1, 2])
    sampler.rewind(2)
    sampler = pickle.loads(pickle.dumps(pluck.Sampler(SPEC, N, max_rewind=4)))
    sampler.verify([1, 2], [ROW] * 3)
    sampler.verify([1], [ROW] * 2, way="rejection", proposals=[(array("i", [1, 2]), array("f", [0.5, 0.5]))], mask=MASK)
    pluck.top_logprobs(ROW, 3, token=2, mask=MASK)
    sampler = pluck.Sampler([pluck.Guidance(2.0), pluck.Dist()], N)
    sampler.sample(ROW, second=array("f", ROW))
    sampler.candidates()
    for second in (None, 3, ROW[:7], array("d", ROW)):
        refused(sampler.sample, ROW, second=second)


@check
def refused_calls():
    for arguments in (("nonsense=1", N), ("top_p=2", N), ("", 0), ([3], N), ([pluck.TopK("x")], N), ([pluck.Custom(3)], N),
                      ([pluck.LogitBias([(9, 1.0)])], N), (3, N), ("", "x")):
        refused(pluck.Sampler, *arguments)
    refused(pluck.Sampler, "", N, seed=2**40)
    refused(pluck.Sampler, "", N, workspace=pluck.Workspace(4))
    sampler = pluck.Sampler(SPEC, N)
    for row in (None, 3, "text", [1.0], ROW[:7], array("d", ROW), memoryview(ROW)[::-1], memoryview(bytes(32)).cast("b", (4, 8))):
        refused(sampler.sample, row)
    for keywords in ({"mask": ROW}, {"mask": bytes(1)}, {"mask": b""}, {"ids": ROW}, {"ids": array("i", [1])}, {"dtype": "x"},
                     {"nonsense": 1}, {"descending": True}):
        refused(sampler.sample, ROW, **keywords)
    for call, argument in ((sampler.accept, 8), (sampler.accept, [1, "x"]), (sampler.rewind, 1), (sampler.load, b"x"),
                           (sampler.load, 1), (sampler.seek, 1), (sampler.candidates, 3)):
        refused(call, argument)
    for arguments in (([8], [ROW] * 2), ([1], [ROW]), ([1], 3), (["x"], [ROW] * 2)):
        refused(sampler.verify, *arguments)
    refused(sampler.verify, [1], [ROW] * 2, way="rejection", proposals=[(array("i", [1]), 3)])
    refused(pluck.top_logprobs, ROW, 9)

    def raises(view):
        raise KeyError("a stage")

    def spoils(view):
        view.logits = array("f", [1.0])

    for stage in (raises, spoils):
        refused(pluck.Sampler([stage, pluck.Greedy()], N).sample, ROW)
    refused(pluck.Sampler([Stage(), pluck.Greedy()], N).accept, 7)


@check
def batches():
    batch = pluck.Batch(N, 3, 2)
    samplers = [pluck.Sampler(SPEC, N), pluck.Sampler([Stage(), pluck.Dist()], N), pluck.Sampler("temp=0", N)]
    batch.sample(samplers, [ROW] * 3, mask=[None, MASK, None], max_kept=N, raw_logprobs=2, logprobs=2)
    matrix = memoryview(array("f", list(ROW) * 3)).cast("B").cast("f", (3, N))
    batch.sample(samplers[::2], matrix[:2], accept=True)
    refused(batch.sample, samplers, [ROW] * 2)
    refused(batch.sample, samplers, [ROW, 3, ROW])
    refused(batch.sample, [samplers[0]] * 2, [ROW] * 2)
    refused(batch.sample, samplers, [ROW, array("f", [float("nan")] * N), ROW])
    refused(pluck.Batch, N, 0)


@check
def banned():
    texts = ["a", b"bc", "d", "\ud800"]
    for pieces in (texts, texts.__getitem__):
        it = pluck.Banned(["abcd", "bb"], pieces, 4)
        for token in (0, 1, 2, 0):
            it.accept(token)
        it.mask(), it.mask(MASK), it.tokens, it.strings
        twin = it.clone()
        twin.load(it.save())
        it.rewind(1)
        refused(it.rewind, 5)
        refused(it.accept, 3)
        refused(it.accept, 4)
        refused(it.load, b"")
        it.reset()
    pickle.loads(pickle.dumps(pluck.Banned(["abcd"], texts[:3]))).accept(0)
    for arguments in ((["a"], 3), (["a"], "a"), (["a"], [3]), ([""], texts), ([3], texts), ("a", texts), (["a"], len), (["a"], texts, 3)):
        refused(pluck.Banned, *arguments)
    it = pluck.Banned(["b"], texts)
    it.accept(1)
    refused(it.mask, ROW)
    refused(it.mask, 3)


@check
def kept_rows():
    """A row is let go with the next one, or with the sampler, its workspace or the circle that it is in."""
    workspace = pluck.Workspace(N)
    sampler = pluck.Sampler("temp=0", N, workspace=workspace)
    sampler.sample((ctypes.c_float * N)(*ROW))
    sampler.sample(memoryview(bytearray(ROW.tobytes())).cast("f"))
    stage = Stage()
    stage.sampler = pluck.Sampler([stage, pluck.Greedy()], N)
    stage.sampler.sample(array("f", ROW))

    def text(token):
        return "a"

    text.banned = pluck.Banned(["b"], text, 3)


def total():
    gc.collect()
    sys._clear_type_cache()
    return sys.gettotalrefcount()


def growth(function):
    """How many references each call leaves, once the first ones have filled caches."""
    counts = array("q")  # which holds no references
    for _ in range(8):
        function()
        counts.append(total())
    return min(after - before for before, after in zip(counts[4:], counts[5:]))


def main():
    grown = {function.__name__: growth(function) for function in CHECKS}
    for name, n in grown.items():
        if n > 0:
            print(f"FAIL  {name} leaves {n} references each time")
    return any(n > 0 for n in grown.values())


if __name__ == "__main__":
    sys.exit(main())
