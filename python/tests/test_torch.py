"""PyTorch's tensors."""

import sys
import unittest

import numpy as np
import pluck

try:
    import torch
except ImportError:
    raise unittest.SkipTest("PyTorch is missing (Debian: python3-torch)") from None

N = 64


class Torch(unittest.TestCase):
    def setUp(self):
        self.row = np.random.default_rng(3).standard_normal(N).astype(np.float32)

    def test_same_as_numpy(self):
        tensor = torch.from_numpy(self.row)
        for row, other in ((tensor, self.row), (tensor.half(), self.row.astype(np.float16))):
            a, b = (pluck.Sampler("temp=1;seed=1", N) for _ in range(2))
            for _ in range(20):
                self.assertEqual(a.draw(row), b.draw(other))
        brain = tensor.bfloat16()
        bits = brain.view(torch.int16).numpy()
        a, b = (pluck.Sampler("temp=1;seed=1", N) for _ in range(2))
        self.assertEqual(a.draw(brain), b.draw(bits, dtype="bfloat16"))

    def test_kinds(self):
        sampler = pluck.Sampler([pluck.Greedy()], N)
        best = int(self.row.argmax())
        tensor = torch.from_numpy(self.row)
        for row in (torch.nn.Parameter(tensor), torch.stack([tensor, tensor])[1], tensor.requires_grad_()):
            self.assertEqual(sampler.sample(row), best)

    def test_masks(self):
        mask = torch.zeros(N, dtype=torch.bool)
        mask[5] = mask[6] = True
        packed = torch.zeros(N // 32, dtype=torch.int32)
        packed[0] = (1 << 5) | (1 << 6)
        sampler = pluck.Sampler([pluck.Greedy()], N)
        expected = 5 + int(self.row[5:7].argmax())
        for kind in (mask, packed, packed.view(torch.uint8)):
            self.assertEqual(sampler.sample(torch.from_numpy(self.row), mask=kind), expected)

    def test_ids(self):
        sampler = pluck.Sampler([pluck.Greedy()], N)
        values, ids = torch.from_numpy(self.row).topk(5)
        self.assertEqual(sampler.sample(values, ids=ids, descending=True), int(ids[0]))

    def test_refused(self):
        tensor = torch.from_numpy(self.row)
        sampler = pluck.Sampler([pluck.Greedy()], N)
        for row, kind, text in (
            (tensor.double(), TypeError, "torch.float64"),
            (tensor.to(torch.complex64), TypeError, "torch.complex64"),
            (tensor.repeat(2)[::2], ValueError, "stride of 8"),
            (tensor.expand(3, N), ValueError, "shape"),
            (tensor[:7], ValueError, "7 logits"),
            (torch.empty(0), ValueError, "0 logits"),
            (torch.tensor(1.0), ValueError, "0 dimensions"),
            (torch.empty(N, device="meta"), BufferError, "device meta"),
            (tensor.to_sparse(), RuntimeError, "."),
            (torch.complex(tensor, tensor).conj().imag, BufferError, "resolve_neg"),
        ):
            with self.subTest(str(row.dtype)), self.assertRaisesRegex(kind, text):
                sampler.sample(row)

    def test_freed_while_in_use(self):
        n = 100000
        sampler = pluck.Sampler("samplers=;seed=1", n)
        sampler.sample(torch.zeros(n))
        self.assertEqual(len(sampler.candidates().ids), n)
        row = torch.zeros(n)
        held = sys.getrefcount(row)
        sampler.sample(row)
        row.data = torch.zeros(3)
        with self.assertRaisesRegex(BufferError, "moved or freed"):
            sampler.candidates()
        sampler.sample(torch.zeros(n))
        self.assertEqual(sys.getrefcount(row), held)

    def test_results_as_tensors(self):
        found = pluck.Sampler("temp=1;seed=1", N).candidates(torch.from_numpy(self.row))
        self.assertAlmostEqual(float(torch.frombuffer(found.probabilities, dtype=torch.float32).sum()), 1.0, places=5)


if __name__ == "__main__":
    unittest.main()
