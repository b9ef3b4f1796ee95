"""Generates text through ctypes with the calls that llama-cpp-python makes: loads libllama.so from
the folder in LLAMA_CPP_LIB_PATH, passes structs by value, and has a sampler written in Python. Prints
lines of token ids. Uses only the standard library.

usage: ctypes_generate.py MODEL
"""
import ctypes
import os
import sys
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_bool, c_char_p, c_float, c_int32, c_int64,
                    c_size_t, c_uint32, c_void_p, cast)


class Blob(Structure):
    """A struct of parameters of which only a context's first member is used. It is larger than that of
    any version: on x86-64 such a struct is passed in memory, and what follows is not read."""
    _fields_ = [("first", c_uint32), ("rest", c_uint32 * 255)]


class Batch(Structure):
    _fields_ = [("n_tokens", c_int32), ("token", POINTER(c_int32)), ("others", c_void_p * 5)]


class TokenData(Structure):
    _fields_ = [("id", c_int32), ("logit", c_float), ("p", c_float)]


class TokenDataArray(Structure):
    _fields_ = [("data", POINTER(TokenData)), ("size", c_size_t), ("selected", c_int64),
                ("sorted", c_bool)]


class ChainParams(Structure):
    _fields_ = [("no_perf", c_bool)]


NAME = CFUNCTYPE(c_void_p, c_void_p)
ACCEPT = CFUNCTYPE(None, c_void_p, c_int32)
APPLY = CFUNCTYPE(None, c_void_p, POINTER(TokenDataArray))


class Interface(Structure):
    """llama_sampler_i of the newest generation; older ones read fewer members."""
    _fields_ = [("name", NAME), ("accept", ACCEPT), ("apply", APPLY), ("others", c_void_p * 9)]


class Sampler(Structure):
    _fields_ = [("iface", POINTER(Interface)), ("ctx", c_void_p)]


folder = os.environ["LLAMA_CPP_LIB_PATH"]
lib = ctypes.CDLL(os.path.join(folder, "libllama.so"))
ggml = ctypes.CDLL(os.path.join(folder, "libggml.so"))
newest = hasattr(lib, "llama_sampler_copy")


def function(name, result, *arguments, of=lib):
    f = getattr(of, name)
    f.restype, f.argtypes = result, arguments
    return f


p = c_void_p
load_backends = function("ggml_backend_load_all_from_path", None, c_char_p, of=ggml)
set_log = function("llama_log_set", None, p, p)
model_params = function("llama_model_default_params", Blob)
context_params = function("llama_context_default_params", Blob)
load_model = function("llama_model_load_from_file", p, c_char_p, Blob)
make_context = function("llama_init_from_model", p, p, Blob)
set_threads = function("llama_set_n_threads", None, p, c_int32, c_int32)
get_vocab = function("llama_model_get_vocab", p, p)
n_tokens = function("llama_vocab_n_tokens", c_int32, p)
tokenize = function("llama_tokenize", c_int32, p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool,
                    c_bool)
batch_get_one = function("llama_batch_get_one", Batch, POINTER(c_int32), c_int32)
decode = function("llama_decode", c_int32, p, Batch)
get_logits = function("llama_get_logits_ith", POINTER(c_float), p, c_int32)
get_memory = function("llama_get_memory", p, p)
clear_memory = function("llama_memory_clear", None, p, c_bool)
chain_init = function("llama_sampler_chain_init", p, ChainParams)
chain_add = function("llama_sampler_chain_add", None, p, p)
apply = function("llama_sampler_apply", None, p, POINTER(TokenDataArray))
accept = function("llama_sampler_accept", None, p, c_int32)
sample = function("llama_sampler_sample", c_int32, p, p, c_int32)
clone = function("llama_sampler_clone", p, p)
free = function("llama_sampler_free", None, p)
init_top_k = function("llama_sampler_init_top_k", p, c_int32)
init_top_p = function("llama_sampler_init_top_p", p, c_float, c_size_t)
init_min_p = function("llama_sampler_init_min_p", p, c_float, c_size_t)
init_temp = function("llama_sampler_init_temp", p, c_float)
init_dist = function("llama_sampler_init_dist", p, c_uint32)
init_infill = function("llama_sampler_init_infill", p, p)


def init_penalties(n_vocab, last_n, repeat, freq, present):
    floats = (c_float, c_float, c_float)
    if newest:
        return function("llama_sampler_init_penalties", p, c_int32, c_int32, *floats)(
            n_vocab, last_n, repeat, freq, present)
    return function("llama_sampler_init_penalties", p, c_int32, *floats)(last_n, repeat, freq, present)


def init_dry(vocab, multiplier, base, allowed, last_n, breakers):
    texts = (c_char_p * len(breakers))(*breakers)
    rest = (c_float, c_float, c_int32, c_int32, POINTER(c_char_p), c_size_t)
    if newest:
        return function("llama_sampler_init_dry", p, p, *rest)(
            vocab, multiplier, base, allowed, last_n, texts, len(breakers))
    return function("llama_sampler_init_dry", p, p, c_int32, *rest)(
        vocab, 512, multiplier, base, allowed, last_n, texts, len(breakers))


@NAME
def own_name(_):
    return cast(c_char_p(b"own"), c_void_p).value


@ACCEPT
def own_accept(_, token):
    heard.append(token)


@APPLY
def own_apply(_, array):
    """Masks the second half of the vocabulary."""
    cur = array.contents
    for i in range(cur.size):
        if cur.data[i].id >= n_vocab // 2:
            cur.data[i].logit = -float("inf")


heard = []
interface = Interface(name=own_name, accept=own_accept, apply=own_apply)
own = Sampler(iface=ctypes.pointer(interface), ctx=None)


def chain_of(*samplers):
    chain = chain_init(ChainParams(no_perf=True))
    for sampler in samplers:
        chain_add(chain, sampler)
    return chain


def generate(choose, n=16):
    """Generates n tokens, each returned by choose(); returns their ids."""
    clear_memory(get_memory(context), True)
    ids = (c_int32 * 64)()
    text = b"And it came to pass"
    count = tokenize(vocab, text, len(text), ids, 64, True, True)
    tokens = []
    for _ in range(n):
        assert decode(context, batch_get_one(ids, count)) == 0
        tokens.append(choose())
        ids[0], count = tokens[-1], 1
    return tokens


def choose_by_array(chain):
    """Fills an array of all candidates, as older versions of llama-cpp-python do."""
    logits = get_logits(context, -1)
    data = (TokenData * n_vocab)()
    for i in range(n_vocab):
        data[i].id, data[i].logit = i, logits[i]
    array = TokenDataArray(data, n_vocab, -1, False)
    apply(chain, byref(array))
    token = array.data[array.selected].id
    accept(chain, token)
    return token


load_backends(folder.encode())
quiet = CFUNCTYPE(None, c_int32, c_char_p, c_void_p)(lambda *_: None)
set_log(cast(quiet, c_void_p), None)
model = load_model(sys.argv[1].encode(), model_params())
assert model
vocab = get_vocab(model)
n_vocab = n_tokens(vocab)
parameters = context_params()
parameters.first = 256
context = make_context(model, parameters)
assert context
set_threads(context, 1, 1)

usual = chain_of(init_penalties(n_vocab, 64, 1.1, 0.0, 0.0), init_top_k(40), init_top_p(0.95, 1),
                 init_min_p(0.05, 1), init_temp(0.8), init_dist(1))
print(generate(lambda: sample(usual, context, -1)))
copy = clone(usual)
print(generate(lambda: sample(copy, context, -1), 8))
dry = chain_of(init_dry(vocab, 0.8, 1.75, 2, -1, [b"\n", b":", b"\"", b"*"]),
               init_dry(vocab, 0.8, 1.75, 2, 64, [b"\n", b"."]), init_top_p(0.9, 1), init_dist(2))
print(generate(lambda: sample(dry, context, -1)))
infill = chain_of(init_top_k(30), init_infill(vocab), init_dist(3))
print(generate(lambda: sample(infill, context, -1), 8))
with_own = chain_of(init_top_k(50), ctypes.addressof(own), init_temp(0.9), init_dist(4))
print(generate(lambda: sample(with_own, context, -1)))
assert len(heard) == 16
by_array = chain_of(init_top_k(40), init_temp(0.7), init_dist(5))
print(generate(lambda: choose_by_array(by_array), 4))
for chain in (usual, copy, dry, infill, by_array):
    free(chain)
