"""Python gives what the C library gives, to the last bit, on every path."""

import copy
import ctypes
import re
import unittest
from pathlib import Path

import numpy as np
import pluck

import clib

N = 5000
SPECS = [
    "temp=0.8;seed=1",
    "temp=0;seed=2",
    "temp=1.5;top_k=0;top_p=0.99;seed=3",
    "samplers=;seed=4",
    "samplers=top_n_sigma;top_n_sigma=1;seed=5;rng=philox",
    "penalty_repeat=1.3;penalty_freq=0.2;dry_multiplier=0.8;seed=6",
    "mirostat=1;seed=7",
    "mirostat=2;seed=8",
    "adaptive_target=0.3;seed=9",
    "xtc_probability=0.5;top_k=0;seed=10",
    "samplers=typ_p;typ_p=0.9;seed=11",
    "logit_bias=3-inf:4+2.5;dynatemp_range=0.5;seed=12",
    "samplers=top_a:min_p;top_a=0.3;min_p=0.01;seed=13",
]
LIBRARY = clib.load()


def float32_to_bfloat16(x):
    """The upper half of each float32, as uint16."""
    return (x.view(np.uint32) >> 16).astype(np.uint16)


def rows(count):
    """Rows of different shapes: wide, peaked, with masked tokens and ties."""
    random = np.random.default_rng(5)
    for i in range(count):
        x = (random.standard_normal(N) * (1, 4, 9)[i % 3]).astype(np.float32)
        if i % 4 == 1:
            x[random.integers(0, N, N // 2)] = -np.inf
        if i % 4 == 2:
            x = np.round(x)
        yield x


class Structs(unittest.TestCase):
    def test_sizes_are_those_that_are_recorded(self):
        records = sorted((Path(__file__).resolve().parents[2] / "docs" / "abi").glob("libpluck.so.*"))
        sizes = dict(re.findall(r"^type (pluck_\w+): (\d+) bytes$", records[-1].read_text(), re.M))
        for struct in (clib.Row, clib.Draw, clib.Candidates, clib.Config, clib.Proposal, clib.Draft):
            self.assertEqual(ctypes.sizeof(struct), int(sizes[f"pluck_{struct.__name__.lower()}"]), struct.__name__)


@unittest.skipUnless(LIBRARY, "PLUCK_SHARED_LIBRARY does not name libpluck.so")
class SameBits(unittest.TestCase):
    def compare(self, spec, prepare, dtype, keywords, mask=None):
        mine, theirs = pluck.Sampler(spec, N), clib.Sampler(LIBRARY, spec, N)
        words = None if mask is None else np.packbits(mask, bitorder="little")
        if words is not None:
            words = np.concatenate([words, np.zeros(-len(words) % 4, np.uint8)]).view(np.uint32)
        for x in rows(8):
            row = prepare(x)
            expected = theirs.draw(row, dtype, words)
            self.assertEqual(tuple(mine.draw(row, **keywords)), expected)
            found, wanted = mine.candidates(), theirs.candidates()
            for a, b in zip(found[:3], wanted[:3]):
                self.assertEqual(np.asarray(a).tobytes(), b.tobytes())
            self.assertEqual(found.selected, None if wanted[3] < 0 else wanted[3])
            self.assertEqual((found.n_masked, found.descending), wanted[4:])
            self.assertEqual(mine.clone().sample(row, **keywords), copy.copy(mine).sample(row, **keywords))
            mine.accept(expected[0])
            theirs.accept(expected[0])

    def test_float32(self):
        for spec in SPECS:
            with self.subTest(spec):
                self.compare(spec, lambda x: x, 0, {})

    def test_float16(self):
        for spec in SPECS[:4]:
            self.compare(spec, lambda x: x.astype(np.float16), 1, {})

    def test_bfloat16(self):
        for spec in SPECS[:4]:
            self.compare(spec, float32_to_bfloat16, 2, {"dtype": "bfloat16"})

    def test_masks(self):
        mask = np.random.default_rng(1).random(N) < 0.3
        bits = np.packbits(mask, bitorder="little")
        words = np.concatenate([bits, np.zeros(-len(bits) % 4, np.uint8)]).view(np.int32)
        for kind in (mask, bits, words, np.frombuffer(b"\0" + words.tobytes(), np.uint8)[1:].view(np.int32)):
            self.compare(SPECS[2], lambda x: np.where(np.isinf(x), np.float32(-20), x), 0, {"mask": kind}, mask)

    def test_stages_are_the_spec(self):
        for spec in SPECS:
            by_spec = pluck.Sampler(spec, N)
            by_stages = pluck.Sampler(by_spec.stages, N, seed=by_spec.seed, rng=by_spec.rng)
            self.assertEqual(by_spec.stages, by_stages.stages)
            for x in rows(4):
                token = by_spec.sample(x)
                self.assertEqual(token, by_stages.sample(x))
                by_spec.accept(token)
                by_stages.accept(token)

    def test_logprobs(self):
        for x in rows(3):
            exact = x.astype(np.float64)
            exact = exact - exact.max() - np.log(np.exp(exact - exact.max()).sum())
            found = pluck.top_logprobs(x, 20, token=17)
            order = np.lexsort((np.arange(N), -exact))[:20]
            self.assertEqual(list(found.ids), order.tolist())
            np.testing.assert_allclose(np.asarray(found.logprobs), exact[order], atol=1e-5)
            if np.isfinite(exact[17]):
                self.assertAlmostEqual(found.token_logprob, exact[17], places=4)
            else:
                self.assertEqual(found.token_logprob, -np.inf)


if __name__ == "__main__":
    unittest.main()
