/* report.c: bench-gpu's table and its JSON. The limits are those set for one NVIDIA H200. */
#include "bench.h"

#include <string.h>

const char *bench_work_name(bench_work work) {
    static const char *const names[BENCH_WORKS] = {"argmax", "top_k",      "fused",
                                                   "top_p",  "flat_top_p", "softmax"};
    return work < BENCH_WORKS ? names[work] : "";
}

const char *bench_dtype_name(pluck_dtype dtype) {
    return dtype == PLUCK_DTYPE_F32 ? "float32" : dtype == PLUCK_DTYPE_F16 ? "float16" : "bfloat16";
}

/* The bandwidth of reading the rows once, as a share of the copy's bandwidth. */
static double share(const bench *b, const bench_line *line) {
    const double bytes = (double)line->n_rows * b->n_vocab * (double)gpu_element_size(line->dtype);
    return bytes / line->device / b->bandwidth;
}

static const bench_line *find(const bench *b, bench_work work, const bench_line *like) {
    for (int i = 0; i < b->n_lines; i++)
        if (b->lines[i].work == work && b->lines[i].dtype == like->dtype &&
            b->lines[i].n_rows == like->n_rows)
            return b->lines + i;
    return NULL;
}

/* Writes a line's limit and what was measured; `text` is empty if the line has no limit. */
static void judge(const bench *b, const bench_line *line, char *text, size_t capacity) {
    const bench_line *top_k = find(b, BENCH_TOP_K, line);
    text[0] = '\0';
    if (b->device->info.is_cpu) return; /* there are no limits for a processor */
    switch (line->work) {
    case BENCH_ARGMAX:
        if (line->n_rows == 256)
            snprintf(text, capacity, "share >= 80 %%: %.0f %%", 100.0 * share(b, line));
        else if (line->n_rows == 64)
            snprintf(text, capacity, "copy and scan >= 20 x: %.1f x", line->cpu / line->host);
        else if (line->n_rows == 1)
            snprintf(text, capacity, "to host <= 12 us: %.1f us", line->host);
        break;
    case BENCH_TOP_K:
        if (line->n_rows == 256)
            snprintf(text, capacity, "share >= 60 %%: %.0f %%", 100.0 * share(b, line));
        else if (line->n_rows == 1)
            snprintf(text, capacity, "to host <= 25 us: %.1f us", line->host);
        break;
    case BENCH_FUSED:
        if (line->n_rows == 256 && top_k)
            snprintf(text, capacity, "<= 1.3 x top_k: %.2f x", line->device / top_k->device);
        break;
    case BENCH_NUCLEUS:
        if (line->n_rows == 256)
            snprintf(text, capacity, "share >= 35 %%: %.0f %%", 100.0 * share(b, line));
        break;
    case BENCH_FLAT:
    case BENCH_SOFTMAX:
    case BENCH_WORKS:
        break;
    }
    if (line->torch > 0.0 && line->work != BENCH_SOFTMAX) {
        const size_t used = strlen(text);
        snprintf(text + used, capacity - used, "%storch >= %d x: %.1f x", used ? "; " : "",
                 line->work == BENCH_TOP_K || line->work == BENCH_ARGMAX ? 1 : 5,
                 line->torch / line->device);
    }
}

void bench_print(const bench *b) {
    printf("%s, %s; %d tokens; a copy on the device moves %.1f GB/s\n", b->device->info.name,
           b->device->info.driver, (int)b->n_vocab, b->bandwidth * 1e-3);
    printf("%-10s %-8s %5s %12s %7s %12s %12s %12s  %s\n", "work", "dtype", "rows", "device us",
           "share", "to host us", "copy+CPU us", "torch us", "asked: measured");
    for (int i = 0; i < b->n_lines; i++) {
        const bench_line *line = b->lines + i;
        char asked[160];
        judge(b, line, asked, sizeof asked);
        printf("%-10s %-8s %5d %12.1f %5.0f %% %12.1f %12.1f %12.1f  %s\n",
               bench_work_name(line->work), bench_dtype_name(line->dtype), (int)line->n_rows,
               line->device, 100.0 * share(b, line), line->host, line->cpu, line->torch, asked);
    }
    printf("pipeline, %d rows: serial %.1f us, overlapped %.1f us a token", (int)b->max_rows,
           b->serial, b->overlapped);
    if (!b->device->info.is_cpu) printf("  >= 1.8 x: %.2f x", b->serial / b->overlapped);
    putchar('\n');
    if (b->device->info.is_cpu)
        printf("The device is this machine's processor: this shows only that it runs.\n");
}

static void put_string(FILE *f, const char *text) {
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', f);
        if ((unsigned char)*text >= ' ') fputc(*text, f);
    }
    fputc('"', f);
}

bool bench_write_json(const bench *b, const char *path) {
    FILE *f = fopen(path, "w");
    bool good;
    if (!f) return false;
    fputs("{\n  \"device\": ", f);
    put_string(f, b->device->info.name);
    fputs(",\n  \"driver\": ", f);
    put_string(f, b->device->info.driver);
    fprintf(f,
            ",\n  \"is_cpu\": %s,\n  \"n_vocab\": %d,\n  \"copy_gb_per_s\": %.3f,\n  \"lines\": [",
            b->device->info.is_cpu ? "true" : "false", (int)b->n_vocab, b->bandwidth * 1e-3);
    for (int i = 0; i < b->n_lines; i++) {
        const bench_line *line = b->lines + i;
        fprintf(f,
                "%s\n    {\"work\": \"%s\", \"dtype\": \"%s\", \"rows\": %d, \"device_us\": %.3f, "
                "\"share\": %.4f, \"to_host_us\": %.3f, \"copy_and_cpu_us\": %.3f, "
                "\"torch_us\": %.3f}",
                i ? "," : "", bench_work_name(line->work), bench_dtype_name(line->dtype),
                (int)line->n_rows, line->device, share(b, line), line->host, line->cpu,
                line->torch);
    }
    fprintf(f,
            "\n  ],\n  \"pipeline\": {\"rows\": %d, \"serial_us\": %.3f, \"overlapped_us\": %.3f}"
            "\n}\n",
            (int)b->max_rows, b->serial, b->overlapped);
    good = !ferror(f);
    return fclose(f) == 0 && good;
}
