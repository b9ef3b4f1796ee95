"""A sampler's life, stages, errors, threads, fork."""

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


class Stages(unittest.TestCase):
    def test_every_kind_survives_a_sampler(self):
        chain = [
            pluck.LogitBias({3: -1.5, 4: float("-inf")}), pluck.MinTokens(3, [1, 5]),
            pluck.BadWords([(5,), (6, 7)]), pluck.NoRepeatNgram(3, 99), pluck.Penalties(32, 1.1, 0.2, -0.3, (1, 4), True),
            pluck.Dry(0.8, 1.5, 3, 100, [5, (6, 7)], [2]), pluck.TopNSigma(1.5), pluck.TopK(7), pluck.TopA(0.2, 1),
            pluck.Typical(0.9, 2), pluck.TopP(0.8, 3), pluck.MinP(0.01, 1),
            pluck.EpsilonCutoff(0.01, 2), pluck.EtaCutoff(0.02, 1), pluck.PLess(), pluck.PLessNorm(False),
            pluck.Tfs(0.9, 1, 1), pluck.TopH(0.5), pluck.MinK(2.5), pluck.Smoothing(0.2, 1.5), pluck.Skew(0.5, 3), pluck.Xtc(0.5, 0.2, 1, 99, [3]),
            pluck.Temperature(0.7, 0.1, 1.5), pluck.Mirostat(4.0, 0.2, 50, 1), pluck.MirostatV2(4.0, 0.2, 2),
            pluck.AdaptiveP(0.3, 0.8, 3), pluck.Dist(4), pluck.Greedy(),
        ]
        found = pluck.Sampler(chain, N).stages
        for given, kept in zip(chain, found, strict=True):
            if isinstance(given, pluck.Dry):
                self.assertEqual(kept.breakers, ((5,), (6, 7)))
                kept.breakers = given.breakers
            self.assertEqual(kept, given)
            self.assertEqual(pickle.loads(pickle.dumps(kept)), kept)
            self.assertTrue(repr(kept).startswith(type(given).__name__))
            self.assertTrue(type(given).__doc__)
        self.assertEqual({type(stage) for stage in chain} | {pluck.Infill, pluck.Custom},
                         set(stages.BY_KIND.values()))

    def test_stages_that_ban_tokens(self):
        for stage, accepted, expected in (
            (pluck.BadWords([2]), [], 3),
            (pluck.BadWords([(5, 6, 2), [1, 2]]), [5, 6], 3),
            (pluck.BadWords([(5, 6, 2), [1, 2]]), [6, 5], 2),
            (pluck.NoRepeatNgram(2), [4, 2, 4], 3),
            (pluck.NoRepeatNgram(2, 1), [4, 2, 4], 2),
            (pluck.MinTokens(3, (2, 3)), [2, 2], 7),
            (pluck.MinTokens(3, (2, 3)), [2, 2, 2], 2),
        ):
            sampler = pluck.Sampler([stage, pluck.Greedy()], N)
            sampler.accept(accepted)
            with self.subTest(repr(stage)):
                self.assertEqual(sampler.sample(ROW), expected)
                self.assertEqual(pickle.loads(pickle.dumps(sampler)).sample(ROW), expected)

    def test_tokens_that_are_left_alone(self):
        for stage, told, accepted, expected in (
            (pluck.Penalties(repeat=100.0), [], [2], 3),
            (pluck.Penalties(repeat=100.0, exempt=[2]), [], [2], 2),
            (pluck.Penalties(repeat=100.0, output_only=True), [2], [3], 2),
            (pluck.Dry(100.0, allowed_length=1), [], [4, 2, 4], 3),
            (pluck.Dry(100.0, allowed_length=1, exempt=[2]), [], [4, 2, 4], 2),
            (pluck.Xtc(1.0, 0.2), [], [], 7),
            (pluck.Xtc(1.0, 0.2, spared=[2]), [], [], 2),
        ):
            sampler = pluck.Sampler([stage, pluck.Greedy()], N)
            sampler.accept_prompt(told)
            sampler.accept(accepted)
            with self.subTest(repr(stage)):
                self.assertEqual(sampler.sample(ROW), expected)
        with self.assertRaisesRegex(pluck.Error, "token 8 of exempt is outside the vocabulary of 8"):
            pluck.Sampler([pluck.Penalties(exempt=[N])], N)

    def test_spec_of_every_key_has_stages(self):
        sampler = pluck.Sampler("bad_words_ids=2:5/6;min_tokens=2;eos_token_id=3:7;no_repeat_ngram_size=3", N)
        self.assertEqual(sampler.stages[:3], (pluck.MinTokens(2, (3, 7)), pluck.BadWords([(2,), (5, 6)]),
                                              pluck.NoRepeatNgram(3)))

    def test_errors_name_stage_key_value_range(self):
        with self.assertRaises(pluck.Error) as caught:
            pluck.Sampler([pluck.TopK(3), pluck.TopP(7)], N)
        error = caught.exception
        self.assertEqual((error.stage, error.key, error.value, error.range), (1, "p", "7", "0 to 1"))
        self.assertEqual(error.name, "PLUCK_ERR_PARAM")
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(again), again.key, again.status), (str(error), "p", error.status))

    def test_errors_of_specs(self):
        for spec, key, value, allowed in (
            ("top_p=7", "top_p", "7", "0 to 1"),
            ("temp=1;topk=40", "topk", "40", None),
            ("top_k", "top_k", None, None),
            ("top_k=many", "top_k", "many", "an integer, <= 0 for all"),
            ("temp=1;temperature=2", "temperature", "2", None),
            ("logit_bias=99+1", "logit_bias", None, None),
        ):
            with self.subTest(spec), self.assertRaises(pluck.Error) as caught:
                pluck.Sampler(spec, N)
            error = caught.exception
            self.assertEqual((error.key, error.value, error.range), (key, value, allowed), str(error))
            self.assertIsInstance(error, ValueError)

    def test_wrong_arguments(self):
        for arguments, keywords, kind, text in (
            (("", 0), {}, pluck.Error, "n_vocab"),
            (("", 2**31), {}, OverflowError, "n_vocab"),
            (("", "8"), {}, TypeError, "n_vocab"),
            (("\0", N), {}, ValueError, "null"),
            (("", N), {"seed": 2**32}, ValueError, "seed=4294967296 .* allowed"),
            (("", N), {"seed": 1.5}, TypeError, "seed"),
            (("", N), {"rng": "pcg"}, ValueError, "rng='pcg'; allowed: 'mt19937', 'philox'"),
            (("", N), {"workspace": 5}, TypeError, "Workspace"),
            ((5, N), {}, TypeError, "wanted: a spec"),
            (([5], N), {}, TypeError, "no stage"),
            (([pluck.TopK("3")], N), {}, TypeError, "top_k.k"),
            (([pluck.TopK(2**40)], N), {}, OverflowError, "top_k.k"),
            (([pluck.TopP("x")], N), {}, TypeError, "top_p.p"),
            (([pluck.Dist(seed=-2)], N), {}, ValueError, "dist.seed=-2"),
            (([pluck.LogitBias([(1, 2, 3)])], N), {}, TypeError, "pairs"),
            (([pluck.LogitBias({9: 1.0})], N), {}, pluck.Error, "9 is outside the vocabulary of 8"),
            (([pluck.LogitBias({1: "x"})], N), {}, TypeError, "a bias of logit_bias.biases is a .*str"),
            (([pluck.LogitBias({"x": 1.0})], N), {}, TypeError, "a token of logit_bias.biases is a .*str"),
            (([pluck.Dry(0.8, breakers=[()])], N), {}, pluck.Error, "stage 0 .dry."),
            (([pluck.Dry(0.8, breakers=[(1, 2.5)])], N), {}, TypeError, "a token of dry.breakers is a .*float"),
            (([pluck.BadWords([(1, 9)])], N), {}, pluck.Error, "9 is outside the vocabulary of 8"),
            (([pluck.MinTokens(1, [2**31])], N), {}, OverflowError, "a token of min_tokens.ends is 2147483648"),
            (([pluck.MinTokens(-1, [1])], N), {}, pluck.Error, "min_tokens is -1"),
            (([pluck.NoRepeatNgram(1, -1)], N), {}, pluck.Error, "last_n"),
            (([pluck.Greedy()] * 65, N), {}, ValueError, "65 stages; allowed: 0 to 64"),
        ):
            with self.subTest(str(arguments)), self.assertRaisesRegex(kind, text):
                pluck.Sampler(*arguments, **keywords)

    def test_kinds_are_the_librarys(self):
        import clib

        library = clib.load()
        if library is None:
            self.skipTest("PLUCK_SHARED_LIBRARY does not name libpluck.so")
        import ctypes

        class Traits(ctypes.Structure):
            _fields_ = [("name", ctypes.c_char_p), ("flags", ctypes.c_bool * 4)]

        names, kind = [], 1
        traits = Traits()
        while library.pluck_stage_describe((ctypes.c_int * 256)(kind), ctypes.byref(traits)):
            names.append(traits.name.decode())
            kind += 1
        self.assertGreater(len(names), 15)
        self.assertEqual(set(stages.BY_KIND), set(names))


class Functions(unittest.TestCase):
    def test_function(self):
        def ban_two(view):
            np.asarray(view.logits)[np.asarray(view.ids) == 2] = -np.inf

        self.assertEqual(pluck.Sampler([ban_two, pluck.Greedy()], N).sample(ROW), 3)

    def test_dropping_and_selecting(self):
        def last_of_three(view):
            view.n, view.selected = 3, 2

        sampler = pluck.Sampler([pluck.TopK(5), last_of_three], N)
        self.assertEqual(sampler.sample(ROW), 7)
        self.assertEqual(list(sampler.candidates().ids), [2, 3, 7])

    def test_other_arrays(self):
        def replace(view):
            view.logits = np.where(np.asarray(view.ids) == 4, np.float32(9), np.asarray(view.logits))

        self.assertEqual(pluck.Sampler([replace, pluck.Greedy()], N).sample(ROW), 4)

    def test_state(self):
        class Once:
            """Each token at most once."""

            def __init__(self, seen=()):
                self.seen = set(seen)

            def apply(self, view):
                for i, token in enumerate(view.ids):
                    if token in self.seen:
                        view.logits[i] = float("-inf")

            def accept(self, token):
                self.seen.add(token)

            def reset(self):
                self.seen.clear()

            def clone(self):
                return Once(self.seen)

        sampler = pluck.Sampler([Once(), pluck.Greedy()], N)
        sampler.accept(sampler.sample(ROW))
        twin = sampler.clone()
        twin.accept(3)
        self.assertEqual((sampler.sample(ROW), twin.sample(ROW)), (3, 7))
        twin.reset()
        self.assertEqual((sampler.sample(ROW), twin.sample(ROW)), (3, 2))
        self.assertIsNot(sampler.stages[0], twin.stages[0])

    def test_rewind(self):
        class Counter:
            seen = ()

            def apply(self, view):
                pass

            def accept(self, token):
                self.seen += (token,)

            def rewind(self, n):
                self.seen = self.seen[:-n]

        counter = Counter()
        sampler = pluck.Sampler([counter, pluck.Greedy()], N, max_rewind=3)
        sampler.accept([1, 2, 3])
        sampler.rewind(2)
        self.assertEqual(counter.seen, (1,))
        with self.assertRaisesRegex(pluck.Error, "."):
            pluck.Sampler([pluck.Custom(print), pluck.Greedy()], N, max_rewind=3).rewind(0)

    def test_custom_is_shared(self):
        seen = []
        sampler = pluck.Sampler([pluck.Custom(lambda view: None, seen.append), pluck.Greedy()], N)
        sampler.clone().accept([1, 2])
        sampler.accept(3)
        self.assertEqual(seen, [1, 2, 3])

    def test_what_is_raised_comes_out(self):
        class Trouble(Exception):
            pass

        def fail(*_):
            raise Trouble("here")

        drawing = pluck.Sampler([pluck.Custom(fail), pluck.Dist()], N)
        with self.assertRaisesRegex(Trouble, "here"):
            drawing.sample(ROW)
        told = pluck.Sampler([pluck.Custom(lambda view: None, fail, fail), pluck.Greedy()], N)
        for call in (lambda: told.accept(1), lambda: told.accept([1, 2]), lambda: told.accept_prompt([1]), told.reset):
            with self.assertRaises(Trouble):
                call()
        self.assertEqual(told.sample(ROW), 2)
        cloned = type("Stage", (), {"apply": lambda self, view: None, "clone": fail})()
        with self.assertRaises(Trouble):
            pluck.Sampler([cloned, pluck.Greedy()], N).clone()

    def test_broken_contracts(self):
        def set_to(**values):
            return lambda view: [setattr(view, name, value) for name, value in values.items()]

        for values, kind, text in (
            ({"n": 9}, ValueError, "view.n is 9; allowed: 0 to 8"),
            ({"n": "x"}, TypeError, "n is"),
            ({"selected": 8}, ValueError, "view.selected is 8; allowed: -1 to 7"),
            ({"logits": np.zeros(8)}, ValueError, "view.logits is float64"),
            ({"ids": np.zeros(3, np.int32)}, ValueError, "view.ids"),
            ({"ids": 5}, TypeError, "ids is a"),
            ({"ids": np.full(8, 99, np.int32)}, pluck.Error, "callback"),
            ({"logits": np.full(8, np.nan, np.float32)}, pluck.Error, "NaN"),
        ):
            sampler = pluck.Sampler([set_to(**values), pluck.Greedy()], N)
            with self.subTest(str(values)), self.assertRaisesRegex(kind, text):
                sampler.sample(ROW)

    def test_sampler_within_its_own_stage(self):
        def recurse(view):
            sampler.sample(ROW)

        sampler = pluck.Sampler([recurse, pluck.Greedy()], N)
        with self.assertRaisesRegex(RuntimeError, "in use"):
            sampler.sample(ROW)

    def test_view_may_be_kept(self):
        kept = []
        pluck.Sampler([kept.append, pluck.Greedy()], N).sample(ROW)
        self.assertEqual(list(kept[0].ids), list(range(N)))

    def test_infill(self):
        texts = ["a", "ab", "abc", "b", "<eot>", "x", "y", "z"]
        chain = [pluck.Infill(texts.__getitem__, lambda token: token == 4, 4), pluck.Dist()]
        sampler = pluck.Sampler(chain, N, seed=1)
        self.assertIn(sampler.sample(ROW), range(N))
        self.assertIn(sampler.clone().sample(ROW), range(N))
        broken = pluck.Sampler([pluck.Infill(lambda token: 1 / 0, lambda token: False, 4), pluck.Dist()], N)
        with self.assertRaises(ZeroDivisionError):
            broken.sample(ROW)


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
        self.assertEqual({name.partition(".")[0] for name in found}, {"pluck"})


class Documentation(unittest.TestCase):
    def test_everything_public_has_a_docstring(self):
        for name in pluck.__all__:
            self.assertTrue(getattr(pluck, name).__doc__, name)
        for owner in (pluck.Sampler, pluck.Workspace):
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
