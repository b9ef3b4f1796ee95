from pluck import BatchResult

class Error(ValueError):
    message: str
    status: int
    name: str
    key: str | None
    value: str | None
    range: str | None
    stage: int | None
    def __init__(self, message: str, status: int = 0, name: str = "PLUCK_UNKNOWN") -> None: ...

class BatchError(Error):
    errors: dict[int, BaseException]
    result: BatchResult | None
    def __init__(self, errors: dict[int, BaseException], result: BatchResult | None = None) -> None: ...
