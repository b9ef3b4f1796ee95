from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol

class View:
    ids: Any
    logits: Any
    n: int
    descending: bool
    selected: int

class _HasApply(Protocol):
    def apply(self, view: View, /) -> Any: ...

class Stage:
    kind: ClassVar[str]

StageLike = Stage | Callable[[View], Any] | _HasApply

class LogitBias(Stage):
    biases: tuple[tuple[int, float], ...]
    def __init__(self, biases: Mapping[int, float] | Iterable[tuple[int, float]]) -> None: ...

class MinTokens(Stage):
    min_tokens: int
    ends: tuple[int, ...]
    def __init__(self, min_tokens: int = 0, ends: Iterable[int] = ()) -> None: ...

class BadWords(Stage):
    words: tuple[int | tuple[int, ...], ...]
    def __init__(self, words: Iterable[int | Iterable[int]] = ()) -> None: ...

class NoRepeatNgram(Stage):
    size: int
    last_n: int
    def __init__(self, size: int = 0, last_n: int = 65536) -> None: ...

class Penalties(Stage):
    last_n: int
    repeat: float
    freq: float
    present: float
    exempt: tuple[int, ...]
    output_only: bool
    def __init__(
        self,
        last_n: int = 64,
        repeat: float = 1.0,
        freq: float = 0.0,
        present: float = 0.0,
        exempt: Iterable[int] = (),
        output_only: bool = False,
    ) -> None: ...

class Dry(Stage):
    multiplier: float
    base: float
    allowed_length: int
    last_n: int
    breakers: tuple[int | tuple[int, ...], ...]
    exempt: tuple[int, ...]
    def __init__(
        self,
        multiplier: float = 0.0,
        base: float = 1.75,
        allowed_length: int = 2,
        last_n: int = 64,
        breakers: Iterable[int | Iterable[int]] = (),
        exempt: Iterable[int] = (),
    ) -> None: ...

class TopNSigma(Stage):
    n: float
    def __init__(self, n: float = -1.0) -> None: ...

class TopK(Stage):
    k: int
    def __init__(self, k: int = 40) -> None: ...

class TopA(Stage):
    a: float
    min_keep: int
    def __init__(self, a: float = 0.0, min_keep: int = 0) -> None: ...

class Typical(Stage):
    p: float
    min_keep: int
    def __init__(self, p: float = 1.0, min_keep: int = 0) -> None: ...

class TopP(Stage):
    p: float
    min_keep: int
    def __init__(self, p: float = 0.95, min_keep: int = 0) -> None: ...

class MinP(Stage):
    p: float
    min_keep: int
    def __init__(self, p: float = 0.05, min_keep: int = 0) -> None: ...

class EpsilonCutoff(Stage):
    epsilon: float
    min_keep: int
    def __init__(self, epsilon: float = 0.0, min_keep: int = 0) -> None: ...

class EtaCutoff(Stage):
    epsilon: float
    min_keep: int
    def __init__(self, epsilon: float = 0.0, min_keep: int = 0) -> None: ...

class PLess(Stage):
    enabled: bool
    def __init__(self, enabled: bool = True) -> None: ...

class PLessNorm(Stage):
    enabled: bool
    def __init__(self, enabled: bool = True) -> None: ...

class Tfs(Stage):
    z: float
    min_keep: int
    extra: int
    def __init__(self, z: float = 1.0, min_keep: int = 0, extra: int = 0) -> None: ...

class TopH(Stage):
    alpha: float
    def __init__(self, alpha: float = 1.0) -> None: ...

class MinK(Stage):
    tau: float
    def __init__(self, tau: float = -1.0) -> None: ...

class Guidance(Stage):
    scale: float
    def __init__(self, scale: float = 1.0) -> None: ...

class Contrastive(Stage):
    alpha: float
    beta: float
    difference: bool
    def __init__(self, alpha: float = 0.1, beta: float = 0.0, difference: bool = False) -> None: ...

class Smoothing(Stage):
    factor: float
    curve: float
    def __init__(self, factor: float = 0.0, curve: float = 1.0) -> None: ...

class Skew(Stage):
    skew: float
    seed: int | None
    def __init__(self, skew: float = 0.0, seed: int | None = None) -> None: ...

class Xtc(Stage):
    probability: float
    threshold: float
    min_keep: int
    seed: int | None
    spared: tuple[int, ...]
    def __init__(
        self,
        probability: float = 0.0,
        threshold: float = 0.1,
        min_keep: int = 0,
        seed: int | None = None,
        spared: Iterable[int] = (),
    ) -> None: ...

class Temperature(Stage):
    t: float
    range: float
    exponent: float
    def __init__(self, t: float = 0.8, range: float = 0.0, exponent: float = 1.0) -> None: ...

class Infill(Stage):
    piece: Callable[[int], str | bytes]
    is_eog: Callable[[int], bool]
    eot: int
    def __init__(
        self, piece: Callable[[int], str | bytes], is_eog: Callable[[int], bool], eot: int
    ) -> None: ...

class Custom(Stage):
    apply: Callable[[View], Any]
    accept: Callable[[int], Any] | None
    reset: Callable[[], Any] | None
    def __init__(
        self,
        apply: Callable[[View], Any],
        accept: Callable[[int], Any] | None = None,
        reset: Callable[[], Any] | None = None,
    ) -> None: ...

class Greedy(Stage):
    def __init__(self) -> None: ...

class Dist(Stage):
    seed: int | None
    def __init__(self, seed: int | None = None) -> None: ...

class Mirostat(Stage):
    tau: float
    eta: float
    m: int
    seed: int | None
    def __init__(
        self, tau: float = 5.0, eta: float = 0.1, m: int = 100, seed: int | None = None
    ) -> None: ...

class MirostatV2(Stage):
    tau: float
    eta: float
    seed: int | None
    def __init__(self, tau: float = 5.0, eta: float = 0.1, seed: int | None = None) -> None: ...

class AdaptiveP(Stage):
    target: float
    decay: float
    seed: int | None
    def __init__(
        self, target: float = -1.0, decay: float = 0.9, seed: int | None = None
    ) -> None: ...

BY_KIND: dict[str, type[Stage]]
