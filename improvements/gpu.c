/*
 * G.1 to G.3: what a GPU is to do, until there is code for it.
 */
#include "inputs.h"

PERFLAB_MODULE({.id = "G.1",
                .component = "GPU-side greedy argmax",
                .title = "no GPU code yet",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB},
               {.id = "G.2",
                .component = "GPU-side top-k",
                .title = "no GPU code yet",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB},
               {.id = "G.3",
                .component = "async transfer pipeline",
                .title = "no GPU code yet",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB})
