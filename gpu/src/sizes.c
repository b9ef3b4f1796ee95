/*
 * sizes.c: see sizes.h. Smaller sizes cost time, not results: a chain is reduced to fewer candidates
 * before it is finished, histograms take more rounds, and a top-k compares fewer segments at a time.
 */
#include "sizes.h"

static const struct {
    uint32_t small_max, bins;
    uint32_t segments; /* whose keys select.cl keeps at a time, at most */
} choices[] = {{PLK_SMALL_MAX, PLK_BINS, 4096},
               {1024, 1024, 2048},
               {512, 512, 1024},
               {PLK_FEW, 1024, 1024}}; /* for short tiles, of which a row has more */

enum { CHOICES = sizeof choices / sizeof *choices };

static void choose(pluck_gpu_device *device, int choice) {
    const uint32_t tiles = choices[choice].segments / device->wg;
    device->small_max = choices[choice].small_max;
    device->bins = choices[choice].bins;
    device->select_tiles = tiles < 1 ? 1 : tiles > PLK_SELECT_TILES ? PLK_SELECT_TILES : tiles;
}

void gpu_sizes_largest(pluck_gpu_device *device) {
    device->small_max = PLK_SMALL_MAX;
    device->bins = PLK_BINS;
    device->select_tiles = PLK_SELECT_TILES;
}

/* Are there enough bins for the tiles of the longest row? */
static bool holds_tiles(const pluck_gpu_device *device) {
    return (uint64_t)device->bins * device->wg * device->vpt >= PLK_MAX_VOCAB;
}

bool gpu_sizes_fit(pluck_gpu_device *device) {
    for (int c = 0; c < CHOICES; c++) {
        choose(device, c);
        if (holds_tiles(device) &&
            gpu_local_bytes(device, device->small_max) <= device->local_memory)
            return true;
    }
    return false;
}

size_t gpu_local_bytes(const pluck_gpu_device *device, uint32_t k) {
    const size_t wg = device->wg;
    const size_t select = PLK_SELECT_WORDS(k, wg, device->select_tiles);
    const size_t finish = PLK_FINISH_WORDS(wg, device->small_max, device->bins);
    return (select > finish ? select : finish) * sizeof(plk_u64);
}

size_t gpu_local_bytes_min(void) {
    pluck_gpu_device least = {.wg = GPU_LANES_MIN};
    choose(&least, CHOICES - 1);
    return gpu_local_bytes(&least, least.small_max);
}
