#!/usr/bin/env python3
"""Text from a model: libllama computes the logits (by ctypes), Pluck draws from them where they lie.

    python3 libllama.py DIR MODEL.gguf [PROMPT]     DIR: the folder of libllama.so and libggml.so
"""

import ctypes
import sys
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int32, c_void_p
from pathlib import Path

import pluck


class Parameters(ctypes.Structure):
    """libllama's structs are handed on as they come: room enough for each of them."""

    _fields_ = [("bytes", c_void_p * 128)]


@ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)
def silent(*_):
    """What libllama logs: not shown."""


def load(folder):
    llama = ctypes.CDLL(str(Path(folder) / "libllama.so"))
    llama.llama_log_set(silent, None)
    ctypes.CDLL(str(Path(folder) / "libggml.so")).ggml_backend_load_all_from_path(str(folder).encode())
    for name, result, arguments in (
        ("llama_model_default_params", Parameters, []),
        ("llama_context_default_params", Parameters, []),
        ("llama_batch_get_one", Parameters, [POINTER(c_int32), c_int32]),
        ("llama_model_load_from_file", c_void_p, [c_char_p, Parameters]),
        ("llama_init_from_model", c_void_p, [c_void_p, Parameters]),
        ("llama_model_get_vocab", c_void_p, [c_void_p]),
        ("llama_vocab_n_tokens", c_int32, [c_void_p]),
        ("llama_vocab_is_eog", c_bool, [c_void_p, c_int32]),
        ("llama_tokenize", c_int32, [c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool]),
        ("llama_token_to_piece", c_int32, [c_void_p, c_int32, c_char_p, c_int32, c_int32, c_bool]),
        ("llama_set_n_threads", None, [c_void_p, c_int32, c_int32]),
        ("llama_decode", c_int32, [c_void_p, Parameters]),
        ("llama_get_logits_ith", c_void_p, [c_void_p, c_int32]),
        ("llama_free", None, [c_void_p]),
        ("llama_model_free", None, [c_void_p]),
    ):
        function = getattr(llama, name)
        function.restype, function.argtypes = result, arguments
    return llama


def generate(llama, model, context, prompt, chain, n_tokens):
    vocab = llama.llama_model_get_vocab(model)
    n_vocab = llama.llama_vocab_n_tokens(vocab)
    sampler = pluck.Sampler(chain, n_vocab)
    tokens, piece = (c_int32 * 512)(), ctypes.create_string_buffer(512)
    n = llama.llama_tokenize(vocab, prompt.encode(), len(prompt.encode()), tokens, len(tokens), True, False)
    for _ in range(n_tokens):
        if llama.llama_decode(context, llama.llama_batch_get_one(tokens, n)) != 0:
            raise RuntimeError("llama_decode failed")
        logits = (c_float * n_vocab).from_address(llama.llama_get_logits_ith(context, -1))
        token = sampler.sample(logits)
        sampler.accept(token)
        if llama.llama_vocab_is_eog(vocab, token):
            return
        yield piece.raw[: llama.llama_token_to_piece(vocab, token, piece, len(piece), 0, False)]
        tokens[0], n = token, 1


def main(folder, path, prompt="In the beginning"):
    llama = load(folder)
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    if not model:
        sys.exit(f"{path} is no model that libllama can load")
    context = llama.llama_init_from_model(model, llama.llama_context_default_params())
    llama.llama_set_n_threads(context, 1, 1)  # enough for the small model in data/
    text = b"".join(generate(llama, model, context, prompt, "temp=0.8;top_k=40;min_p=0.05;seed=1", 48))
    print(prompt + text.decode(errors="replace"))
    llama.llama_free(context)
    llama.llama_model_free(model)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
