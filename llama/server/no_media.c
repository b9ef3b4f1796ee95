/*
 * no_media.c: stands for llama.cpp's reader of images and sound, mtmd, in the llama-server of
 * scripts/server-check. That server never has a model which reads them. What it calls all the same
 * does nothing; all else ends the program and says what was called.
 */
#include "mtmd-helper.h"
#include "mtmd.h"

#include <stdio.h>
#include <stdlib.h>

static void absent(const char *name) {
    fprintf(stderr, "llama-server is built without images and sound, and called %s\n", name);
    abort();
}

void mtmd_helper_log_set(ggml_log_callback log_callback, void *user_data) {
    (void)log_callback;
    (void)user_data;
}

struct mtmd_context_params mtmd_context_params_default(void) {
    return (struct mtmd_context_params){.n_threads = 1};
}

struct mtmd_helper_init_opt mtmd_helper_init_opt_default(void) {
    return (struct mtmd_helper_init_opt){.video_params = {0}};
}

void mtmd_free(mtmd_context *ctx) {
    (void)ctx;
}

/* Never called, so only the name matters to the linker, not the arguments. */
#define ABSENT(name)                                                                               \
    void absent_##name(void) __asm__(#name);                                                       \
    void absent_##name(void) {                                                                     \
        absent(#name);                                                                             \
    }
ABSENT(mtmd_batch_add_chunk)
ABSENT(mtmd_batch_encode)
ABSENT(mtmd_batch_free)
ABSENT(mtmd_batch_get_output_embd)
ABSENT(mtmd_batch_init)
ABSENT(mtmd_bitmap_free)
ABSENT(mtmd_get_cap_from_file)
ABSENT(mtmd_helper_bitmap_init_from_buf)
ABSENT(mtmd_helper_decode_image_chunk)
ABSENT(mtmd_helper_support_video)
ABSENT(mtmd_helper_video_free)
ABSENT(mtmd_init_from_file)
ABSENT(mtmd_input_chunk_copy)
ABSENT(mtmd_input_chunk_free)
ABSENT(mtmd_input_chunk_get_id)
ABSENT(mtmd_input_chunk_get_n_pos)
ABSENT(mtmd_input_chunk_get_n_tokens)
ABSENT(mtmd_input_chunk_get_placeholder)
ABSENT(mtmd_input_chunk_get_tokens_text)
ABSENT(mtmd_input_chunk_get_type)
ABSENT(mtmd_input_chunk_load)
ABSENT(mtmd_input_chunk_save)
ABSENT(mtmd_input_chunks_free)
ABSENT(mtmd_input_chunks_get)
ABSENT(mtmd_input_chunks_init)
ABSENT(mtmd_input_chunks_size)
ABSENT(mtmd_support_audio)
ABSENT(mtmd_support_vision)
ABSENT(mtmd_tokenize)
/* mtmd_get_memory_usage(char const *, mtmd_context_params), which is C++ */
ABSENT(_Z21mtmd_get_memory_usagePKc19mtmd_context_params)
