"""Batches: the tokens of the samplers, row by row; failures; fork."""

import os
import threading
import unittest

import numpy as np
import pluck

N, ROWS = 3000, 12
SPEC = "temp=1.1;top_k=50;penalty_repeat=1.2;seed={}"


def samplers(count=ROWS):
    return [pluck.Sampler(SPEC.format(i), N) for i in range(count)]


THREADS = "/proc/self/task"


def count_threads():
    """Of this process; 0 if the system does not list them."""
    return len(os.listdir(THREADS)) if os.path.isdir(THREADS) else 0


class Batches(unittest.TestCase):
    def setUp(self):
        self.rows = (np.random.default_rng(4).standard_normal((ROWS, N)) * 3).astype(np.float32)

    def expect(self, rows, **keywords):
        """Tokens of two steps, one row after another."""
        alone = samplers()
        steps = []
        for _ in range(2):
            tokens = [s.sample(row, **keywords) for s, row in zip(alone, rows)]
            for s, token in zip(alone, tokens):
                s.accept(token)
            steps.append(tokens)
        return steps

    def test_same_as_one_by_one(self):
        expected = self.expect(self.rows)
        fortran = np.asfortranarray(self.rows)
        wide = np.zeros((ROWS, N + 8), np.float32)
        wide[:, :N] = self.rows
        backwards = self.rows[:, ::-1].copy()[:, ::-1]
        for threads in (1, 2, 3):
            batch = pluck.Batch(N, ROWS, threads)
            for rows in (self.rows, list(self.rows), fortran, wide[:, :N], backwards):
                group = samplers()
                found = [batch.sample(group, rows, accept=True).tokens.tolist() for _ in range(2)]
                self.assertEqual(found, expected)

    def test_dtypes(self):
        half = self.rows.astype(np.float16)
        brain = (self.rows.view(np.uint32) >> 16).astype(np.uint16)
        batch = pluck.Batch(N, ROWS, 2)
        self.assertEqual(batch.sample(samplers(), half).tokens.tolist(), self.expect(half)[0])
        self.assertEqual(
            batch.sample(samplers(), brain, dtype="bfloat16").tokens.tolist(),
            self.expect(brain, dtype="bfloat16")[0],
        )
        mixed = [half[i] if i % 2 else self.rows[i] for i in range(ROWS)]
        self.assertEqual(batch.sample(samplers(), mixed).tokens.tolist(), self.expect(mixed)[0])

    def test_masks(self):
        mask = np.random.default_rng(5).random((ROWS, N)) < 0.2
        bits = np.packbits(mask, axis=1, bitorder="little")
        one_by_one = [s.sample(row, mask=m) for s, row, m in zip(samplers(), self.rows, mask)]
        batch = pluck.Batch(N, ROWS, 2)
        for kind in (mask, bits, list(mask), tuple(bits)):
            self.assertEqual(batch.sample(samplers(), self.rows, mask=kind).tokens.tolist(), one_by_one)
        shared = batch.sample(samplers(), self.rows, mask=mask[0]).tokens.tolist()
        self.assertEqual(shared, [s.sample(row, mask=mask[0]) for s, row in zip(samplers(), self.rows)])
        some = [None if i % 2 else mask[i] for i in range(ROWS)]
        found = batch.sample(samplers(), self.rows, mask=some).tokens.tolist()
        self.assertEqual(found, [s.sample(r, mask=m) for s, r, m in zip(samplers(), self.rows, some)])

    def test_what_is_asked_for(self):
        found = pluck.Batch(N, ROWS, 2).sample(samplers(), self.rows, max_kept=50, raw_logprobs=5, logprobs=3)
        self.assertEqual(found.errors, {})
        self.assertEqual((found.raw.ids.shape, found.processed.logprobs.shape), ((ROWS, 5), (ROWS, 3)))
        for i, sampler in enumerate(samplers()):
            draw = sampler.draw(self.rows[i])
            left = sampler.candidates()
            self.assertEqual((found.tokens[i], found.n_candidates[i]), (draw.token, draw.n_candidates))
            self.assertAlmostEqual(found.probabilities[i], draw.probability, places=6)
            begin, end = found.kept.offsets[i : i + 2]
            self.assertEqual(list(found.kept.ids[begin:end]), sorted(left.ids))
            raw = pluck.top_logprobs(self.rows[i], 5, token=draw.token)
            self.assertEqual(np.asarray(found.raw.ids)[i].tolist(), raw.ids.tolist())
            np.testing.assert_allclose(np.asarray(found.raw.logprobs)[i], raw.logprobs, atol=1e-5)
            self.assertAlmostEqual(found.raw.token[i], raw.token_logprob, places=4)
            self.assertAlmostEqual(found.processed.token[i], np.log(draw.probability), places=4)
        none = pluck.Batch(N, ROWS).sample(samplers(), self.rows, logprobs=0)
        self.assertIsNone(none.kept)
        self.assertIsNone(none.raw)
        self.assertEqual(len(none.processed.ids), 0)

    def test_empty(self):
        self.assertEqual(len(pluck.Batch(N, ROWS).sample([], np.zeros((0, N), np.float32)).tokens), 0)

    def test_rows_fail_alone(self):
        def fail(view):
            raise KeyError("mine")

        rows = self.rows.copy()
        rows[3, 5] = np.nan
        group = samplers()
        group[7] = pluck.Sampler([fail, pluck.Dist()], N)
        with self.assertRaises(pluck.BatchError) as caught:
            pluck.Batch(N, ROWS, 2).sample(group, rows)
        error = caught.exception
        self.assertEqual(sorted(error.errors), [3, 7])
        self.assertRegex(str(error), "row 3: .*NaN.*1 more")
        self.assertIsInstance(error.errors[7], KeyError)
        tokens = error.result.tokens.tolist()
        expected = self.expect(self.rows)[0]
        self.assertEqual([tokens[i] for i in (3, 7)], [-1, -1])
        self.assertEqual([t for i, t in enumerate(tokens) if i not in (3, 7)],
                         [t for i, t in enumerate(expected) if i not in (3, 7)])
        self.assertEqual(group[3].sample(self.rows[3]), expected[3])

    def test_what_accept_raises_loses_no_row(self):
        def fail(token):
            raise KeyError(token)

        group = samplers()
        group[5] = pluck.Sampler([pluck.Custom(lambda view: None, fail), pluck.Greedy()], N)
        best = int(self.rows[5].argmax())
        expected = self.expect(self.rows)[0][:5] + [best] + self.expect(self.rows)[0][6:]
        for bad in ((), (2,)):
            rows = self.rows.copy()
            rows[list(bad)] = np.nan
            with self.assertRaises(pluck.BatchError) as caught:
                pluck.Batch(N, ROWS, 2).sample(group, rows, accept=True)
            error = caught.exception
            self.assertEqual(sorted(error.errors), sorted((5, *bad)))
            self.assertEqual(error.errors[5].args, (best,))
            self.assertEqual(error.result.tokens.tolist(), [-1 if i in bad else t for i, t in enumerate(expected)])
            expected = self.expect(self.rows)[1][:5] + [best] + self.expect(self.rows)[1][6:]
        self.assertEqual(group[5].sample(self.rows[5]), best)
        self.assertIsNone(group[5].reset())  # what was raised is not raised once more

    def test_functions_on_other_threads(self):
        seen = set()

        def note(view):
            seen.add(threading.get_ident())
            np.asarray(view.logits)[np.asarray(view.ids) == view.ids[0]] = -np.inf

        group = [pluck.Sampler([note, pluck.Greedy()], N) for _ in range(ROWS)]
        found = pluck.Batch(N, ROWS, 3).sample(group, self.rows).tokens.tolist()
        self.assertEqual(found, [1 + int(row[1:].argmax()) for row in self.rows])

    def test_refused(self):
        batch = pluck.Batch(N, ROWS, 2)
        twice = samplers()
        twice[4] = twice[2]
        for group, rows, keywords, kind, text in (
            (samplers(3), self.rows, {}, ValueError, "12 rows and 3 samplers"),
            (samplers(ROWS + 1), self.rows, {}, ValueError, "13 samplers; the batch is for up to 12"),
            (samplers(), self.rows[:, :-1], {}, ValueError, "row 0 has 2999 logits"),
            (samplers(), self.rows.astype(np.float64), {}, TypeError, "float64"),
            (samplers(), self.rows.astype(">f4"), {}, TypeError, "byte order"),
            (samplers(), self.rows[0], {}, ValueError, "one dimension"),
            (samplers(), [self.rows] * ROWS, {}, ValueError, "row 0 has 2 dimensions"),
            (samplers(), np.broadcast_to(np.float32(0), (ROWS, N)), {}, ValueError, "stride of 0"),
            (twice, self.rows, {}, RuntimeError, "twice"),
            ([5] * ROWS, self.rows, {}, TypeError, "pluck.Sampler"),
            ([pluck.Sampler("", N + 1)], self.rows, {}, ValueError, "vocabulary of 3001"),
            (samplers(), self.rows, {"mask": np.ones((3, N), bool)}, ValueError, "3 masks"),
            (samplers(), self.rows, {"mask": np.ones((ROWS, 5), bool)}, ValueError, "5 elements"),
            (samplers(), self.rows, {"logprobs": -1}, ValueError, "logprobs=-1 .* 0 to 3000"),
            (samplers(), self.rows, {"max_kept": 0}, ValueError, "max_kept=0 .* 1 to 3000"),
            (samplers(), self.rows, {"kept": 1}, TypeError, "no argument"),
            (None, self.rows, {}, TypeError, "needed"),
        ):
            with self.subTest(text), self.assertRaisesRegex(kind, text):
                batch.sample(group, rows, **keywords)
            for sampler in group or ():
                if isinstance(sampler, pluck.Sampler) and sampler.n_vocab == N:
                    sampler.sample(self.rows[0])  # none is left marked as busy
        for arguments in ((0, 1), (N, 0), (N, 1, 0), (N, 65537), (N, 1, 1025)):
            with self.assertRaisesRegex(pluck.Error, "allowed"):
                pluck.Batch(*arguments)

    def test_in_use(self):
        inside, go_on = threading.Event(), threading.Event()

        def wait(view):
            inside.set()
            go_on.wait()

        batch = pluck.Batch(N, 1)
        waiting = pluck.Sampler([wait, pluck.Greedy()], N)
        thread = threading.Thread(target=lambda: batch.sample([waiting], self.rows[:1]))
        thread.start()
        inside.wait()
        with self.assertRaisesRegex(RuntimeError, "the batch is in use"):
            batch.sample(samplers(1), self.rows[:1])
        with self.assertRaisesRegex(RuntimeError, "in use"):
            waiting.sample(self.rows[0])
        go_on.set()
        thread.join()

    def check_child(self, batch, expected):
        """In a child of fork a batch of three threads gives these tokens, with threads of its own."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                before = count_threads()
                right = batch.sample(samplers(), self.rows).tokens.tolist() == expected
                code = 0 if right and count_threads() - before == (2 if before else 0) else 1
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_fork_after_use(self):
        batch = pluck.Batch(N, ROWS, 3)
        batch.sample(samplers(), self.rows)
        expected = self.expect(self.rows)[0]
        self.check_child(batch, expected)
        self.assertEqual(batch.sample(samplers(), self.rows).tokens.tolist(), expected)

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_fork_while_in_use(self):
        inside, go_on = threading.Event(), threading.Event()

        def wait(view):
            inside.set()
            go_on.wait()

        batch = pluck.Batch(N, ROWS, 3)
        waiting = pluck.Sampler([wait, pluck.Greedy()], N)
        found = []
        thread = threading.Thread(target=lambda: found.append(batch.sample([waiting], self.rows[:1])))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(go_on.set)
        inside.wait()
        self.check_child(batch, self.expect(self.rows)[0])
        go_on.set()
        thread.join()
        self.assertEqual(found[0].tokens.tolist(), [int(self.rows[0].argmax())])


if __name__ == "__main__":
    unittest.main()
