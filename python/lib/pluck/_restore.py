"""What pickled objects are made of again."""


def restore(cls, stages, n_vocab, seed, rng, max_rewind, state):
    """seed: of the config; 4294967295: a random one. state: what Sampler.save() gave."""
    sampler = cls(stages, n_vocab, seed=seed, rng=rng, max_rewind=max_rewind)
    sampler.load(state)
    return sampler


def restore_banned(cls, strings, pieces, n_vocab, ignore_case, max_held, state):
    banned = cls(strings, pieces, n_vocab, ignore_case=ignore_case, max_held=max_held)
    banned.load(state)
    return banned
