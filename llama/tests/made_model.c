/* made_model.c: see made_model.h. */
#include "made_model.h"

#include "ggml.h"
#include "gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 32, N_BYTES = 256, N_SPECIAL = 3, TEXT_SIZE = 16 };

/* llama.cpp's token types */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_BYTE = 6 };

/* Letters that no other number has, after a space for every other one. */
static void write_piece(char text[TEXT_SIZE], int32_t i) {
    static const char breakers[] = ":\"*\n";
    size_t n = 0;
    if (i % 2) n = (size_t)snprintf(text, TEXT_SIZE, "\xe2\x96\x81");
    for (int32_t rest = i + 1; rest > 0; rest /= 26) text[n++] = (char)('a' + rest % 26);
    if (i % 40 == 7) text[n++] = breakers[i / 40 % 4];
    text[n] = '\0';
}

/* The text of a token; returns its type. */
static int32_t write_token(char text[TEXT_SIZE], int32_t id) {
    static const char *const special[N_SPECIAL] = {"<unk>", "<s>", "</s>"};
    if (id < N_SPECIAL) {
        snprintf(text, TEXT_SIZE, "%s", special[id]);
        return id == 0 ? TYPE_UNKNOWN : TYPE_CONTROL;
    }
    if (id < N_SPECIAL + N_BYTES) {
        snprintf(text, TEXT_SIZE, "<0x%02X>", (unsigned)(id - N_SPECIAL));
        return TYPE_BYTE;
    }
    write_piece(text, id - N_SPECIAL - N_BYTES);
    return TYPE_NORMAL;
}

static bool add_vocabulary(struct gguf_context *file, int32_t n_vocab) {
    size_t n = (size_t)n_vocab;
    char(*texts)[TEXT_SIZE] = malloc(n * sizeof *texts);
    const char **pointers = malloc(n * sizeof *pointers);
    int32_t *types = malloc(n * sizeof *types);
    float *scores = malloc(n * sizeof *scores);
    bool made = texts && pointers && types && scores;
    for (int32_t i = 0; made && i < n_vocab; i++) {
        types[i] = write_token(texts[i], i);
        pointers[i] = texts[i];
        scores[i] = -(float)i;
    }
    if (made) {
        gguf_set_val_str(file, "tokenizer.ggml.model", "llama");
        gguf_set_arr_str(file, "tokenizer.ggml.tokens", pointers, n);
        gguf_set_arr_data(file, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores, n);
        gguf_set_arr_data(file, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types, n);
        gguf_set_val_u32(file, "tokenizer.ggml.unknown_token_id", 0);
        gguf_set_val_u32(file, "tokenizer.ggml.bos_token_id", 1);
        gguf_set_val_u32(file, "tokenizer.ggml.eos_token_id", 2);
    }
    free(texts);
    free(pointers);
    free(types);
    free(scores);
    return made;
}

static void add_shape(struct gguf_context *file) {
    gguf_set_val_str(file, "general.architecture", "llama");
    gguf_set_val_u32(file, "llama.context_length", 16384);
    gguf_set_val_u32(file, "llama.embedding_length", WIDTH);
    gguf_set_val_u32(file, "llama.block_count", 1);
    gguf_set_val_u32(file, "llama.feed_forward_length", WIDTH);
    gguf_set_val_u32(file, "llama.attention.head_count", 1);
    gguf_set_val_f32(file, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

/* A tensor of zeros; with 0 rows it has one dimension. */
static void add_tensor(struct gguf_context *file, struct ggml_context *memory, const char *name,
                       enum ggml_type type, int64_t rows) {
    struct ggml_tensor *t = rows > 0 ? ggml_new_tensor_2d(memory, type, WIDTH, rows)
                                     : ggml_new_tensor_1d(memory, type, WIDTH);
    ggml_format_name(t, "%s.weight", name);
    memset(t->data, 0, ggml_nbytes(t));
    gguf_add_tensor(file, t);
}

static void add_tensors(struct gguf_context *file, struct ggml_context *memory, int32_t n_vocab) {
    static const char *const norms[] = {"output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"};
    static const char *const squares[] = {"blk.0.attn_q",      "blk.0.attn_k",   "blk.0.attn_v",
                                          "blk.0.attn_output", "blk.0.ffn_gate", "blk.0.ffn_down",
                                          "blk.0.ffn_up"};
    add_tensor(file, memory, "token_embd", GGML_TYPE_F16, n_vocab);
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++)
        add_tensor(file, memory, norms[i], GGML_TYPE_F32, 0);
    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++)
        add_tensor(file, memory, squares[i], GGML_TYPE_F32, WIDTH);
}

bool write_made_model(const char *path, int32_t n_vocab) {
    size_t bytes = (size_t)n_vocab * WIDTH * 2 + 1024 * 1024;
    struct ggml_context *memory = ggml_init((struct ggml_init_params){bytes, NULL, false});
    struct gguf_context *file = gguf_init_empty();
    bool written = memory && file && add_vocabulary(file, n_vocab);
    if (written) {
        add_shape(file);
        add_tensors(file, memory, n_vocab);
        written = gguf_write_to_file(file, path, false);
    }
    if (file) gguf_free(file);
    if (memory) ggml_free(memory);
    return written;
}
