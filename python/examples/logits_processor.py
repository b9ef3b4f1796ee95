#!/usr/bin/env python3
"""A generation loop in the style of transformers, with Pluck as a logits processor.

PluckLogitsProcessor is called as the members of a LogitsProcessorList are, with (input_ids, scores), and works
there: model.generate(..., do_sample=True, logits_processor=LogitsProcessorList([PluckLogitsProcessor(chain)])).
It runs a chain without a draw on each row, and leaves to generate() what the chain kept, at its new logits.
"""

import torch

import pluck


class PluckLogitsProcessor:
    """scores, of shape (batch, vocabulary): what the chain cuts off becomes -inf.

    chain: stages of pluck.stages that edit and cut. Each row has a sampler of its own, which is told the tokens of
        input_ids as they come, for stages that remember them (penalties, DRY).
    """

    def __init__(self, chain):
        self.chain = chain
        self.samplers = []
        self.n_seen = 0

    def __call__(self, input_ids, scores):
        n_rows, n_vocab = scores.shape
        if len(self.samplers) != n_rows or input_ids.shape[1] < self.n_seen:
            self.samplers = [pluck.Sampler(self.chain, n_vocab) for _ in range(n_rows)]
            self.n_seen = 0
        kept = torch.full_like(scores, -torch.inf)
        for i, sampler in enumerate(self.samplers):
            sampler.accept(input_ids[i, self.n_seen :].tolist())
            found = sampler.candidates(scores[i])
            ids = torch.frombuffer(found.ids, dtype=torch.int32).long()
            kept[i, ids] = torch.frombuffer(found.logits, dtype=torch.float32).to(scores.dtype)
        self.n_seen = input_ids.shape[1]
        return kept


def generate(model, input_ids, processors, n_tokens, generator):
    """What transformers' generate(do_sample=True) does, in a few lines."""
    for _ in range(n_tokens):
        scores = model(input_ids)
        for processor in processors:
            scores = processor(input_ids, scores)
        drawn = torch.multinomial(scores.softmax(-1), 1, generator=generator)
        input_ids = torch.cat([input_ids, drawn], dim=1)
    return input_ids


def main():
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(100, 100, generator=generator) * 3  # a model: the logits after each token

    chain = [pluck.Penalties(last_n=20, repeat=1.3), pluck.TopK(10), pluck.MinP(0.05), pluck.Temperature(0.7)]
    start = torch.tensor([[1, 2, 3], [4, 5, 6]])
    output = generate(lambda ids: table[ids[:, -1]], start, [PluckLogitsProcessor(chain)], 12, generator)
    for row in output.tolist():
        print(*row)


if __name__ == "__main__":
    main()
