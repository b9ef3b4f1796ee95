"""The examples run, and do what they say."""

import importlib.util
import os
import subprocess
import sys
import unittest
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ROOT = EXAMPLES.parents[1]
LLAMA = ROOT / "third_party" / "llama" / "lib"
MODEL = ROOT / "data" / "tiny-kjv-152k.Q8_0.gguf"


def run(name, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], env=environment, capture_output=True, text=True
    )


class Examples(unittest.TestCase):
    def test_quickstart(self):
        done = run("quickstart.py")
        expected = (ROOT / "examples" / "expected" / "quickstart.txt").read_text()
        self.assertEqual((done.stdout.split(), done.stderr), (expected.split(), ""))

    def test_banned(self):
        done = run("banned.py")
        expected = (ROOT / "examples" / "expected" / "banned.txt").read_text()
        self.assertEqual((done.stdout, done.stderr), (expected, ""))

    def test_libllama(self):
        if not (LLAMA / "libllama.so").exists():
            self.skipTest("libllama is missing: make deps fetches it")
        done = [run("libllama.py", LLAMA, MODEL) for _ in range(2)]
        self.assertEqual((done[0].returncode, done[0].stderr), (0, ""))
        self.assertTrue(done[0].stdout.startswith("In the beginning"))
        self.assertGreater(len(done[0].stdout), 100)
        self.assertEqual(done[0].stdout, done[1].stdout)
        self.assertIn("no model", run("libllama.py", LLAMA, __file__).stderr)
        self.assertIn("python3 libllama.py DIR", run("libllama.py").stderr)

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is missing (Debian: python3-torch)")
    def test_logits_processor(self):
        done = run("logits_processor.py")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([len(line.split()) for line in done.stdout.splitlines()], [15, 15])

        sys.path.insert(0, str(EXAMPLES))
        self.addCleanup(sys.path.remove, str(EXAMPLES))
        import pluck
        import torch
        from logits_processor import PluckLogitsProcessor

        scores = torch.tensor([[1.0, 5.0, 3.0, 4.0], [4.0, 1.0, 2.0, 3.0]])
        process = PluckLogitsProcessor([pluck.Penalties(repeat=2.0), pluck.TopK(2), pluck.Temperature(0.5)])
        first = process(torch.tensor([[1], [2]]), scores)
        none = -torch.inf
        self.assertEqual(first.tolist(), [[none, none, 6.0, 8.0], [8.0, none, none, 6.0]])
        again = process(torch.tensor([[1, 3], [2, 0]]), scores)
        self.assertEqual(again.tolist(), [[none, 5.0, 6.0, none], [4.0, none, none, 6.0]])


if __name__ == "__main__":
    unittest.main()
