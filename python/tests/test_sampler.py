"""A sampler's life, threads, fork, what is documented."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import unittest

import numpy as np
import pluck
from pluck import stages

N = 8
ROW = np.array([1.2, 0.3, 4.1, 3.8, -2.0, 2.9, 0.0, 3.5], np.float32)


class Life(unittest.TestCase):
    def test_readme(self):
        sampler = pluck.Sampler("temp=0.8;top_k=4;top_p=0.9", n_vocab=8, seed=42)
        tokens = []
        for _ in range(10):
            tokens.append(sampler.sample(ROW))
            sampler.accept(tokens[-1])
        self.assertEqual(tokens, [7, 2, 7, 3, 3, 2, 3, 2, 2, 3])

    def test_clone_and_reset(self):
        sampler = pluck.Sampler("temp=1;penalty_repeat=1.5", N, seed=5)
        first = [sampler.sample(ROW) for _ in range(5)]
        sampler.accept(first)
        for twin in (sampler.clone(), copy.copy(sampler), copy.deepcopy(sampler)):
            expected = sampler.clone()
            self.assertEqual([twin.sample(ROW) for _ in range(20)], [expected.sample(ROW) for _ in range(20)])
        sampler.reset()
        self.assertEqual([sampler.sample(ROW) for _ in range(5)], first)

    def test_pickle(self):
        for spec in ("temp=1;penalty_repeat=1.5;dry_multiplier=0.8;dry_sequence_breakers=1/2:3", "rng=philox;temp=1",
                     "mirostat=2", "adaptive_target=0.3"):
            sampler = pluck.Sampler(spec, N, seed=5, max_rewind=3)
            for _ in range(20):
                sampler.accept(sampler.sample(ROW))
            again = pickle.loads(pickle.dumps(sampler))
            self.assertEqual((again.stages, again.seed, again.rng), (sampler.stages, 5, sampler.rng))
            for _ in range(20):
                token = sampler.sample(ROW)
                self.assertEqual(again.sample(ROW), token)
                sampler.accept(token)
                again.accept(token)
            again.rewind(3)
            sampler.reset()
            again.reset()
            self.assertEqual(again.sample(ROW), sampler.sample(ROW))
        unseeded = pluck.Sampler("temp=1", N)
        self.assertEqual(pickle.loads(pickle.dumps(unseeded)).seed, unseeded.seed)
        with self.assertRaises(Exception):
            pickle.dumps(pluck.Sampler([lambda view: None], N))

    def test_save_and_load(self):
        a, b = (pluck.Sampler("temp=1", N, seed=seed) for seed in (1, 2))
        a.sample(ROW)
        b.load(a.save())
        self.assertEqual([a.sample(ROW) for _ in range(20)], [b.sample(ROW) for _ in range(20)])
        untouched = b.clone()
        for bad in (b"", a.save()[:-1], bytes([a.save()[0] ^ 1]) + a.save()[1:], pluck.Sampler("", N + 1).save()):
            with self.assertRaises(pluck.Error):
                b.load(bad)
        with self.assertRaises(TypeError):
            b.load("text")
        self.assertEqual([b.sample(ROW) for _ in range(20)], [untouched.sample(ROW) for _ in range(20)])

    def test_asking(self):
        sampler = pluck.Sampler([pluck.TopK(3), pluck.Dist()], N, seed=7, rng="philox")
        self.assertEqual((sampler.seed, sampler.n_vocab, sampler.rng), (7, N, "philox"))
        self.assertIsNone(sampler.workspace)
        self.assertGreater(sampler.state_size, 0)
        self.assertEqual(sampler.stages, (pluck.TopK(3), pluck.Dist()))
        self.assertEqual(repr(sampler), "Sampler([TopK(k=3), Dist(seed=None)], 8, seed=7)")
        self.assertNotEqual(pluck.Sampler("", N).seed, pluck.Sampler("seed=-1", N).seed)

    def test_rewind(self):
        sampler = pluck.Sampler("temp=1;penalty_repeat=1.5", N, seed=5, max_rewind=4)
        tokens = []
        for _ in range(6):
            tokens.append(sampler.sample(ROW))
            sampler.accept(tokens[-1])
        sampler.rewind(3)
        for token in tokens[3:]:
            self.assertEqual(sampler.sample(ROW), token)
            sampler.accept(token)
        for bad in (5, -1):
            with self.assertRaises(pluck.Error):
                sampler.rewind(bad)
        with self.assertRaises(pluck.Error):
            pluck.Sampler("", N, max_rewind=-1)

    def test_seek(self):
        sampler = pluck.Sampler("rng=philox;seed=3;temp=1", N)
        drawn = [sampler.sample(ROW) for _ in range(10)]
        sampler.seek(4)
        self.assertEqual(sampler.sample(ROW), drawn[4])
        with self.assertRaisesRegex(pluck.Error, "philox"):
            pluck.Sampler("", N).seek(1)
        with self.assertRaises(OverflowError):
            sampler.seek(-1)
        with self.assertRaisesRegex(TypeError, "position is a .*str"):
            sampler.seek("1")

    def test_shared_workspace(self):
        workspace = pluck.Workspace(N)
        a, b = (pluck.Sampler("temp=0", N, workspace=workspace) for _ in range(2))
        self.assertIs(a.workspace, workspace)
        self.assertIs(a.clone().workspace, workspace)
        a.sample(ROW)
        b.sample(-ROW)
        self.assertEqual(b.candidates().ids[0], 4)
        with self.assertRaisesRegex(pluck.Error, "no result"):
            a.candidates()
        with self.assertRaisesRegex(pluck.Error, "workspace is for 8"):
            pluck.Sampler("", N + 1, workspace=workspace)
        del workspace, a
        gc.collect()
        self.assertEqual(b.sample(ROW), 2)

    def test_no_result(self):
        sampler = pluck.Sampler("temp=0", N)
        with self.assertRaisesRegex(pluck.Error, "no result"):
            sampler.candidates()
        sampler.sample(ROW)
        with self.assertRaises(pluck.Error):
            sampler.sample(ROW * np.nan)
        with self.assertRaisesRegex(pluck.Error, "no result"):
            sampler.candidates()
        with self.assertRaisesRegex(TypeError, "needs a row"):
            sampler.candidates(mask=np.ones(N, bool))

    def test_candidates_without_a_draw(self):
        found = pluck.Sampler([pluck.TopK(2)], N).candidates(ROW)
        self.assertEqual((list(found.ids), found.selected), ([2, 3], None))
        with self.assertRaisesRegex(pluck.Error, "no stage that selects"):
            pluck.Sampler([pluck.TopK(2)], N).sample(ROW)

    def test_accept(self):
        sampler = pluck.Sampler([pluck.Penalties(repeat=100.0), pluck.Greedy()], N)
        for bad in (8, -1):
            with self.assertRaisesRegex(pluck.Error, f"token {bad} is outside the vocabulary of 8"):
                sampler.accept(bad)
        with self.assertRaises(pluck.Error):
            sampler.accept([2, 3, 8])
        with self.assertRaises(TypeError):
            sampler.accept("x")
        with self.assertRaises(TypeError):
            sampler.accept(1.5)
        self.assertEqual(sampler.sample(ROW), 2)
        sampler.accept(np.array([2, 3]))
        sampler.accept(np.int64(7))
        self.assertEqual(sampler.sample(ROW), 5)

    def test_accept_prompt(self):
        chain = [pluck.MinTokens(2, [2]), pluck.Penalties(repeat=100.0), pluck.Greedy()]
        sampler = pluck.Sampler(chain, N)
        sampler.accept_prompt([3, 3])
        self.assertEqual(sampler.sample(ROW), 7)  # 3 is penalised, and 2 is masked still
        sampler.accept_prompt(np.array([7]))
        sampler.accept([3, 3])
        self.assertEqual(sampler.sample(ROW), 2)
        untouched = sampler.clone()
        with self.assertRaisesRegex(pluck.Error, "token 8 is outside"):
            sampler.accept_prompt([2, 8])
        with self.assertRaises(TypeError):
            sampler.accept_prompt(2)
        self.assertEqual(sampler.save(), untouched.save())
        sampler.accept_prompt([])
        self.assertEqual(sampler.save(), untouched.save())

    def test_subclass(self):
        class Counting(pluck.Sampler):
            def sample(self, row):
                self.count = getattr(self, "count", 0) + 1
                return super().sample(row)

        sampler = Counting("temp=0", N)
        self.assertEqual((sampler.sample(ROW), sampler.count), (2, 1))
        self.assertIsInstance(sampler.clone(), Counting)


class Processes(unittest.TestCase):
    def test_threads(self):
        n = 50000
        rows = np.random.default_rng(2).standard_normal((8, n)).astype(np.float32)
        expected = [pluck.Sampler("temp=1;top_k=0;seed=1", n).sample(row) for row in rows]
        found = [[] for _ in rows]

        def work(i):
            for _ in range(20):
                found[i].append(pluck.Sampler("temp=1;top_k=0;seed=1", n).sample(rows[i]))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(rows))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [[token] * 20 for token in expected])

    def test_one_sampler_on_two_threads_is_refused_or_right(self):
        inside, go_on = threading.Event(), threading.Event()

        def wait(view):
            inside.set()
            go_on.wait()

        sampler = pluck.Sampler([wait, pluck.Greedy()], N)
        tokens = []
        thread = threading.Thread(target=lambda: tokens.append(sampler.sample(ROW)))
        thread.start()
        inside.wait()
        for call in (lambda: sampler.sample(ROW), lambda: sampler.accept(1), lambda: sampler.accept_prompt([1]),
                     sampler.clone, sampler.reset):
            with self.assertRaisesRegex(RuntimeError, "in use"):
                call()
        go_on.set()
        thread.join()
        self.assertEqual(tokens, [2])

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_fork_after_use(self):
        sampler = pluck.Sampler("temp=1", N, seed=9)
        sampler.sample(ROW)
        expected = sampler.clone().sample(ROW)
        child = os.fork()
        if child == 0:
            os._exit(100 + sampler.sample(ROW))
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 100 + expected)

    def test_sub_interpreters_are_refused(self):
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            self.skipTest("this Python has no module for sub-interpreters")
        made = interpreters.create()
        source = f"import sys; sys.path[:] = {sys.path!r}\ntry:\n import pluck\nexcept ImportError as e: pass\nelse: raise SystemError"
        interpreters.run_string(made, source)
        interpreters.destroy(made)

    def test_imported_again(self):
        source = (
            "import sys, pluck; a = pluck.Sampler\n"
            "for name in [n for n in sys.modules if n.startswith('pluck')]: del sys.modules[name]\n"
            "import pluck; assert pluck.Sampler is a; pluck.Sampler('', 8)"
        )
        subprocess.run([sys.executable, "-c", source], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})

    def test_import_needs_nothing(self):
        source = "import sys; before = set(sys.modules); import pluck; print(*set(sys.modules) - before)"
        found = subprocess.run(
            [sys.executable, "-c", source], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout.split()
        # A debug build looks up the encodings that it meets.
        self.assertEqual({name.partition(".")[0] for name in found} - {"encodings"}, {"pluck"})


class Documentation(unittest.TestCase):
    def test_everything_public_has_a_docstring(self):
        for name in pluck.__all__:
            self.assertTrue(getattr(pluck, name).__doc__, name)
        for owner in (pluck.Sampler, pluck.Workspace, pluck.Banned):
            for name, member in vars(owner).items():
                if not name.startswith("_"):
                    self.assertTrue(member.__doc__, f"{owner.__name__}.{name}")

    def test_stubs_name_what_there_is(self):
        import ast

        folder = os.path.dirname(pluck.__file__)
        for module, names in (("__init__", set(pluck.__all__)), ("stages", set(stages.__all__) | {"BY_KIND"})):
            with open(os.path.join(folder, module + ".pyi")) as file:
                tree = ast.parse(file.read())
            found = set()
            for node in tree.body:
                if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                    found.add(node.name)
                elif isinstance(node, ast.AnnAssign):
                    found.add(node.target.id)
                elif isinstance(node, ast.ImportFrom):
                    found.update(alias.asname or "" for alias in node.names)
                if isinstance(node, ast.ClassDef) and hasattr(pluck, node.name):
                    for member in node.body:
                        if isinstance(member, ast.FunctionDef):
                            self.assertTrue(hasattr(getattr(pluck, node.name), member.name), member.name)
            self.assertLessEqual(names, found)


if __name__ == "__main__":
    unittest.main()
