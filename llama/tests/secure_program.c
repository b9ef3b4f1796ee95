/* secure_program.c: prints whether it runs with more rights than its user, and a seeded token. */
#include "llama.h"

#include <stdio.h>
#include <sys/auxv.h>

int main(void) {
    llama_token_data data[64];
    for (int i = 0; i < 64; i++) data[i] = (llama_token_data){i, 0.1f * (float)(i % 7), 0.0f};
    llama_token_data_array cur = {data, 64, -1, false};
    struct llama_sampler *dist = llama_sampler_init_dist(4);
    llama_sampler_apply(dist, &cur);
    printf("%d %d\n", getauxval(AT_SECURE) != 0, cur.data[cur.selected].id);
    llama_sampler_free(dist);
    return 0;
}
