/*
 * kernel_probe.c: prints what multiply-add and the kernels on arrays give for the inputs that are
 * hardest to round, as a hash for each kind of input.
 *
 * Where an instruction set has no fused multiply-add, the result must still be rounded once. Draws
 * hardly ever show whether it is, since most sums are far from the middle between two floats; so
 * here the sums are next to it. Like draw_probe, this is run once for each instruction set, and the
 * outputs are compared.
 */
#include "kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__wasm__)
#include "kernels/vec_simd128.h"
#else
#include "kernels/vec_scalar.h"
#endif

enum { BATCH = 1 << 16, BATCHES = 16 };

static uint64_t state;

static uint64_t next(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* An integer from low to high. */
static int between(int low, int high) {
    return low + (int)(next() % (uint64_t)(high - low + 1));
}

static float sign(float x) {
    return next() & 1 ? -x : x;
}

/* 1 to 2, all bits random. */
static float mantissa(void) {
    return 1.0f + (float)(next() & 0x7fffff) * 0x1p-23f;
}

/* Any float, NaN and infinities included. */
static float any(void) {
    const uint32_t bits = (uint32_t)next();
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A mantissa's value times a power of two from low to high, of either sign. */
static float random_float(int low, int high) {
    const float m = mantissa();
    return sign(ldexpf(m, between(low, high)));
}

typedef struct triple {
    float a, b, c;
} triple;

/* The product is half a unit in c's last place, or a little more or less. */
static triple beside_middle(int exponent) {
    const float k = (float)between(0, 2000) * 0x1p-23f;
    const int half = (exponent < -126 ? -126 : exponent) - 24, share = half / 2;
    triple t;
    t.a = ldexpf(sign(1.0f + k), share);
    t.b = ldexpf(sign(1.0f) < 0.0f ? 1.0f : 1.0f - k, half - share);
    t.c = random_float(exponent, exponent);
    return t;
}

/* One statement for each call of next(): compilers order the parts of an expression differently. */
static triple make(int kind) {
    triple t = {0.0f, 0.0f, 0.0f};
    switch (kind) {
    case 0:
        t.a = any();
        t.b = any();
        t.c = any();
        break;
    case 1:
        return beside_middle(between(-90, 120));
    case 2:
        return beside_middle(between(-149, -120)); /* subnormal sums, and the least normal ones */
    case 3:                                        /* the product nearly cancels c */
        t.a = random_float(0, 0);
        t.b = random_float(-60, 60);
        t.c = -(t.a * t.b);
        break;
    case 4: /* c is small beside a product that is inexact */
        t.a = random_float(0, 0);
        t.b = random_float(0, 0);
        t.c = random_float(-60, -20);
        break;
    case 5: /* products near the least float */
        t.a = random_float(-76, -74);
        t.b = random_float(-76, -74);
        t.c = sign((float)between(0, 3) * 0x1p-149f);
        break;
    case 6: /* exact middles */
        t.a = sign(1.0f);
        t.b = ldexpf(1.0f, between(-24, -22));
        t.c = random_float(0, 0);
        break;
    default: /* near the greatest float */
        t.a = random_float(63, 63);
        t.b = random_float(64, 64);
        t.c = random_float(127, 127);
        break;
    }
    return t;
}

static uint64_t hash_of(const float *x) {
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < BATCH; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        if (isnan(x[i])) bits = 0x7fc00000u; /* which NaN it is, is nobody's business */
        hash = (hash ^ bits) * 1099511628211u;
    }
    return hash;
}

VATTR static void multiply_add(const float *a, const float *b, const float *c, float *out) {
    for (int i = 0; i < BATCH; i += VWIDTH)
        v_store(out + i, v_fma(v_load_f32(a + i), v_load_f32(b + i), v_load_f32(c + i)));
}

/* Prints a line for each batch, so that a difference can be found again. Returns whether multiply-add
 * in software (fma.h), which scalar code uses if nothing better is there, gives the same. */
static bool probe_fma(float *memory) {
    bool same = true;
    float *a = memory, *b = a + BATCH, *c = b + BATCH, *out = c + BATCH;
    for (int kind = 0; kind < 8; kind++)
        for (int batch = 0; batch < BATCHES; batch++) {
            state = (uint64_t)(1000 * kind + batch);
            for (int i = 0; i < BATCH; i++) {
                const triple t = make(kind);
                a[i] = t.a;
                b[i] = t.b;
                c[i] = t.c;
            }
            multiply_add(a, b, c, out);
            const uint64_t vector = hash_of(out);
            printf("fma kind %d batch %d %016llx\n", kind, batch, (unsigned long long)vector);
            for (int i = 0; i < BATCH; i++) out[i] = fma_by_odd(a[i], b[i], c[i]);
            if (hash_of(out) == vector) continue;
            (void)fprintf(stderr, "fma_by_odd differs: kind %d, batch %d\n", kind, batch);
            same = false;
        }
    return same;
}

static void print(const char *name, int kind, int batch, const float *out) {
    printf("%s kind %d batch %d %016llx\n", name, kind, batch, (unsigned long long)hash_of(out));
}

/* Distances from a maximum: of logits as they are, so small that they are subnormal, at the end of
 * the range of e(x), -inf among them. */
static float distance(int kind, double scale) {
    switch (kind) {
    case 0:
        return -(float)(next() >> 40) * 0x1p-19f;
    case 1:
        return -fabsf(random_float(-149, -100));
    case 2:
        return (float)(-(86.0 + (double)(next() >> 40) * 0x1p-22) / scale);
    default:
        return next() & 3 ? -fabsf(random_float(-30, 6)) : -INFINITY;
    }
}

static void probe_arrays(float *memory) {
    static const double scales[4] = {1.0, 1 / 0.7, 1e-3, 37.0};
    const array_kernels *k = &pk_kernels()->array;
    float *x = memory, *out = x + BATCH;
    for (int kind = 0; kind < 4; kind++)
        for (int batch = 0; batch < BATCHES; batch++) {
            state = (uint64_t)(9000 + 100 * kind + batch);
            const double scale = scales[batch % 4];
            const exp_params p = pk_exp_params(batch % 2 ? 0.0f : 17.25f, scale);
            for (int i = 0; i < BATCH; i++) x[i] = distance(kind, scale) + p.ref;
            k->shifted_exp(x, BATCH, &p, out);
            print("shifted_exp", kind, batch, out);
            const adapt_params w = {p, 0.37f, 0.05f, 3.3f, 4.1f};
            k->adapt(x, BATCH, &w, 21.0f, out);
            print("adapt", kind, batch, out);
            const bend_params bend = {p.ref, (float)scale, 0.3f, 0.0123f, 19.0f};
            k->bend(x, BATCH, &bend, out);
            print("bend", kind, batch, out);
            for (int i = 0; i < BATCH; i++) x[i] = kind == 0 ? any() : distance(kind, scale);
            k->exp(x, BATCH, out);
            print("exp", kind, batch, out);
            for (int i = 0; i < BATCH; i++) x[i] = kind == 0 ? x[i] : -x[i];
            k->log(x, BATCH, out);
            print("log", kind, batch, out);
        }
}

int main(void) {
    float *memory = malloc((size_t)4 * BATCH * sizeof *memory);
    if (!memory) return 1;
    const bool same = probe_fma(memory);
    probe_arrays(memory);
    free(memory);
    return !same;
}
