/*
 * penalised.c: see penalised.h.
 */
#include "penalised.h"

#include <stdlib.h>
#include <string.h>

int penalised_setup(perflab_ctx *ctx, penalised *p) {
    p->row = input_row(ctx);
    if (p->row == NULL) return PERFLAB_SKIP;
    input_history(ctx, p->row, p->history);
    p->array.data = perflab_alloc(ctx, ctx->size * sizeof *p->array.data, 0);
    p->logits = perflab_alloc(ctx, ctx->size * sizeof *p->logits, 0);
    tb_fill(&p->array, p->row, ctx->size);
    memcpy(p->logits, p->row, ctx->size * sizeof *p->row);
    /* At least, the history is read, and the logits of its tokens are read and written. */
    ctx->min_bytes = INPUT_HISTORY * (sizeof *p->history + 2.0 * sizeof *p->logits);
    return PERFLAB_OK;
}

void penalised_reset(const perflab_ctx *ctx, penalised *p) {
    for (int32_t i = 0; i < INPUT_HISTORY; i++) {
        const int32_t token = p->history[i];
        if (ctx->side == PERFLAB_BASELINE) {
            p->array.data[token].logit = p->row[token];
        } else {
            p->logits[token] = p->row[token];
        }
    }
}

double *penalised_exact(const perflab_ctx *ctx, const penalised *p) {
    double *exact = malloc(ctx->size * sizeof *exact);
    for (size_t i = 0; exact != NULL && i < ctx->size; i++) exact[i] = (double)p->row[i];
    return exact;
}

bool penalised_check(perflab_ctx *ctx, const penalised *p, double *exact, double relative) {
    float *textbook = malloc(ctx->size * sizeof *textbook);
    bool good = exact != NULL && textbook != NULL;
    for (size_t i = 0; good && i < ctx->size; i++) textbook[i] = p->array.data[i].logit;
    good = good && perflab_check_reference(ctx, "logits", exact, textbook, p->logits, ctx->size,
                                           PERFLAB_TOLERANCE, relative);
    free(exact);
    free(textbook);
    return good;
}
