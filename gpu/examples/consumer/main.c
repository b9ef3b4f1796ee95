/*
 * main.c: a program of another project, built against an installed libpluck_gpu. Prints where a
 * chain would run, and opens the first device if there is one.
 */
#include <pluck_gpu.h>
#include <stdio.h>

int main(void) {
    const pluck_stage stages[] = {{.kind = PLUCK_STAGE_TOP_K, .as.top_k = {40}},
                                  {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
    const pluck_config config = {
        .n_vocab = 32000, .rng = PLUCK_RNG_PHILOX, .stages = stages, .n_stages = 2};
    char line[200];
    pluck_gpu_device *device = NULL;
    pluck_gpu_error error;
    if (pluck_gpu_explain(&config, line, sizeof line) != PLUCK_GPU_OK) return 1;
    puts(line);
    if (pluck_gpu_open(&device, NULL, &error) == PLUCK_GPU_OK)
        fprintf(stderr, "opened %s\n", pluck_gpu_device_describe(device)->name);
    else
        fprintf(stderr, "%s\n", error.message);
    pluck_gpu_close(device);
    return 0;
}
