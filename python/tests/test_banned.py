"""Strings that a text must not contain: pluck.Banned. The C library's tests have the search itself."""

import copy
import gc
import pickle
import sys
import threading
import unittest
import weakref

import numpy as np
import pluck

PIECES = ["a", " sh", "iver", "s down", b"s up", "own", "", " s"]
N = len(PIECES)


def text_of(token):
    return PIECES[token]


def make(strings=("shivers down", "down"), pieces=PIECES, **keywords):
    return pluck.Banned(strings, pieces, **keywords)


def steps(banned, tokens):
    return [tuple(banned.accept(token)) for token in tokens]


WORKED = [(1, 0, 0, None, None), (0, 1, 0, None, None), (0, 2, 0, None, None), (0, 3, 0, None, None), (0, 0, 4, 0, 1)]


class Worked(unittest.TestCase):
    def test_held_and_taken_back(self):
        for pieces, n_vocab in ((PIECES, None), (tuple(PIECES), N), (text_of, N), (np.array(PIECES, object), None)):
            banned = make(pieces=pieces, n_vocab=n_vocab)
            self.assertEqual(steps(banned, [0, 1, 2, 6, 3]), WORKED)
            self.assertEqual(banned.tokens, (1,))
        step = banned.accept(np.int64(7))
        self.assertEqual((step.n_released, step.n_held, step.take_back, step.string, step.token), (0, 1, 0, None, None))
        self.assertEqual(banned.tokens, ())

    def test_strings(self):
        banned = make([b"d\0wn", "\u00e4"], ["d\0", b"wn", b"\xc3", b"\xa4"], ignore_case=True, max_held=3)
        self.assertEqual(banned.strings, (b"d\0wn", b"\xc3\xa4"))
        self.assertEqual((banned.n_vocab, banned.max_held, banned.ignore_case), (4, 3, True))
        self.assertEqual([step[2] for step in steps(banned, [0, 1, 2, 3])], [0, 2, 0, 2])
        self.assertEqual(make(["AB"], ["a", "b"], ignore_case=True).accept(0).n_held, 1)
        self.assertEqual(make(["AB"], ["a", "b"]).accept(0).n_held, 0)

    def test_rewind_and_reset(self):
        banned = make()
        steps(banned, [1, 2])
        banned.rewind(1)
        self.assertEqual(tuple(banned.accept(3)), (0, 1, 1, 1, 3))
        self.assertEqual(tuple(banned.accept(4)), (2, 0, 0, None, None))
        for bad in (1, -1):
            with self.assertRaises(pluck.Error):
                banned.rewind(bad)
        steps(banned, [1, 2, 3])
        self.assertEqual(banned.tokens, (1,))
        banned.reset()
        self.assertEqual((banned.tokens, banned.accept(2).n_released), ((), 1))

    def test_generation(self):
        """What comes out has no banned string, and is what the chain draws with the bans as a mask."""
        rows = np.random.default_rng(3).standard_normal((60, N)).astype(np.float32) * 2
        banned = make(["s d", "ra", "aa"], max_held=8)
        sampler = pluck.Sampler("temp=1;seed=3;penalty_repeat=1.2", N, max_rewind=banned.max_held)
        tokens, n_out, taken = [], 0, 0
        while len(tokens) < len(rows):
            token = sampler.sample(rows[len(tokens)], mask=banned.mask())
            self.assertNotIn(token, banned.tokens)
            sampler.accept(token)
            tokens.append(token)
            step = banned.accept(token)
            if step.take_back:
                sampler.rewind(step.take_back)
                del tokens[-step.take_back :]
                taken += step.take_back
            n_out += step.n_released
            self.assertEqual(n_out + step.n_held, len(tokens))
        text = b"".join(p.encode() if isinstance(p, str) else p for p in (PIECES[t] for t in tokens))
        self.assertGreater(taken, 5)
        for string in banned.strings:
            self.assertNotIn(string, text)


class Masks(unittest.TestCase):
    def setUp(self):
        self.banned = make(["x"], ["x"] * 40)

    def test_nothing_banned(self):
        self.assertIsNone(self.banned.mask())
        given = np.ones(40, bool)
        self.assertIs(self.banned.mask(given), given)

    def test_banned(self):
        steps(self.banned, [33, 2])
        self.assertEqual(self.banned.tokens, (33, 2))
        left = [i for i in range(40) if i not in (2, 33)]
        bits = np.packbits(np.arange(40) >= 8, bitorder="little")
        for allowed, want in (
            (None, left),
            (np.ones(40, bool), left),
            (np.arange(40) % 2 == 0, [i for i in left if i % 2 == 0]),
            (bits, [i for i in left if i >= 8]),
            (np.array([0x7, 0x3], np.int32), [0, 1, 32]),
        ):
            before = None if allowed is None else allowed.copy()
            mask = self.banned.mask(allowed)
            if allowed is not None:
                np.testing.assert_array_equal(allowed, before)
            self.assertEqual((mask.format, len(mask)), ("I", 2))
            found = pluck.Sampler([], 40).candidates(np.zeros(40, np.float32), mask=mask)
            self.assertEqual(sorted(found.ids), want)

    def test_refused(self):
        self.banned.accept(0)
        for kind, text, mask in (
            (ValueError, "39 elements", np.ones(39, bool)),
            (ValueError, "two dimensions", np.ones((1, 40), bool)),
            (TypeError, "float32", np.ones(40, np.float32)),
            (TypeError, "wanted: an array", 3),
        ):
            with self.assertRaisesRegex(kind, text):
                self.banned.mask(mask)
        with self.assertRaisesRegex(TypeError, "no argument 'mask'"):
            self.banned.mask(mask=None)


class Refused(unittest.TestCase):
    def test_creation(self):
        for kind, text, strings, pieces, keywords in (
            (TypeError, "strings is a .*'str'.*several", "down", PIECES, {}),
            (TypeError, "a banned string is a .*int", [3], PIECES, {}),
            (TypeError, "not iterable", 3, PIECES, {}),
            (pluck.Error, r"strings\[1\] is empty", ["a", ""], PIECES, {}),
            (pluck.Error, "n_strings is 0", [], PIECES, {}),
            (pluck.Error, "more than 16777215 bytes", [bytes(1 << 24)], PIECES, {}),
            (TypeError, "pieces is a .*'str'", ["a"], "abc", {}),
            (TypeError, "pieces is a .*dict", ["a"], {}, {}),
            (TypeError, "the text of token 1 is a .*None", ["a"], ["a", None], {}),
            (ValueError, "8 texts, the vocabulary 9", ["a"], PIECES, {"n_vocab": 9}),
            (TypeError, "n_vocab is needed", ["a"], text_of, {}),
            (pluck.Error, "n_vocab is 0; allowed: 1 to", ["a"], [], {}),
            (pluck.Error, "n_vocab is -1; allowed: 1 to", ["a"], text_of, {"n_vocab": -1}),
            (pluck.Error, "max_held is 4097; allowed: 1 to 4096", ["a"], PIECES, {"max_held": 4097}),
            (OverflowError, "max_held", ["a"], PIECES, {"max_held": 1 << 40}),
            (UnicodeEncodeError, "surrogates", ["\ud800"], PIECES, {}),
        ):
            with self.subTest(text), self.assertRaisesRegex(kind, text):
                pluck.Banned(strings, pieces, **keywords)

    def test_calls(self):
        banned = make()
        banned.accept(1)
        before = banned.save()
        for kind, text, token in (
            (pluck.Error, "token 8 is outside the vocabulary of 8", 8),
            (pluck.Error, "token -1", -1),
            (TypeError, "token is a .*str", "1"),
        ):
            with self.assertRaisesRegex(kind, text):
                banned.accept(token)
        self.assertEqual(banned.save(), before)

    def test_too_many(self):
        banned = make(["x"], ["x"] * 4097, max_held=1)
        for token in range(4096):
            banned.accept(token)
        with self.assertRaisesRegex(pluck.Error, "more than 4096 tokens"):
            banned.accept(4096)
        self.assertEqual(len(banned.tokens), 4096)

    def test_texts(self):
        """What the function of pieces does wrong comes out of accept(), and nothing has changed."""
        answer = {0: "a", 1: 5, 2: "x" * 4097, 3: "\ud800"}
        banned = make(["ab"], lambda token: answer[token], n_vocab=5)
        banned.accept(0)
        before = banned.save()
        for kind, text, token in (
            (TypeError, "text of a token is a .*int", 1),
            (ValueError, "the text of token 2 has 4097 bytes; allowed: 0 to 4096", 2),
            (UnicodeEncodeError, "surrogates", 3),
            (KeyError, "4", 4),
        ):
            with self.assertRaisesRegex(kind, text):
                banned.accept(token)
        self.assertEqual(banned.save(), before)
        answer[4] = "b"
        self.assertEqual(banned.accept(4).take_back, 2)


class Life(unittest.TestCase):
    def test_clone(self):
        banned = make()
        steps(banned, [1, 2])
        for twin in (banned.clone(), copy.copy(banned), copy.deepcopy(banned)):
            self.assertEqual(tuple(twin.accept(3)), (0, 0, 3, 0, 1))
        self.assertEqual(tuple(banned.accept(4)), (3, 0, 0, None, None))
        first = make(pieces=list(PIECES))
        twin = first.clone()
        del first
        gc.collect()
        self.assertEqual(steps(twin, [0, 1, 2, 6, 3]), WORKED)

    def test_state(self):
        banned = make()
        steps(banned, [0, 1, 2, 3, 7])
        again = make()
        again.load(banned.save())
        self.assertEqual((again.save(), again.accept(2)), (banned.save(), banned.accept(2)))
        for bad in (b"", banned.save()[:-1], make(["down"]).save(), make(ignore_case=True).save()):
            with self.assertRaises(pluck.Error):
                again.load(bad)
        with self.assertRaises(TypeError):
            again.load("text")
        self.assertEqual(again.save(), banned.save())

    def test_pickle(self):
        for pieces in (PIECES, text_of):
            banned = make(pieces=pieces, n_vocab=N, ignore_case=True, max_held=9)
            steps(banned, [1, 2])
            again = pickle.loads(pickle.dumps(banned))
            self.assertEqual((again.strings, again.max_held, again.ignore_case), (banned.strings, 9, True))
            self.assertEqual(again.accept(3), banned.accept(3))

    def test_references_are_given_back(self):
        pieces, text = list(PIECES), "an immortal string cannot be counted" * 2
        pieces[0] = text
        held = sys.getrefcount(text)
        banned = make(pieces=pieces)
        for _ in range(50):
            banned.accept(0)
            make(pieces=pieces).clone()
            with self.assertRaises(pluck.Error):
                make([""], pieces)
        self.assertEqual(sys.getrefcount(text), held + 1)
        del banned
        self.assertEqual(sys.getrefcount(text), held)

        def text_of_all(token):
            return text

        before = sys.getrefcount(text_of_all), sys.getrefcount(text)
        banned = make(pieces=text_of_all, n_vocab=2)
        for _ in range(50):
            banned.accept(1)
            with self.assertRaises(pluck.Error):
                banned.accept(2)
        del banned
        self.assertEqual((sys.getrefcount(text_of_all), sys.getrefcount(text)), before)

    def test_cycles_are_collected(self):
        class Texts:
            def __call__(self, token):
                return "a"

        texts = Texts()
        texts.banned = make(pieces=texts, n_vocab=2)
        texts.banned.accept(0)
        gone = weakref.ref(texts)
        del texts
        gc.collect()
        self.assertIsNone(gone())

    def test_in_use(self):
        """By the function that it calls, and by another thread."""
        inside, go_on = threading.Event(), threading.Event()
        errors = []

        def pieces(token):
            if token == 1:
                inside.set()
                go_on.wait()
            else:
                for call in (lambda: banned.accept(1), banned.clone, banned.reset, banned.save, banned.mask):
                    try:
                        call()
                    except RuntimeError as error:
                        errors.append(str(error))
            return "a"

        banned = make(pieces=pieces, n_vocab=2)
        banned.accept(0)
        self.assertEqual(["in use" in error for error in errors], [True] * 5)
        thread = threading.Thread(target=banned.accept, args=(1,))
        thread.start()
        inside.wait()
        with self.assertRaisesRegex(RuntimeError, "in use"):
            banned.accept(0)
        go_on.set()
        thread.join()
        self.assertEqual(banned.accept(0).n_released, 1)

    def test_subclass(self):
        class Own(pluck.Banned):
            pass

        self.assertIsInstance(Own(["a"], PIECES).clone(), Own)


if __name__ == "__main__":
    unittest.main()
