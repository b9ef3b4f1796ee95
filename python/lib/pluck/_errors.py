"""The exception of the library."""


class Error(ValueError):
    """Something that the library refused; nothing was changed by the call.

    str(error) says what was wrong in words.

    status: the C library's code, such as -18
    name: its name, such as "PLUCK_ERR_SPEC_RANGE"
    key: the parameter that was wrong, such as "top_p"; None if it was none
    value: the value it was given, as text; None if there is none
    range: what would have been allowed, as text; None if that was not said
    stage: the number of the stage in the chain (from 0); None if it was none
    """

    def __init__(self, message, status=0, name="PLUCK_UNKNOWN"):
        super().__init__(message, status, name)
        self.message = message
        self.status = status
        self.name = name
        self.key, self.value, self.range, self.stage = _parts(message)

    def __str__(self):
        return self.message


class BatchError(Error):
    """Rows of a batch failed; the others are done, and nothing of them is lost.

    result: the BatchResult of all rows
    errors: dict: number of a row that raised to its exception. If its stage raised when it was told of the
        token, the row is done, and its token is in the result.
    """

    def __init__(self, errors, result=None):
        row, error = min(errors.items())
        others = f" (and {len(errors) - 1} more rows)" if len(errors) > 1 else ""
        super().__init__(f"row {row}: {error}{others}", -22, "PLUCK_ERR_BATCH")
        self.errors = errors
        self.result = result

    def __reduce__(self):
        return BatchError, (self.errors,)


def _parts(message):
    """Key, value, range and stage out of a message of the library."""
    text, stage = message, None
    if text.startswith("stage ") and ": " in text:
        head, text = text.split(": ", 1)
        number = head.split()[1]
        stage = int(number) if number.isdigit() else None
    allowed = None
    for mark in ("; allowed: ", "; wanted: "):
        if mark in text:
            text, allowed = text.split(mark, 1)
            break
    for end in (" is out of range", ": not a value of this key"):
        if end in text:
            key, _, value = text.split(end, 1)[0].partition("=")
            return key, value, allowed, stage
    if text.startswith("unknown key '"):
        key, _, pair = text[len("unknown key '"):].partition("' in '")
        return key, pair[:-1].partition("=")[2], allowed, stage
    if text.endswith("' is not key=value"):
        return text[1:].partition("'")[0], None, allowed, stage
    if text.endswith(" is given twice"):
        key, _, value = text.partition(": ")[0].partition("=")
        return key, value, allowed, stage
    if allowed is not None and " is " in text:
        key, _, value = text.rpartition(" is ")
        return key, value, allowed, stage
    key, colon, _ = text.partition(": ")
    return (key if colon and " " not in key else None), None, allowed, stage
