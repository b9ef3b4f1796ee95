/* made_model.cpp: see made_model.h. */
#include "made_model.h"

#include "ggml.h"
#include "gguf.h"

#include <cstdio>
#include <cstring>
#include <vector>

namespace {

enum { WIDTH = 32, N_BYTES = 256, N_SPECIAL = 3 };

/* llama.cpp's token types */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_BYTE = 6 };

/* Letters that are different for each number, with a space before every other one. */
std::string piece_of(int32_t i) {
    static const char breakers[] = ":\"*\n";
    std::string text = i % 2 ? "\xe2\x96\x81" : "";
    for (int32_t rest = i + 1; rest > 0; rest /= 26) text += (char)('a' + rest % 26);
    if (i % 40 == 7) text += breakers[i / 40 % 4];
    return text;
}

void add_vocabulary(gguf_context *file, int32_t n_vocab) {
    std::vector<std::string> texts = {"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types = {TYPE_UNKNOWN, TYPE_CONTROL, TYPE_CONTROL};
    for (int byte = 0; byte < N_BYTES; byte++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", byte);
        texts.push_back(text);
        types.push_back(TYPE_BYTE);
    }
    while ((int32_t)texts.size() < n_vocab) {
        texts.push_back(piece_of((int32_t)texts.size() - N_SPECIAL - N_BYTES));
        types.push_back(TYPE_NORMAL);
    }
    std::vector<const char *> pointers;
    std::vector<float> scores;
    for (size_t i = 0; i < texts.size(); i++) {
        pointers.push_back(texts[i].c_str());
        scores.push_back(-(float)i);
    }
    gguf_set_val_str(file, "tokenizer.ggml.model", "llama");
    gguf_set_arr_str(file, "tokenizer.ggml.tokens", pointers.data(), pointers.size());
    gguf_set_arr_data(file, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores.data(),
                      scores.size());
    gguf_set_arr_data(file, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(),
                      types.size());
    gguf_set_val_u32(file, "tokenizer.ggml.unknown_token_id", 0);
    gguf_set_val_u32(file, "tokenizer.ggml.bos_token_id", 1);
    gguf_set_val_u32(file, "tokenizer.ggml.eos_token_id", 2);
}

void add_shape(gguf_context *file) {
    gguf_set_val_str(file, "general.architecture", "llama");
    gguf_set_val_u32(file, "llama.context_length", 16384);
    gguf_set_val_u32(file, "llama.embedding_length", WIDTH);
    gguf_set_val_u32(file, "llama.block_count", 1);
    gguf_set_val_u32(file, "llama.feed_forward_length", WIDTH);
    gguf_set_val_u32(file, "llama.attention.head_count", 1);
    gguf_set_val_f32(file, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

void add_tensor(gguf_context *file, ggml_context *memory, const char *name, ggml_type type,
                int64_t rows) {
    ggml_tensor *t = rows > 0 ? ggml_new_tensor_2d(memory, type, WIDTH, rows)
                              : ggml_new_tensor_1d(memory, type, WIDTH);
    ggml_set_name(t, name);
    memset(t->data, 0, ggml_nbytes(t));
    gguf_add_tensor(file, t);
}

} // namespace

bool write_made_model(const std::string &path, int32_t n_vocab) {
    size_t bytes = (size_t)n_vocab * WIDTH * 2 + 1024 * 1024;
    ggml_context *memory = ggml_init({bytes, nullptr, false});
    gguf_context *file = gguf_init_empty();
    bool written = memory && file;
    if (written) {
        add_shape(file);
        add_vocabulary(file, n_vocab);
        add_tensor(file, memory, "token_embd.weight", GGML_TYPE_F16, n_vocab);
        for (const char *name : {"output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"})
            add_tensor(file, memory, (std::string(name) + ".weight").c_str(), GGML_TYPE_F32, 0);
        for (const char *name :
             {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_down", "ffn_up"})
            add_tensor(file, memory, (std::string("blk.0.") + name + ".weight").c_str(),
                       GGML_TYPE_F32, WIDTH);
        written = gguf_write_to_file(file, path.c_str(), false);
    }
    if (file) gguf_free(file);
    if (memory) ggml_free(memory);
    return written;
}
