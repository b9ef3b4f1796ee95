/*
 * gpu_none.c: G.1 to G.3 if libpluck_gpu is not built: rows with the status NOT_STARTED.
 */
#include "inputs.h"

PERFLAB_MODULE({.id = "G.1",
                .component = "GPU-side greedy argmax",
                .title = "built without libpluck_gpu",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB},
               {.id = "G.2",
                .component = "GPU-side top-k",
                .title = "built without libpluck_gpu",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB},
               {.id = "G.3",
                .component = "async transfer pipeline",
                .title = "built without libpluck_gpu",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB})
