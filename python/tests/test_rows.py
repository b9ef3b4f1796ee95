"""Which arrays are taken as rows, masks and ids, and what is said of those that are not."""

import array
import ctypes
import gc
import sys
import unittest

import numpy as np
import pluck

N = 8
ROW = np.array([1.2, 0.3, 4.1, 3.8, -2.0, 2.9, 0.0, 3.5], np.float32)


def greedy():
    return pluck.Sampler([pluck.Greedy()], N)


class DLPack:
    """An object that has DLPack and nothing else."""

    def __init__(self, array, device=(1, 0), capsule=None):
        self.array, self.device, self.capsule = array, device, capsule

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **_):
        return self.array.__dlpack__() if self.capsule is None else self.capsule


class Taken(unittest.TestCase):
    def test_kinds_of_array(self):
        numbers = ROW.tolist()
        read_only = ROW.copy()
        read_only.flags.writeable = False
        rows = {
            "numpy": ROW,
            "float16": ROW.astype(np.float16),
            "read-only": read_only,
            "array.array": array.array("f", numbers),
            "memoryview": memoryview(ROW),
            "ctypes": (ctypes.c_float * N)(*numbers),
            "DLPack": DLPack(ROW),
            "DLPack, host memory of a GPU": DLPack(ROW, (3, 0)),
            "row of a matrix": np.stack([ROW * 0, ROW])[1],
            "slice": np.concatenate([ROW, ROW])[N:],
        }
        for name, row in rows.items():
            with self.subTest(name):
                self.assertEqual(greedy().sample(row), 2)

    def test_bits(self):
        half = ROW.astype(np.float16).view(np.uint16)
        self.assertEqual(greedy().sample(half, dtype="float16"), 2)
        brain = (ROW.view(np.uint32) >> 16).astype(np.uint16)
        self.assertEqual(greedy().sample(brain, dtype="bfloat16"), 2)

    def test_ids(self):
        ids = np.array([5, 6, 7], np.int32)
        for given in (ids, ids.astype(np.int64)):
            self.assertEqual(greedy().sample(ROW[:3], ids=given), 7)
        self.assertEqual(greedy().sample(np.sort(ROW)[::-1].copy(), ids=np.arange(N), descending=True), 0)

    def test_rows_are_not_written_to(self):
        before = ROW.tobytes()
        sampler = pluck.Sampler("temp=0.5;penalty_repeat=2;seed=1", N)
        for _ in range(20):
            sampler.accept(sampler.sample(ROW))
        self.assertEqual(ROW.tobytes(), before)


class Refused(unittest.TestCase):
    """Each with its exception and a piece of the message; the sampler goes on as if nothing had been."""

    def check(self, kind, text, row, **keywords):
        sampler = pluck.Sampler("temp=1;seed=3", N)
        untouched = sampler.clone()
        with self.assertRaisesRegex(kind, text):
            sampler.sample(row, **keywords)
        for _ in range(10):
            self.assertEqual(sampler.sample(ROW), untouched.sample(ROW))

    def test_dtype(self):
        self.check(TypeError, "float64", ROW.astype(np.float64))
        self.check(TypeError, "int32", np.ones(N, np.int32))
        self.check(TypeError, "bool", np.ones(N, bool))
        self.check(TypeError, "uint8", bytes(N))
        self.check(TypeError, "int16.*bfloat16", np.ones(N, np.uint16))
        self.check(TypeError, "contradicts", ROW, dtype="float16")
        self.check(ValueError, "allowed: 'float32'", ROW, dtype="float64")
        self.check(TypeError, "format", np.ones(N, np.complex64))
        self.check(TypeError, "format", np.zeros(N, [("x", np.float32)]))
        self.check(BufferError, "row", np.zeros(N, "datetime64[s]"))

    def test_byte_order(self):
        foreign = ">" if sys.byteorder == "little" else "<"
        for kind in ("f4", "f2"):
            self.check(TypeError, "byte order", ROW.astype(foreign + kind))
        self.check(TypeError, "mask is of another byte order", ROW, mask=np.full(1, 255, foreign + "i4"))

    def test_shape(self):
        self.check(ValueError, "7 logits; the vocabulary has 8", ROW[:7])
        self.check(ValueError, "0 logits", ROW[:0])
        self.check(ValueError, r"shape \(2, 8\)", np.stack([ROW, ROW]))
        self.check(ValueError, r"shape \(1, 8\)", ROW[None])
        self.check(ValueError, "0 dimensions", np.float32(1))
        self.check(ValueError, "3 dimensions", ROW.reshape(2, 2, 2))

    def test_layout(self):
        self.check(ValueError, "stride of 8", np.repeat(ROW, 2)[::2])
        self.check(ValueError, "stride of -4", ROW[::-1])
        self.check(ValueError, "stride of 0", np.broadcast_to(np.float32(1), N))
        odd = np.frombuffer(b"\0" + ROW.tobytes(), np.uint8)[1:]
        unaligned = np.ndarray(N, np.float32, odd.data)
        self.check(ValueError, "not aligned", unaligned)

    def test_no_array(self):
        for thing in (3, "12345678", ROW.tolist(), object(), {}):
            self.check(TypeError, "wanted: an array", thing)
        self.check(TypeError, "a row is needed", None)
        self.check(BufferError, "device", DLPack(ROW, (2, 0)))
        self.check(BufferError, "capsule", DLPack(ROW, capsule=5))

    def test_arguments(self):
        self.check(TypeError, "no argument 'msak'", ROW, msak=None)
        with self.assertRaisesRegex(TypeError, "by place"):
            greedy().sample(ROW, ROW)
        with self.assertRaisesRegex(TypeError, "twice"):
            greedy().sample(ROW, row=ROW)
        with self.assertRaisesRegex(TypeError, "needed"):
            greedy().sample()

    def test_mask(self):
        self.check(ValueError, "7 elements", ROW, mask=np.ones(7, bool))
        self.check(ValueError, "9 elements", ROW, mask=np.ones(9, bool))
        self.check(ValueError, "0 elements", ROW, mask=np.ones(0, np.uint8))
        self.check(TypeError, "float32", ROW, mask=ROW)
        self.check(ValueError, "stride", ROW, mask=np.ones(16, bool)[::2])
        self.check(ValueError, "one dimension", ROW, mask=np.ones((1, 8), bool))
        self.check(pluck.Error, "every token is masked", ROW, mask=np.zeros(8, bool))

    def test_ids(self):
        self.check(ValueError, "as many", ROW[:3], ids=np.arange(2, dtype=np.int32))
        self.check(TypeError, "int32 or int64", ROW[:3], ids=np.arange(3, dtype=np.int16))
        self.check(ValueError, "1 to 8", ROW[:0], ids=np.arange(0))
        self.check(pluck.Error, "outside the vocabulary", ROW[:1], ids=np.array([8]))
        self.check(pluck.Error, "outside the vocabulary", ROW[:1], ids=np.array([2**40 + 1]))
        self.check(ValueError, "descending=True is for rows with ids", ROW, descending=True)
        self.check(pluck.Error, "descending and is not", ROW, ids=np.arange(N), descending=True)

    def test_nan(self):
        row = ROW.copy()
        row[3] = np.nan
        self.check(pluck.Error, "NaN", row)


class Lifetime(unittest.TestCase):
    def test_references_are_given_back(self):
        sampler, row, mask = greedy(), ROW.copy(), np.ones(N, bool)
        for _ in range(3):
            sampler.sample(row, mask=mask)
        held = sys.getrefcount(row)
        for _ in range(100):
            sampler.draw(row, mask=mask)
            sampler.candidates()
            with self.assertRaises(ValueError):
                sampler.sample(row[:3])
        sampler.sample(row, mask=mask)
        self.assertEqual(sys.getrefcount(row), held)
        sampler.sample(ROW)
        self.assertEqual(sys.getrefcount(row), 2)
        self.assertEqual(sys.getrefcount(mask), 2)

    def test_row_lives_until_the_candidates_are_read(self):
        sampler = pluck.Sampler("samplers=;seed=1", 200000)
        sampler.sample(np.zeros(200000, np.float32))
        gc.collect()
        self.assertEqual(len(sampler.candidates().ids), 200000)

    def test_a_held_buffer_cannot_be_resized(self):
        data = bytearray(ROW.tobytes())
        sampler = greedy()
        sampler.sample(memoryview(data).cast("f"))
        with self.assertRaises(BufferError):
            data.clear()
        sampler.sample(ROW)
        data.clear()

    def test_cycles_are_collected(self):
        import weakref

        class Rule:
            def apply(self, view):
                pass

        rule = Rule()
        rule.sampler = pluck.Sampler([rule, pluck.Greedy()], N)
        gone = weakref.ref(rule)
        del rule
        gc.collect()
        self.assertIsNone(gone())

    def test_results_are_copies(self):
        sampler = pluck.Sampler("temp=1;seed=1", N)
        found = sampler.candidates(ROW)
        before = found.ids.tolist()
        sampler.sample(-ROW)
        del sampler
        self.assertEqual(found.ids.tolist(), before)


if __name__ == "__main__":
    unittest.main()
