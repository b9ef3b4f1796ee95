"""Pluck: from a row of logits to a token.

    import numpy, pluck

    sampler = pluck.Sampler("temp=0.8;top_k=40;top_p=0.95;min_p=0.05", n_vocab, seed=42)
    token = sampler.sample(logits)      # NumPy, PyTorch, DLPack or buffer; never copied or written to
    sampler.accept(token)

Sampler is a chain of stages, made of a spec or of pluck.stages; its verify() judges the drafts of a small
model; Batch runs many samplers on threads; Banned keeps strings out of a text; top_logprobs gives the
log-probabilities of a row. What the library refuses is a pluck.Error that names key, value and range. Results are
those of the C library, bit for bit.
"""

from pluck._errors import BatchError, Error
from pluck._pluck import (
    Banned, BannedStep, Batch, BatchLogProbs, BatchResult, Candidates, Draw, Kept, LogProbs, Sampler, Verified,
    Workspace, __version__, isa, top_logprobs,
)
from pluck.stages import *
from pluck import stages

__all__ = [
    "Sampler", "Workspace", "Draw", "Candidates", "LogProbs", "top_logprobs", "isa", "Error", "stages",
    "Batch", "BatchResult", "BatchLogProbs", "Kept", "BatchError", "Verified", "Banned", "BannedStep",
] + stages.__all__
