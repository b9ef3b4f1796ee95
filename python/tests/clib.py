"""The C library by ctypes, to compare with: the shared library named by PLUCK_SHARED_LIBRARY."""

import ctypes
import os

import numpy as np


class Row(ctypes.Structure):
    _fields_ = [
        ("logits", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("n", ctypes.c_int32),
        ("ids", ctypes.c_void_p),
        ("descending", ctypes.c_bool),
        ("allowed", ctypes.c_void_p),
        ("n_allowed", ctypes.c_int32),
        ("workspace", ctypes.c_void_p),
        ("skip_probability", ctypes.c_bool),
        ("second_dtype", ctypes.c_int),
        ("second", ctypes.c_void_p),
    ]


class Draw(ctypes.Structure):
    _fields_ = [
        ("token", ctypes.c_int32),
        ("logit", ctypes.c_float),
        ("probability", ctypes.c_float),
        ("n_candidates", ctypes.c_int32),
    ]


class Candidates(ctypes.Structure):
    _fields_ = [
        ("ids", ctypes.POINTER(ctypes.c_int32)),
        ("logits", ctypes.POINTER(ctypes.c_float)),
        ("probabilities", ctypes.POINTER(ctypes.c_float)),
        ("n", ctypes.c_int32),
        ("n_masked", ctypes.c_int32),
        ("selected", ctypes.c_int32),
        ("descending", ctypes.c_bool),
    ]


class Config(ctypes.Structure):
    _fields_ = [
        ("n_vocab", ctypes.c_int32),
        ("seed", ctypes.c_uint32),
        ("rng", ctypes.c_int),
        ("stages", ctypes.c_void_p),
        ("n_stages", ctypes.c_int32),
        ("allocator", ctypes.c_void_p * 3),
        ("workspace", ctypes.c_void_p),
        ("max_rewind", ctypes.c_int32),
    ]


class Proposal(ctypes.Structure):
    _fields_ = [("ids", ctypes.c_void_p), ("probabilities", ctypes.c_void_p), ("n", ctypes.c_int32)]


class Draft(ctypes.Structure):
    _fields_ = [
        ("way", ctypes.c_int),
        ("tokens", ctypes.c_void_p),
        ("n_tokens", ctypes.c_int32),
        ("rows", ctypes.POINTER(Row)),
        ("proposals", ctypes.POINTER(Proposal)),
        ("workspace", ctypes.c_void_p),
        ("parents", ctypes.c_void_p),
        ("without_replacement", ctypes.c_bool),
    ]


def load():
    """The library, or None if the environment names none."""
    path = os.environ.get("PLUCK_SHARED_LIBRARY")
    if not path:
        return None
    library = ctypes.CDLL(path)
    library.pluck_sampler_workspace.restype = ctypes.c_void_p
    library.pluck_spec_config.restype = ctypes.POINTER(Config)
    return library


class Sampler:
    """pluck_sampler_create of a spec, and what is called on it."""

    def __init__(self, library, spec, n_vocab, max_rewind=0):
        self.library = library
        self.at = ctypes.c_void_p()
        parsed = ctypes.c_void_p()
        status = library.pluck_spec_parse(ctypes.byref(parsed), spec.encode(), n_vocab, None)
        assert status == 0, (spec, status)
        config = library.pluck_spec_config(parsed).contents
        config.max_rewind = max_rewind
        status = library.pluck_sampler_create(ctypes.byref(self.at), ctypes.byref(config))
        library.pluck_spec_free(parsed)
        assert status == 0, (spec, status)

    def draw(self, array, dtype, mask=None):
        """mask: packed uint32 words."""
        self.row = Row(logits=array.ctypes.data, dtype=dtype)
        if mask is not None:
            self.row.allowed, self.row.n_allowed = mask.ctypes.data, len(array)
        found = Draw()
        status = self.library.pluck_sample_row(self.at, ctypes.byref(self.row), ctypes.byref(found))
        assert status == 0, status
        return found.token, found.logit, found.probability, found.n_candidates

    def candidates(self):
        workspace = ctypes.c_void_p(self.library.pluck_sampler_workspace(self.at))
        found = Candidates()
        status = self.library.pluck_workspace_candidates(workspace, ctypes.byref(found))
        assert status == 0, status
        arrays = [np.ctypeslib.as_array(a, (found.n,)).copy() for a in (found.ids, found.logits, found.probabilities)]
        return (*arrays, found.selected, found.n_masked, found.descending)

    def verify(self, way, tokens, rows, proposals=None, parents=None, without_replacement=False):
        """n_accepted, token, node. way: 0 to 2. rows: float32 of shape (n + 1, n_vocab).

        proposals: (ids or None, float32) of each token.
        """
        tokens = np.array(tokens, np.int32)
        given = [Proposal(None if ids is None else ids.ctypes.data, p.ctypes.data, len(p)) for ids, p in proposals or ()]
        draft = Draft(way, tokens.ctypes.data, len(tokens), (Row * len(rows))(*(Row(row.ctypes.data) for row in rows)))
        if proposals is not None:
            draft.proposals = (Proposal * len(given))(*given)
        if parents is not None:
            parents = np.array(parents, np.int32)
            draft.parents = parents.ctypes.data
        draft.without_replacement = without_replacement
        found = (ctypes.c_int32 * 3)()
        status = self.library.pluck_verify(self.at, ctypes.byref(draft), ctypes.byref(found), None)
        assert status == 0, status
        return tuple(found)

    def accept(self, token):
        assert self.library.pluck_accept(self.at, token) == 0

    def __del__(self):
        self.library.pluck_sampler_free(self.at)
