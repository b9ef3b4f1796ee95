/*
 * cpu.c: finds out which instruction sets the CPU has, chooses the table, and lists the kernels.
 *
 * PLUCK_DISABLE_CPU has the names of instruction sets that are excluded, separated by commas. If a
 * name does not exist, a checked build ends the process. The choice is made on the first call and
 * published with release and acquire; two threads that race make the same choice.
 */
#include "../arithmetic.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../contract.h"
#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

extern const kernel_table pk_table_avx2, pk_table_avx512;

/* clang 14 has no name for it in __builtin_cpu_supports. */
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

static unsigned detect(void) {
    unsigned features = 0;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c())
        features |= CPU_AVX2;
    if (features && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        features |= CPU_AVX512;
    return features;
}
#elif defined(__aarch64__)
extern const kernel_table pk_table_neon;

static unsigned detect(void) {
    return CPU_NEON; /* part of the base architecture */
}
#else
static unsigned detect(void) {
    return 0;
}
#endif

extern const kernel_table pk_table_scalar, pk_table_simd128;

static const kernel_table *const tables[] = {
#if defined(__wasm__)
    &pk_table_simd128, /* an engine without it refuses the module, whatever else is in it */
#else
    &pk_table_scalar,
#endif
#if defined(__x86_64__)
    &pk_table_avx2,
    &pk_table_avx512,
#elif defined(__aarch64__)
    &pk_table_neon,
#endif
};

/* The bits that a name in PLUCK_DISABLE_CPU excludes; 0 if there is no such name. */
static unsigned bits_of(const char *name, size_t length) {
    static const struct {
        const char *name;
        unsigned bits;
    } known[] = {
        /* Without AVX2 wider vectors are not wanted either. */
        {"avx2", CPU_AVX2 | CPU_AVX512},
        {"avx512", CPU_AVX512},
        {"neon", CPU_NEON},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == length && memcmp(known[i].name, name, length) == 0)
            return known[i].bits;
    return 0;
}

/* A misspelt name excludes nothing, so a test would run with other kernels than it was meant to. A
 * release ignores it; `pluck info` shows it. */
static void refuse_name(const char *name, size_t length) {
#ifdef PLUCK_CHECKS
    char what[160];
    (void)snprintf(what, sizeof what,
                   "PLUCK_DISABLE_CPU names '%.*s'; there are avx2, avx512, neon",
                   (int)(length < 64 ? length : 64), name);
    pk_contract_broken(__FILE__, __LINE__, what);
#else
    (void)name;
    (void)length;
#endif
}

static unsigned disabled(void) {
    const char *list = getenv("PLUCK_DISABLE_CPU");
    unsigned bits = 0;
    while (list && *list) {
        const size_t length = strcspn(list, ",");
        const unsigned named = bits_of(list, length);
        if (named == 0 && length > 0) refuse_name(list, length);
        bits |= named;
        list += length + (list[length] == ',');
    }
    return bits;
}

unsigned pk_cpu_features(void) {
    return detect() & ~disabled();
}

const kernel_table *const *pk_kernel_tables(int *count) {
    *count = (int)(sizeof tables / sizeof *tables);
    return tables;
}

const kernel_table *pk_kernels(void) {
    static _Atomic(const kernel_table *) chosen;
    const kernel_table *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (table) return table;
    const unsigned features = pk_cpu_features();
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if ((tables[i]->needs & ~features) == 0) table = tables[i];
    atomic_store_explicit(&chosen, table, memory_order_release);
    return table;
}

exp_params pk_exp_params(float ref, double scale) {
    const double c = scale * (8 * 1.4426950408889634);
    exp_params p = {.ref = ref, .c_hi = (float)c};
    p.c_lo = (float)(c - (double)p.c_hi);
    p.floor = (float)(-127.0 * 8 / c);
    return p;
}

const char *pluck_isa(void) {
    return pk_kernels()->isa;
}

bool pluck_kernel_describe(int32_t index, pluck_kernel_info *info) {
    static const char *const dtypes[KERNEL_DTYPES] = {"f32", "f16", "bf16"};
#define NAME(type, name, parameters)        #name,
#define MASKED_NAME(type, name, parameters) #name "_masked",
    static const char *const row_ops[] = {ROW_KERNELS(NAME) ROW_KERNELS(MASKED_NAME)};
    static const char *const array_ops[] = {ARRAY_KERNELS(NAME)};
#undef NAME
#undef MASKED_NAME
    enum {
        N_ROW = (int)(sizeof row_ops / sizeof *row_ops),
        N_ARRAY = (int)(sizeof array_ops / sizeof *array_ops),
        PER_TABLE = N_ROW * KERNEL_DTYPES + N_ARRAY,
        N_TABLES = (int)(sizeof tables / sizeof *tables)
    };
    if (!info || index < 0 || index >= PER_TABLE * N_TABLES) return false;
    const kernel_table *table = tables[index / PER_TABLE];
    const int i = index % PER_TABLE;
    info->op = i < N_ROW * KERNEL_DTYPES ? row_ops[i / KERNEL_DTYPES]
                                         : array_ops[i - N_ROW * KERNEL_DTYPES];
    info->dtype = i < N_ROW * KERNEL_DTYPES ? dtypes[i % KERNEL_DTYPES] : "f32";
    info->isa = table->isa;
    info->supported = (table->needs & ~pk_cpu_features()) == 0;
    info->chosen = table == pk_kernels();
    return true;
}
