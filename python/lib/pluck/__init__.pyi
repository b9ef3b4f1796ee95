from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, SupportsIndex, overload

from pluck import stages as stages
from pluck._errors import BatchError as BatchError
from pluck._errors import Error as Error
from pluck.stages import (
    AdaptiveP as AdaptiveP,
    BadWords as BadWords,
    Contrastive as Contrastive,
    Custom as Custom,
    Dist as Dist,
    Dry as Dry,
    EpsilonCutoff as EpsilonCutoff,
    EtaCutoff as EtaCutoff,
    Greedy as Greedy,
    Guidance as Guidance,
    Infill as Infill,
    LogitBias as LogitBias,
    MinK as MinK,
    MinP as MinP,
    MinTokens as MinTokens,
    Mirostat as Mirostat,
    MirostatV2 as MirostatV2,
    NoRepeatNgram as NoRepeatNgram,
    Penalties as Penalties,
    PLess as PLess,
    PLessNorm as PLessNorm,
    Skew as Skew,
    Smoothing as Smoothing,
    Stage as Stage,
    StageLike as StageLike,
    Temperature as Temperature,
    Tfs as Tfs,
    TopA as TopA,
    TopH as TopH,
    TopK as TopK,
    TopNSigma as TopNSigma,
    TopP as TopP,
    Typical as Typical,
    View as View,
    Xtc as Xtc,
)

__version__: str

class _HasDLPack(Protocol):
    def __dlpack__(self) -> Any: ...
    def __dlpack_device__(self) -> Any: ...

# The buffer protocol has no type before Python 3.12: NumPy arrays, memoryview, array.array, ctypes arrays.
Array = _HasDLPack | Any
Dtype = Literal["float32", "float16", "bfloat16"]

class Draw(tuple[int, float, float, int]):
    @property
    def token(self) -> int: ...
    @property
    def logit(self) -> float: ...
    @property
    def probability(self) -> float: ...
    @property
    def n_candidates(self) -> int: ...

class Candidates(tuple[memoryview, memoryview, memoryview, int | None, int, bool]):
    @property
    def ids(self) -> memoryview: ...
    @property
    def logits(self) -> memoryview: ...
    @property
    def probabilities(self) -> memoryview: ...
    @property
    def selected(self) -> int | None: ...
    @property
    def n_masked(self) -> int: ...
    @property
    def descending(self) -> bool: ...

class LogProbs(tuple[memoryview, memoryview, float | None]):
    @property
    def ids(self) -> memoryview: ...
    @property
    def logprobs(self) -> memoryview: ...
    @property
    def token_logprob(self) -> float | None: ...

class Verified(tuple[int, int, memoryview, int]):
    @property
    def n_accepted(self) -> int: ...
    @property
    def token(self) -> int: ...
    @property
    def tokens(self) -> memoryview: ...
    @property
    def node(self) -> int: ...

class Workspace:
    def __new__(cls, n_vocab: SupportsIndex) -> Workspace: ...
    @property
    def n_vocab(self) -> int: ...
    @property
    def size(self) -> int: ...

class Sampler:
    def __new__(
        cls,
        chain: str | Iterable[StageLike],
        n_vocab: SupportsIndex,
        *,
        seed: SupportsIndex | None = None,
        rng: Literal["mt19937", "philox"] | None = None,
        workspace: Workspace | None = None,
        max_rewind: SupportsIndex = 0,
    ) -> Sampler: ...
    def sample(
        self,
        row: Array,
        *,
        mask: Array | None = None,
        ids: Array | None = None,
        descending: bool = False,
        dtype: Dtype | None = None,
        second: Array | None = None,
    ) -> int: ...
    def draw(
        self,
        row: Array,
        *,
        mask: Array | None = None,
        ids: Array | None = None,
        descending: bool = False,
        dtype: Dtype | None = None,
        second: Array | None = None,
    ) -> Draw: ...
    @overload
    def candidates(self) -> Candidates: ...
    @overload
    def candidates(
        self,
        row: Array,
        *,
        mask: Array | None = None,
        ids: Array | None = None,
        descending: bool = False,
        dtype: Dtype | None = None,
        second: Array | None = None,
    ) -> Candidates: ...
    def accept(self, token: SupportsIndex | Iterable[SupportsIndex], /) -> None: ...
    def accept_prompt(self, tokens: Iterable[SupportsIndex], /) -> None: ...
    def verify(
        self,
        tokens: Iterable[SupportsIndex],
        rows: Array | Sequence[Array],
        *,
        way: Literal["same", "rejection", "block"] = "same",
        proposals: Array | Sequence[Array | Candidates | tuple[Array, Array]] | None = None,
        mask: Array | Sequence[Array | None] | None = None,
        dtype: Dtype | None = None,
        parents: Iterable[SupportsIndex] | None = None,
        without_replacement: bool = False,
    ) -> Verified: ...
    def clone(self) -> Sampler: ...
    def reset(self) -> None: ...
    def rewind(self, n: SupportsIndex, /) -> None: ...
    def seek(self, position: SupportsIndex, /) -> None: ...
    def save(self) -> bytes: ...
    def load(self, state: bytes, /) -> None: ...
    def __copy__(self) -> Sampler: ...
    def __deepcopy__(self, memo: Any, /) -> Sampler: ...
    @property
    def seed(self) -> int: ...
    @property
    def n_vocab(self) -> int: ...
    @property
    def rng(self) -> Literal["mt19937", "philox"]: ...
    @property
    def stages(self) -> tuple[StageLike, ...]: ...
    @property
    def workspace(self) -> Workspace | None: ...
    @property
    def state_size(self) -> int: ...

class Kept(tuple[memoryview, memoryview, memoryview]):
    @property
    def offsets(self) -> memoryview: ...
    @property
    def ids(self) -> memoryview: ...
    @property
    def probabilities(self) -> memoryview: ...

class BatchLogProbs(tuple[memoryview, memoryview, memoryview]):
    @property
    def token(self) -> memoryview: ...
    @property
    def ids(self) -> memoryview: ...
    @property
    def logprobs(self) -> memoryview: ...

class BatchResult(tuple[Any, ...]):
    @property
    def tokens(self) -> memoryview: ...
    @property
    def probabilities(self) -> memoryview: ...
    @property
    def n_candidates(self) -> memoryview: ...
    @property
    def kept(self) -> Kept | None: ...
    @property
    def raw(self) -> BatchLogProbs | None: ...
    @property
    def processed(self) -> BatchLogProbs | None: ...
    @property
    def errors(self) -> dict[int, BaseException]: ...

class Batch:
    def __new__(cls, n_vocab: SupportsIndex, max_rows: SupportsIndex, n_threads: SupportsIndex = 1) -> Batch: ...
    def sample(
        self,
        samplers: Iterable[Sampler],
        rows: Array | Sequence[Array],
        *,
        mask: Array | Sequence[Array | None] | None = None,
        accept: bool = False,
        max_kept: SupportsIndex | None = None,
        raw_logprobs: SupportsIndex | None = None,
        logprobs: SupportsIndex | None = None,
        dtype: Dtype | None = None,
    ) -> BatchResult: ...
    @property
    def n_vocab(self) -> int: ...
    @property
    def max_rows(self) -> int: ...
    @property
    def n_threads(self) -> int: ...

class BannedStep(tuple[int, int, int, int | None, int | None]):
    @property
    def n_released(self) -> int: ...
    @property
    def n_held(self) -> int: ...
    @property
    def take_back(self) -> int: ...
    @property
    def string(self) -> int | None: ...
    @property
    def token(self) -> int | None: ...

class Banned:
    @overload
    def __new__(
        cls,
        strings: Iterable[str | bytes],
        pieces: Sequence[str | bytes],
        n_vocab: SupportsIndex | None = None,
        *,
        ignore_case: bool = False,
        max_held: SupportsIndex = 64,
    ) -> Banned: ...
    @overload
    def __new__(
        cls,
        strings: Iterable[str | bytes],
        pieces: Callable[[int], str | bytes],
        n_vocab: SupportsIndex,
        *,
        ignore_case: bool = False,
        max_held: SupportsIndex = 64,
    ) -> Banned: ...
    def accept(self, token: SupportsIndex, /) -> BannedStep: ...
    def mask(self, allowed: Array | None = None) -> Any: ...
    def rewind(self, n: SupportsIndex, /) -> None: ...
    def reset(self) -> None: ...
    def clone(self) -> Banned: ...
    def save(self) -> bytes: ...
    def load(self, state: bytes, /) -> None: ...
    def __copy__(self) -> Banned: ...
    def __deepcopy__(self, memo: Any, /) -> Banned: ...
    @property
    def tokens(self) -> tuple[int, ...]: ...
    @property
    def strings(self) -> tuple[bytes, ...]: ...
    @property
    def n_vocab(self) -> int: ...
    @property
    def max_held(self) -> int: ...
    @property
    def ignore_case(self) -> bool: ...

def top_logprobs(
    row: Array,
    n: SupportsIndex = 0,
    *,
    token: SupportsIndex | None = None,
    mask: Array | None = None,
    dtype: Dtype | None = None,
) -> LogProbs: ...
def isa() -> Literal["scalar", "avx2", "avx512", "neon"]: ...
