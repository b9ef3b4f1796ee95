#!/usr/bin/env python3
"""A generation loop whose text must not contain some strings; examples/banned.c in Python, with the same output."""

from array import array

import pluck

PIECES = ["It", " sent", " shi", "vers", " down", " my", " spi", "ne", " back", " a", " chill", "."]
END = 11
# A model: the logits that were recorded after each of its tokens; 0 for what is not listed.
RECORDED = [
    {1: 9}, {2: 8, 9: 7, 5: 6}, {3: 9}, {4: 8, 11: 7}, {5: 9, 9: 7}, {6: 8, 8: 7}, {7: 9}, {11: 9}, {11: 9},
    {10: 8, 2: 8}, {4: 8, 11: 7}, {},
]
ROWS = [array("f", [row.get(token, 0) for token in range(len(PIECES))]) for row in RECORDED]


def text_of(tokens):
    return "".join(PIECES[token] for token in tokens)


def generate(sampler, banned, tokens):
    """Yields the text as it can be given out, and what is taken back in angle brackets."""
    n_out = 0
    while len(tokens) < 64 and tokens[-1] != END:
        token = sampler.sample(ROWS[tokens[-1]], mask=banned.mask())
        sampler.accept(token)
        tokens.append(token)
        step = banned.accept(token)
        if step.take_back:  # and so many tokens of the model's cache
            sampler.rewind(step.take_back)
            yield f" <{text_of(tokens[-step.take_back :])}>"
            del tokens[-step.take_back :]
        yield text_of(tokens[n_out : len(tokens) - step.n_held])
        n_out = len(tokens) - step.n_held
    yield text_of(tokens[n_out:])


for seed in range(1, 5):
    banned = pluck.Banned(["shivers down", "spine"], PIECES, max_held=16)
    sampler = pluck.Sampler("temp=0.8;repeat_penalty=1.1", banned.n_vocab, seed=seed, max_rewind=banned.max_held)
    print("".join(generate(sampler, banned, [0])))
