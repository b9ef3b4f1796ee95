"""Stages: their parameters, errors, and those whose work a Python function does."""

import pickle
import sys
import unittest

import numpy as np
import pluck
from pluck import stages

N = 8
ROW = np.array([1.2, 0.3, 4.1, 3.8, -2.0, 2.9, 0.0, 3.5], np.float32)


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
        for first in (pluck.Guidance(1.5), pluck.Contrastive(0.2, 0.5, True)):
            self.assertEqual(pluck.Sampler([first, pluck.Dist()], N).stages[0], first)
            self.assertEqual(pickle.loads(pickle.dumps(first)), first)
        found = pluck.Sampler(chain, N).stages
        for given, kept in zip(chain, found, strict=True):
            if isinstance(given, pluck.Dry):
                self.assertEqual(kept.breakers, ((5,), (6, 7)))
                kept.breakers = given.breakers
            self.assertEqual(kept, given)
            self.assertEqual(pickle.loads(pickle.dumps(kept)), kept)
            self.assertTrue(repr(kept).startswith(type(given).__name__))
            self.assertTrue(type(given).__doc__)
        self.assertEqual({type(stage) for stage in chain} | {pluck.Infill, pluck.Custom, pluck.Guidance, pluck.Contrastive},
                         set(stages.BY_KIND.values()))

    def test_a_second_row(self):
        other = ROW[::-1].copy()
        for dtype in (np.float32, np.float16):
            sampler = pluck.Sampler([pluck.Guidance(2.0)], N)
            found = sampler.candidates(ROW, second=other.astype(dtype))
            logits = dict(zip(found.ids, found.logits))
            expected = 2 * ROW - other.astype(dtype)
            for token in range(N):
                self.assertAlmostEqual(logits[token] - logits[0], expected[token] - expected[0], places=4)
            self.assertEqual(list(sampler.candidates().logits), list(found.logits))
        chain = [pluck.Contrastive(0.1, 1.0), pluck.Greedy()]
        self.assertEqual(pluck.Sampler(chain, N).sample(ROW, second=other), 3)  # 2 * 3.8 + 2
        self.assertEqual(pluck.Sampler([pluck.Greedy()], N).sample(ROW, second=other), 2)
        sampler = pluck.Sampler(chain, N)
        for kind, text, second in (
            (pluck.Error, ".", None), (ValueError, "second has 7 logits", other[:7]), (ValueError, "stride", ROW[::-1]),
            (TypeError, "second row is float64", other.astype(float)), (TypeError, "second is a .*int", 3),
        ):
            with self.assertRaisesRegex(kind, text):
                sampler.sample(ROW, second=second)
        held = sys.getrefcount(other)
        sampler.sample(ROW, second=other)
        self.assertGreater(sys.getrefcount(other), held)
        sampler.sample(ROW, second=ROW)
        self.assertEqual(sys.getrefcount(other), held)

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
            (([pluck.Custom(3)], N), {}, TypeError, "apply of a stage, a .*Custom.*, is 3; wanted: a function"),
            (([pluck.Custom(print, accept=3)], N), {}, TypeError, "accept of a stage"),
            (([pluck.Infill(3, print, 1)], N), {}, TypeError, "piece of a stage"),
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


if __name__ == "__main__":
    unittest.main()
