"""The stages that a chain is made of.

A chain runs its stages in the order in which it lists them::

    Sampler([Penalties(repeat=1.1), TopK(40), Temperature(0.8), Dist()], n_vocab)

Ranges are checked when a Sampler is made of them; what is out of range is a pluck.Error that names the
stage, the parameter and the range. docs/samplers.md has the formula and the source of each. Besides these
a chain takes functions: anything that can be called with a View, or an object with a method apply(view).
"""

__all__ = [
    "Stage", "LogitBias", "MinTokens", "BadWords", "NoRepeatNgram", "Penalties", "Dry", "TopNSigma", "TopK",
    "TopA", "Typical", "TopP", "MinP", "EpsilonCutoff", "EtaCutoff", "PLess", "PLessNorm", "Tfs", "TopH", "MinK",
    "Smoothing", "Skew", "Xtc", "Temperature", "Infill", "Custom", "Greedy", "Dist", "Mirostat", "MirostatV2",
    "AdaptiveP", "Guidance", "Contrastive", "View",
]


class Stage:
    """A stage with its parameters, which are its attributes.

    Stages are equal if kind and parameters are. kind is the C library's name of it, as in "samplers=".
    """

    __slots__ = ()

    def __repr__(self):
        parameters = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({parameters})"

    def _values(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other):
        return type(self) is type(other) and self._values() == other._values()

    __hash__ = None

    def __reduce__(self):
        return type(self), self._values()


def _sequences(given):
    """Tokens, or sequences of tokens."""
    return tuple(tokens if isinstance(tokens, int) else tuple(tokens) for tokens in given)


class LogitBias(Stage):
    """Add to the logits of some tokens.

    biases: {token: bias} or pairs; a bias is finite, or -inf, which masks the token. Several biases of one
        token add up.
    """

    __slots__ = ("biases",)
    kind = "logit_bias"

    def __init__(self, biases):
        self.biases = tuple(biases.items()) if isinstance(biases, dict) else tuple(map(tuple, biases))


class MinTokens(Stage):
    """Mask the tokens that end a generation until min_tokens have been accepted.

    min_tokens: 0 and above; 0 disables. What Sampler.accept_prompt() was told does not count.
    ends: these tokens; none disables
    """

    __slots__ = ("min_tokens", "ends")
    kind = "min_tokens"

    def __init__(self, min_tokens=0, ends=()):
        self.min_tokens, self.ends = min_tokens, tuple(ends)


class BadWords(Stage):
    """Mask each token that would complete one of some sequences of tokens.

    words: tokens, or sequences of 1 to 64 tokens; none disables
    """

    __slots__ = ("words",)
    kind = "bad_words"

    def __init__(self, words=()):
        self.words = _sequences(words)


class NoRepeatNgram(Stage):
    """Mask each token that would complete a sequence of `size` tokens which has been accepted before.

    size: 0 and above; 0 disables
    last_n: how many accepted tokens count, 0 to 1048576; 0 disables
    """

    __slots__ = ("size", "last_n")
    kind = "no_repeat_ngram"

    def __init__(self, size=0, last_n=65536):
        self.size, self.last_n = size, last_n


class Penalties(Stage):
    """Penalise the last accepted tokens: repetition, frequency and presence.

    last_n: how many tokens count, 0 to 1048576; 0 disables
    repeat: finite, above 0; 1 is none
    freq, present: finite; 0 is none
    exempt: tokens whose logits stay as they are
    output_only: whether the tokens of a prompt (Sampler.accept_prompt) do not count
    """

    __slots__ = ("last_n", "repeat", "freq", "present", "exempt", "output_only")
    kind = "penalties"

    def __init__(self, last_n=64, repeat=1.0, freq=0.0, present=0.0, exempt=(), output_only=False):
        self.last_n, self.repeat, self.freq, self.present = last_n, repeat, freq, present
        self.exempt, self.output_only = tuple(exempt), output_only


class Dry(Stage):
    """Penalise what would continue a repetition ("don't repeat yourself").

    multiplier: finite; 0 disables
    base: finite; below 1 disables
    allowed_length: 0 and above: repetitions of that many tokens are free
    last_n: how many accepted tokens count, 0 to 1048576; 0 disables
    breakers: tokens, or sequences of 1 to 64 tokens, over which no repetition reaches
    exempt: tokens whose logits stay as they are
    """

    __slots__ = ("multiplier", "base", "allowed_length", "last_n", "breakers", "exempt")
    kind = "dry"

    def __init__(self, multiplier=0.0, base=1.75, allowed_length=2, last_n=64, breakers=(), exempt=()):
        self.multiplier, self.base = multiplier, base
        self.allowed_length, self.last_n = allowed_length, last_n
        self.breakers, self.exempt = _sequences(breakers), tuple(exempt)


class TopNSigma(Stage):
    """Keep the logits within n standard deviations of the greatest. n: 0 and below disables."""

    __slots__ = ("n",)
    kind = "top_n_sigma"

    def __init__(self, n=-1.0):
        self.n = n


class TopK(Stage):
    """Keep the k greatest logits, the lower token first among equals. k: 0 and below disables."""

    __slots__ = ("k",)
    kind = "top_k"

    def __init__(self, k=40):
        self.k = k


class TopA(Stage):
    """Keep what has at least a times the square of the greatest probability.

    a: 0 to 1; 0 disables
    min_keep: candidates to keep at least
    """

    __slots__ = ("a", "min_keep")
    kind = "top_a"

    def __init__(self, a=0.0, min_keep=0):
        self.a, self.min_keep = a, min_keep


class Typical(Stage):
    """Keep the tokens whose surprise is nearest to the entropy, up to the mass p (locally typical).

    p: 0 to 1; 1 disables
    min_keep: candidates to keep at least
    """

    __slots__ = ("p", "min_keep")
    kind = "typ_p"

    def __init__(self, p=1.0, min_keep=0):
        self.p, self.min_keep = p, min_keep


class TopP(Stage):
    """Keep the most probable tokens up to the mass p (nucleus).

    p: 0 to 1; 1 disables
    min_keep: candidates to keep at least
    """

    __slots__ = ("p", "min_keep")
    kind = "top_p"

    def __init__(self, p=0.95, min_keep=0):
        self.p, self.min_keep = p, min_keep


class MinP(Stage):
    """Keep what has at least p times the greatest probability.

    p: 0 to 1; 0 disables
    min_keep: candidates to keep at least
    """

    __slots__ = ("p", "min_keep")
    kind = "min_p"

    def __init__(self, p=0.05, min_keep=0):
        self.p, self.min_keep = p, min_keep


class EpsilonCutoff(Stage):
    """Keep what has at least the probability epsilon.

    epsilon: 0 to 1; 0 disables
    min_keep: candidates to keep at least
    """

    __slots__ = ("epsilon", "min_keep")
    kind = "epsilon_cutoff"

    def __init__(self, epsilon=0.0, min_keep=0):
        self.epsilon, self.min_keep = epsilon, min_keep


class EtaCutoff(Stage):
    """Keep what has at least the probability min(epsilon, sqrt(epsilon) * exp(-entropy)).

    epsilon: 0 to 1; 0 disables
    min_keep: candidates to keep at least
    """

    __slots__ = ("epsilon", "min_keep")
    kind = "eta_cutoff"

    def __init__(self, epsilon=0.0, min_keep=0):
        self.epsilon, self.min_keep = epsilon, min_keep


class PLess(Stage):
    """Keep what has at least the sum S of all squared probabilities. enabled: False disables."""

    __slots__ = ("enabled",)
    kind = "p_less"

    def __init__(self, enabled=True):
        self.enabled = enabled


class PLessNorm(Stage):
    """Keep what has at least (V S - 1) / (V - 1), V the size of the vocabulary. enabled: False disables."""

    __slots__ = ("enabled",)
    kind = "p_less_norm"

    def __init__(self, enabled=True):
        self.enabled = enabled


class Tfs(Stage):
    """Cut the tail off where the sorted probabilities' curvature has been used up (tail-free sampling).

    z: 0 to 1; 1 disables
    min_keep: candidates to keep at least
    extra: 0: as koboldcpp and llama.cpp; 1: one more, as text-generation-webui and exllamav2
    """

    __slots__ = ("z", "min_keep", "extra")
    kind = "tfs"

    def __init__(self, z=1.0, min_keep=0, extra=0):
        self.z, self.min_keep, self.extra = z, min_keep, extra


class TopH(Stage):
    """Keep the most probable tokens up to alpha times the entropy. alpha: 0 to 1; 1 disables."""

    __slots__ = ("alpha",)
    kind = "top_h"

    def __init__(self, alpha=1.0):
        self.alpha = alpha


class MinK(Stage):
    """Keep the tokens before the steepest relative drop of the sorted logits. tau: below 0 disables."""

    __slots__ = ("tau",)
    kind = "min_k"

    def __init__(self, tau=-1.0):
        self.tau = tau


class Guidance(Stage):
    """Classifier-free guidance by a second row: u + scale * (c - u) on log-softmaxes, c of the row, u of the second.

    scale: -1e6 to 1e6; 1 disables

    The first stage of its chain. The second row is the argument `second` of Sampler's calls; Batch and verify()
    take none.
    """

    __slots__ = ("scale",)
    kind = "guidance"

    def __init__(self, scale=1.0):
        self.scale = scale


class Contrastive(Stage):
    """Contrastive decoding by a second row, of an amateur: (1 + beta) * e - beta * a where e >= ln alpha + max e.

    alpha: 0 to 1; 0 masks no token
    beta: 0 to 1e6; 0 disables, unless difference is True
    difference: e - a instead, without beta

    The first stage of its chain. The second row: as for Guidance.
    """

    __slots__ = ("alpha", "beta", "difference")
    kind = "contrastive"

    def __init__(self, alpha=0.1, beta=0.0, difference=False):
        self.alpha, self.beta, self.difference = alpha, beta, difference


class Smoothing(Stage):
    """Bend the logits below the maximum by a quadratic (quadratic smoothing).

    factor: 0 to 1e9; 0 disables
    curve: -1e9 to 1e9; 1 is without the cubic term
    """

    __slots__ = ("factor", "curve")
    kind = "quadratic_sampling"

    def __init__(self, factor=0.0, curve=1.0):
        self.factor, self.curve = factor, curve


class Skew(Stage):
    """Draw with a bent random number: above 0 unlikely tokens gain, below 0 likely ones.

    skew: finite; 0 is a plain draw in descending order
    seed: None: the sampler's
    """

    __slots__ = ("skew", "seed")
    kind = "skew"

    def __init__(self, skew=0.0, seed=None):
        self.skew, self.seed = skew, seed


class Xtc(Stage):
    """With some probability drop all tokens above a threshold but the least probable of them.

    probability: 0 to 1; 0 disables
    threshold: 0 to 1; above 0.5 disables
    min_keep: candidates to keep at least
    seed: of its coin; None: the sampler's
    spared: tokens, such as newline and end of sequence: if one of them would go, nothing goes
    """

    __slots__ = ("probability", "threshold", "min_keep", "seed", "spared")
    kind = "xtc"

    def __init__(self, probability=0.0, threshold=0.1, min_keep=0, seed=None, spared=()):
        self.probability, self.threshold, self.min_keep, self.seed = probability, threshold, min_keep, seed
        self.spared = tuple(spared)


class Temperature(Stage):
    """Divide the logits by t, or by a temperature that follows the entropy.

    t: finite; 0 and below keeps the maximum alone (without a range)
    range: 0 and above; above 0: dynamic, between t - range and t + range
    exponent: finite, 0 and above; of the dynamic mapping
    """

    __slots__ = ("t", "range", "exponent")
    kind = "temperature"

    def __init__(self, t=0.8, range=0.0, exponent=1.0):
        self.t, self.range, self.exponent = t, range, exponent


class Infill(Stage):
    """Prefer ends of generation where the text between prefix and suffix is complete (llama.cpp's infill).

    piece: piece(token) -> str or bytes, the token's text
    is_eog: is_eog(token) -> bool: does the token end a generation?
    eot: the token to end with

    Both must give the same answer for the same token.
    """

    __slots__ = ("piece", "is_eog", "eot")
    kind = "infill"

    def __init__(self, piece, is_eog, eot):
        self.piece, self.is_eog, self.eot = piece, is_eog, eot


class Custom(Stage):
    """A stage of Python functions; clones share it.

    apply: apply(view) may change the View that it is given
    accept: accept(token), called for each accepted token; or None
    reset: reset(), called when the sampler is reset; or None

    Any object with these methods does as well; one that has clone() gets a clone of its own for each
    cloned sampler, and one that has rewind(n), which takes back n accepted tokens, can be rewound. What a
    function raises comes out of the call that it was called from.
    """

    __slots__ = ("apply", "accept", "reset")
    kind = "custom"

    def __init__(self, apply, accept=None, reset=None):
        self.apply, self.accept, self.reset = apply, accept, reset


class Greedy(Stage):
    """Select the greatest logit, the lower token among equals."""

    __slots__ = ()
    kind = "greedy"


class Dist(Stage):
    """Draw from the distribution. seed: None: the sampler's."""

    __slots__ = ("seed",)
    kind = "dist"

    def __init__(self, seed=None):
        self.seed = seed


class Mirostat(Stage):
    """Draw so that the surprise stays near tau (Mirostat, version 1).

    tau: target surprise in bits, finite, 0 and above
    eta: learning rate, finite, 0 and above
    m: candidates to estimate from, 2 and above
    seed: None: the sampler's
    """

    __slots__ = ("tau", "eta", "m", "seed")
    kind = "mirostat"

    def __init__(self, tau=5.0, eta=0.1, m=100, seed=None):
        self.tau, self.eta, self.m, self.seed = tau, eta, m, seed


class MirostatV2(Stage):
    """Draw so that the surprise stays near tau (Mirostat, version 2). Parameters: see Mirostat."""

    __slots__ = ("tau", "eta", "seed")
    kind = "mirostat_v2"

    def __init__(self, tau=5.0, eta=0.1, seed=None):
        self.tau, self.eta, self.seed = tau, eta, seed


class AdaptiveP(Stage):
    """Draw near a target probability, steered by a decaying average of what was drawn.

    target: up to 1; below 0: a plain draw
    decay: 0 to 1; values above 0.99 are taken as 0.99
    seed: None: the sampler's
    """

    __slots__ = ("target", "decay", "seed")
    kind = "adaptive_p"

    def __init__(self, target=-1.0, decay=0.9, seed=None):
        self.target, self.decay, self.seed = target, decay, seed


class View:
    """The candidates as a stage of one's own sees them, in candidate order; it may change all of it.

    ids: n token ids (memoryview of int32)
    logits: n logits (memoryview of float32); -inf masks a candidate, NaN is an error
    n: how many there are; may be made smaller
    descending: True: sorted by logit
    selected: -1; an index below n selects that candidate

    ids and logits are copies that are read back when the function returns; numpy.asarray() changes them in
    place, and other arrays of these types may be put in their place.
    """

    __slots__ = ("ids", "logits", "n", "descending", "selected")


BY_KIND = {stage.kind: stage for stage in Stage.__subclasses__()}
