/* explain.c: a plan in words. */
#include "offload.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct writer {
    char *text;
    size_t capacity, length;
} writer;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
put(writer *w, const char *format, ...) {
    va_list arguments;
    int n;
    if (w->length >= w->capacity) return;
    va_start(arguments, format);
    n = vsnprintf(w->text + w->length, w->capacity - w->length, format, arguments);
    va_end(arguments);
    if (n > 0) w->length += (size_t)n;
}

static void put_stage(writer *w, const pluck_stage *stage) {
    pluck_stage_traits traits;
    switch (stage->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        put(w, "logit_bias (%d)", (int)stage->as.logit_bias.n_biases);
        break;
    case PLUCK_STAGE_PENALTIES:
        put(w, "penalties (last %d)", (int)stage->as.penalties.last_n);
        break;
    case PLUCK_STAGE_TOP_N_SIGMA:
        put(w, "top_n_sigma %g", (double)stage->as.top_n_sigma.n);
        break;
    case PLUCK_STAGE_TOP_K:
        put(w, "top_k %d", (int)stage->as.top_k.k);
        break;
    case PLUCK_STAGE_TYPICAL:
        put(w, "typical %g", (double)stage->as.typical.p);
        break;
    case PLUCK_STAGE_TOP_P:
        put(w, "top_p %g", (double)stage->as.top_p.p);
        break;
    case PLUCK_STAGE_MIN_P:
        put(w, "min_p %g", (double)stage->as.min_p.p);
        break;
    case PLUCK_STAGE_TOP_A:
        put(w, "top_a %g", (double)stage->as.top_a.a);
        break;
    case PLUCK_STAGE_EPSILON_CUTOFF:
        put(w, "epsilon_cutoff %g", (double)stage->as.epsilon_cutoff.epsilon);
        break;
    case PLUCK_STAGE_ETA_CUTOFF:
        put(w, "eta_cutoff %g", (double)stage->as.eta_cutoff.epsilon);
        break;
    case PLUCK_STAGE_TEMPERATURE:
        put(w, stage->as.temperature.range > 0.0f ? "dynamic temperature %g" : "temperature %g",
            (double)stage->as.temperature.t);
        break;
    case PLUCK_STAGE_DIST:
        put(w, "draw");
        break;
    default: /* all other stages run on the CPU; the name is libpluck's */
        put(w, "%s", pluck_stage_describe(stage, &traits) ? traits.name : "?");
        break;
    }
}

/* Prints the stages from begin to end that are not disabled; true if there was one. */
static bool put_stages(writer *w, const pluck_stage *stages, int32_t begin, int32_t end,
                       bool temperatures) {
    bool any = false;
    for (int32_t i = begin; i < end; i++) {
        if (gpu_stage_is_disabled(stages + i)) continue;
        if (!temperatures && stages[i].kind == PLUCK_STAGE_TEMPERATURE) continue;
        if (any) put(w, ", ");
        put_stage(w, stages + i);
        any = true;
    }
    return any;
}

pluck_gpu_status pluck_gpu_explain(const pluck_config *config, char *text, size_t capacity) {
    writer w = {text, capacity, 0};
    pluck_gpu_plan *plan;
    if (!text || capacity == 0) return PLUCK_GPU_ERR_NULL;
    GPU_TRY(pluck_gpu_plan_create(&plan, config, NULL));
    text[0] = '\0';
    switch (plan->placement) {
    case PLUCK_GPU_ARGMAX:
    case PLUCK_GPU_TOKEN:
        put(&w, "device: ");
        put_stages(&w, config->stages, 0, config->n_stages, true);
        put(&w, plan->placement == PLUCK_GPU_ARGMAX ? " -> argmax, 4 bytes back"
                                                    : " -> token and log-probability back");
        break;
    case PLUCK_GPU_CANDIDATES:
        put(&w, "device: ");
        put_stages(&w, config->stages, 0, plan->first_cpu, false);
        if (plan->chain.route == PLK_ROUTE_TOP)
            put(&w, " -> %d candidates back", (int)plan->chain.k);
        else
            put(&w, " -> the candidates left back");
        put(&w, "; CPU: ");
        if (!put_stages(&w, plan->tail.stages, 0, plan->tail.n_stages, true)) put(&w, "nothing");
        break;
    case PLUCK_GPU_ROW:
        put(&w, "the row back, %zu bytes as float32; CPU: ", (size_t)config->n_vocab * 4);
        if (!put_stages(&w, config->stages, 0, config->n_stages, true)) put(&w, "nothing");
        break;
    }
    pluck_gpu_plan_free(plan);
    return PLUCK_GPU_OK;
}
