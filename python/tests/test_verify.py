"""Sampler.verify: the results are the C library's, whatever rows and proposals are made of."""

import threading
import unittest

import numpy as np
import pluck

import clib

N = 500
N_DRAFT = 4
SPECS = [
    "temp=1;top_k=0;top_p=1;min_p=0;seed=1",
    "temp=0.9;top_k=40;repeat_penalty=1.3;seed=2",
    "temp=1;top_p=0.9;rng=philox;seed=3",
    "temp=0;seed=4",
    "mirostat=2;seed=5",
]
WAYS = ["same", "rejection", "block"]
LIBRARY = clib.load()


class Drafts:
    """Rows and drafts of one model that the other one knows roughly."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.drafter = pluck.Sampler("temp=1;top_k=30;top_p=1;min_p=0", N, seed=seed)

    def next(self):
        """tokens, rows of shape (5, 500), and the Candidates that each token was drawn from."""
        rows = (self.random.standard_normal((N_DRAFT + 1, N)) * 3).astype(np.float32)
        tokens, left = [], []
        for row in rows[:-1]:
            tokens.append(self.drafter.sample(row + self.random.standard_normal(N).astype(np.float32) * 0.3))
            left.append(self.drafter.candidates())
        return tokens, rows, left


def dense(left):
    """Candidates as probabilities of the whole vocabulary."""
    whole = np.zeros(N, np.float32)
    whole[np.asarray(left.ids)] = left.probabilities
    return whole


def ascending(left):
    order = np.argsort(left.ids)
    return np.asarray(left.ids)[order], np.asarray(left.probabilities)[order]


def backwards(left):
    ids, probabilities = ascending(left)
    return [ids.astype(np.int64)[::-1], probabilities[::-1]]


def target(spec=SPECS[1], **keywords):
    return pluck.Sampler(spec, N, **{"max_rewind": N_DRAFT, **keywords})


def state(sampler):
    return sampler.save()


@unittest.skipUnless(LIBRARY, "PLUCK_SHARED_LIBRARY does not name libpluck.so")
class SameAsC(unittest.TestCase):
    def compare(self, way, convert, given):
        """convert: Candidates as verify takes them. given: Candidates as clib does; None: no proposals."""
        counts = set()
        for spec in SPECS:
            mine, theirs = target(spec), clib.Sampler(LIBRARY, spec, N, N_DRAFT)
            drafts = Drafts(7)
            for _ in range(12):
                tokens, rows, left = drafts.next()
                found = mine.verify(tokens, rows, way=way, proposals=convert and convert(left))
                expected = theirs.verify(WAYS.index(way), tokens, rows, given and [given(q) for q in left])
                self.assertEqual((found.n_accepted, found.token, found.node), expected)
                self.assertEqual(found.tokens.tolist(), tokens[: found.n_accepted] + [found.token])
                counts.add(found.n_accepted)
        self.assertEqual(counts & {0, 1}, {0, 1})  # drafts were turned down, and others stood

    def test_no_proposals(self):
        for way in WAYS:
            with self.subTest(way):
                self.compare(way, None, None)

    def test_matrix(self):
        for way in WAYS[1:]:
            with self.subTest(way):
                self.compare(way, lambda left: np.stack([dense(q) for q in left]), lambda q: (None, dense(q)))

    def test_lists(self):
        kinds = {
            "candidates": lambda left: left,
            "pairs": lambda left: [(q.ids, q.probabilities) for q in left],
            "int64, backwards": lambda left: [backwards(q) for q in left],
            "ascending": lambda left: tuple(ascending(q) for q in left),
        }
        for name, convert in kinds.items():
            for way in WAYS[1:]:
                with self.subTest(name, way=way):
                    self.compare(way, convert, ascending)


    def test_trees(self):
        parents = [-1, -1, 0, 1]
        counts = set()
        for spec in SPECS:
            for way in WAYS[:2]:
                for without in (False, True):
                    mine, theirs = target(spec), clib.Sampler(LIBRARY, spec, N, N_DRAFT)
                    drafts = Drafts(8)
                    for _ in range(12):
                        tokens, rows, left = drafts.next()
                        tokens[1] = int(left[0].ids[int(left[0].ids[0] == tokens[0])])
                        left[1] = left[0]
                        rows[1], rows[2] = rows[2].copy(), rows[3].copy()  # where tokens 2 and 3 are judged
                        found = mine.verify(
                            tokens, rows, way=way, proposals=left, parents=parents, without_replacement=without
                        )
                        dense_left = [ascending(q) for q in left]
                        expected = theirs.verify(WAYS.index(way), tokens, rows, dense_left, parents, without)
                        self.assertEqual((found.n_accepted, found.token, found.node), expected)
                        path, node = [found.token], found.node
                        while node >= 0:
                            path.insert(0, tokens[node])
                            node = parents[node]
                        self.assertEqual(found.tokens.tolist(), path)
                        counts.add(found.node)
        self.assertEqual(counts, {-1, 0, 1, 2, 3})


class Verify(unittest.TestCase):
    def setUp(self):
        self.tokens, self.rows, self.left = Drafts(11).next()

    def test_same_token_is_sampling(self):
        drafted, plain = target(), target()
        for seed in range(8):
            tokens, rows, _ = Drafts(seed).next()
            found = drafted.verify(tokens, rows)
            for row, token in zip(rows, found.tokens):
                self.assertEqual(plain.sample(row), token)
                plain.accept(token)
            self.assertEqual(state(drafted), state(plain))

    def test_kinds_of_rows(self):
        expected = target().verify(self.tokens, self.rows, way="block", proposals=self.left).tokens.tolist()
        padded = np.zeros((N_DRAFT + 1, N + 12), np.float32)
        padded[:, :N] = self.rows
        for rows in (padded[:, :N], list(self.rows), tuple(self.rows), memoryview(self.rows)):
            found = target().verify(np.array(self.tokens), rows, way="block", proposals=self.left)
            self.assertEqual(found.tokens.tolist(), expected)
        half = self.rows.astype(np.float16)
        brain = (self.rows.view(np.uint32) >> 16).astype(np.uint16)
        for rows, keywords, exact in (
            (half, {}, half.astype(np.float32)),
            (brain, {"dtype": "bfloat16"}, (brain.astype(np.uint32) << 16).view(np.float32)),
        ):
            a, b = target(), target()
            self.assertEqual(a.verify(self.tokens, rows, **keywords)[:2], b.verify(self.tokens, exact)[:2])
            self.assertEqual(state(a), state(b))

    def test_torch(self):
        try:
            import torch
        except ImportError:
            self.skipTest("PyTorch is missing (Debian: python3-torch)")
        whole = np.stack([dense(q) for q in self.left])
        expected = target().verify(self.tokens, self.rows, way="rejection", proposals=whole).tokens.tolist()
        found = target().verify(
            torch.tensor(self.tokens), torch.from_numpy(self.rows), way="rejection", proposals=torch.from_numpy(whole)
        )
        self.assertEqual(found.tokens.tolist(), expected)

    def test_masks(self):
        best = [int(row.argmax()) for row in self.rows]
        greedy = [pluck.Greedy()]
        self.assertEqual(target(greedy).verify(best[:-1], self.rows).tokens.tolist(), best)
        mask = np.ones((N_DRAFT + 1, N), bool)
        mask[2, best[2]] = False
        second = int(np.argsort(self.rows[2])[-2])
        for kind in (mask, np.packbits(mask, axis=1, bitorder="little"), [None, None, mask[2], None, None]):
            self.assertEqual(target(greedy).verify(best[:-1], self.rows, mask=kind).tokens.tolist(), best[:2] + [second])
        self.assertEqual(target(greedy).verify(best[:-1], self.rows, mask=np.ones(N, bool)).tokens.tolist(), best)

    def test_no_draft(self):
        for way in WAYS:
            a, b = target(max_rewind=0), target()
            found = a.verify([], self.rows[:1], way=way, proposals=[])
            token = b.sample(self.rows[0])
            self.assertEqual((found.n_accepted, found.token, found.tokens.tolist()), (0, token, [token]))

    def test_candidates_have_no_result(self):
        sampler = target(workspace=pluck.Workspace(N))
        sampler.sample(self.rows[0])
        sampler.verify(self.tokens, self.rows)
        with self.assertRaisesRegex(pluck.Error, "no result"):
            sampler.candidates()

    def test_refused(self):
        whole = np.stack([dense(q) for q in self.left])
        ids, p = ascending(self.left[0])
        rest = list(whole[1:])
        nan = self.rows.copy()
        nan[0, 3] = np.nan
        for change, kind, text in (
            ({"way": "best"}, ValueError, "way='best'; allowed: 'same', 'rejection', 'block'"),
            ({"way": 1}, ValueError, "way=1; allowed"),
            ({"tokens": None}, TypeError, "tokens and rows are needed"),
            ({"tokens": [1, 2, "x", 4]}, TypeError, r"tokens\[2\] is a .*str"),
            ({"tokens": [1, 2, 2**31, 4]}, OverflowError, r"tokens\[2\] is 2147483648; allowed"),
            ({"tokens": [1, N, 2, 3], "proposals": None}, pluck.Error, r"tokens\[1\] is 500; allowed: 0 to 499"),
            ({"tokens": [1] * 5}, pluck.Error, r"len\(tokens\) is 5; allowed: 0 to 4, the sampler's max_rewind"),
            ({"rows": self.rows[:-1]}, ValueError, "4 rows and 5 places, one more than tokens"),
            ({"rows": self.rows[0]}, ValueError, "rows has one dimension"),
            ({"rows": self.rows[:, 1:]}, ValueError, "row 0 has 499 logits"),
            ({"rows": np.asfortranarray(self.rows)}, ValueError, "row 0 has a stride of 5 elements"),
            ({"rows": self.rows.astype(np.float64)}, TypeError, "float64"),
            ({"rows": nan}, pluck.Error, r"rows\[0\]: .*NaN"),
            ({"mask": np.ones((4, N), bool)}, ValueError, "4 masks and 5 places"),
            ({"proposals": whole[:2]}, ValueError, "2 proposals and 4 tokens"),
            ({"proposals": whole[0]}, ValueError, "proposals has one dimension"),
            ({"proposals": [whole] * 4}, ValueError, r"proposals\[0\] has 2 dimensions"),
            ({"proposals": whole[:, 1:]}, ValueError, r"proposals\[0\] has 499 probabilities"),
            ({"proposals": np.asfortranarray(whole)}, ValueError, r"proposals\[0\] has a stride of 16 bytes"),
            ({"proposals": whole.astype(np.float64)}, TypeError, "proposals are float64; wanted: float32"),
            ({"proposals": [0.5] * 4}, TypeError, "proposals is a .*float"),
            ({"proposals": [(ids,), *rest]}, ValueError, r"proposals\[0\] has 1 parts"),
            ({"proposals": [(ids, p[1:]), *rest]}, ValueError, r"proposals\[0\]: there are 30 ids and 29 probabilities"),
            ({"proposals": [(p, p), *rest]}, TypeError, r"proposals\[0\]: ids are float32"),
            ({"proposals": [(ids, ids), *rest]}, TypeError, r"proposals\[0\]: probabilities are int32"),
            ({"proposals": [(ids[:0], p[:0]), *rest]}, ValueError, r"proposals\[0\] has 0 candidates; allowed: 1 to 500"),
            ({"proposals": [(ids + 500, p), *rest]}, pluck.Error, r"proposals\[0\]: ids\[0\] is \d+; allowed: 0 to 499"),
            ({"proposals": [(ids, -p), *rest]}, pluck.Error, r"proposals\[0\]: probabilities\[0\] is -.*; allowed: 0 to 1"),
            ({"proposals": [(ids * 0, p), *rest]}, pluck.Error, r"proposals\[0\]: the id 0 is given twice"),
            ({"proposals": [(ids, p / 2), *rest]}, pluck.Error, r"proposals\[0\]: the probabilities add up to 0.5"),
            ({"proposals": [np.eye(N, dtype=np.float32)[self.tokens[0] - 1], *rest]}, pluck.Error, "no probability"),
            ({"kept": 1}, TypeError, "no argument"),
            ({"parents": [-1, 0, 1]}, ValueError, "3 parents and 4 tokens"),
            ({"parents": [-1, 0, "x", 1]}, TypeError, r"parents\[2\] is a .*str"),
            ({"parents": [-1, 0, 2, 1], "way": "same"}, pluck.Error, r"parents\[2\] is 2; allowed: -1 to 1"),
            ({"parents": [-1, 0, 1, 2]}, pluck.Error, "a draft with parents, which is a tree, is not judged as a block"),
        ):
            sampler = target()
            before = state(sampler)
            arguments = {"tokens": self.tokens, "rows": self.rows, "way": "block", "proposals": whole, **change}
            with self.subTest(text), self.assertRaisesRegex(kind, text):
                sampler.verify(**arguments)
            self.assertEqual(state(sampler), before)
            sampler.sample(self.rows[0])  # it is not left marked as busy
        with self.assertRaises(pluck.Error) as caught:
            target(max_rewind=100).verify([1] * 65, self.rows)
        error = caught.exception
        self.assertEqual((error.name, error.key, error.value, error.range), ("PLUCK_ERR_SIZE", "len(tokens)", "65", "0 to 64"))
        with self.assertRaisesRegex(pluck.Error, "the tree's depth is 4, the sampler's max_rewind is 3"):
            target(max_rewind=3).verify(self.tokens, self.rows, parents=[-1, 0, 1, 2])
        wide = target(max_rewind=1).verify(self.tokens, self.rows, parents=[-1] * 4)
        self.assertLessEqual(wide.n_accepted, 1)
        with self.assertRaisesRegex(pluck.Error, "no rewind"):
            target([pluck.Custom(lambda view: None, lambda token: None), pluck.Dist()]).verify(self.tokens, self.rows)

    def test_what_a_stage_raises(self):
        class Stage:
            def apply(self, view):
                if self.where == "apply":
                    raise KeyError("mine")

            def accept(self, token):
                if self.where == "accept":
                    raise KeyError(token)

            def rewind(self, n):
                pass

        stage = Stage()
        stage.where = "apply"
        best = [int(row.argmax()) for row in self.rows]
        sampler = target([stage, pluck.Greedy()])
        with self.assertRaises(KeyError) as caught:
            sampler.verify(best[:-1], self.rows)
        self.assertFalse(hasattr(caught.exception, "verified"))
        stage.where = "accept"
        with self.assertRaises(KeyError) as caught:
            sampler.verify(best[:-1], self.rows)
        self.assertEqual(caught.exception.args, (best[0],))
        self.assertEqual(caught.exception.verified.tokens.tolist(), best)

    def test_in_use(self):
        inside, go_on = threading.Event(), threading.Event()

        def wait(view):
            inside.set()
            go_on.wait()

        sampler = pluck.Sampler([wait, pluck.Greedy()], N)
        thread = threading.Thread(target=lambda: sampler.verify([], self.rows[:1]))
        thread.start()
        inside.wait()
        with self.assertRaisesRegex(RuntimeError, "in use"):
            sampler.verify([], self.rows[:1])
        go_on.set()
        thread.join()


if __name__ == "__main__":
    unittest.main()
