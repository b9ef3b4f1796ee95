/*
 * cmd_asm.c - `perflab asm`: the loop that takes the time, on both sides.
 *
 * It is found by sampling, since it may be reached by an indirect call or lie in another library.
 * objdump then disassembles the object with the most samples. The hot function is the one with the
 * most samples; its hot loop is the smallest span of a backward branch that holds 60 % of them.
 */
#include "child.h"
#include "commands.h"
#include "launch.h"
#include "options.h"
#include "recorder.h"
#include "selection.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#define LOOP_SHARE 0.6

typedef struct instruction {
    uint64_t address;
    uint64_t target; /* of a jump, 0 otherwise */
    size_t samples;
    char text[120];
} instruction;

typedef struct function {
    char name[200];
    instruction *code;
    size_t n, samples;
} function;

/* Samples that fell in one object. */
typedef struct hits {
    const char *object;
    uint64_t *offset; /* sorted */
    size_t n;
} hits;

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool same_object(const cJSON *a, const cJSON *b) {
    return strcmp(cJSON_GetStringValue(cJSON_GetArrayItem(a, 0)),
                  cJSON_GetStringValue(cJSON_GetArrayItem(b, 0))) == 0;
}

/* The object with the most samples, and their offsets in it. */
static hits hottest_object(const cJSON *samples) {
    hits best = {0};
    const cJSON *a, *b;
    const cJSON *winner = NULL;
    size_t most = 0;
    cJSON_ArrayForEach(a, samples) {
        size_t n = 0;
        if (winner != NULL && same_object(a, winner)) continue;
        cJSON_ArrayForEach(b, samples) n += same_object(a, b);
        if (n > most) {
            most = n;
            winner = a;
        }
    }
    if (winner == NULL) return best;
    best.object = cJSON_GetStringValue(cJSON_GetArrayItem(winner, 0));
    best.offset = must_alloc(most * sizeof *best.offset);
    cJSON_ArrayForEach(b, samples) {
        if (!same_object(winner, b)) continue;
        best.offset[best.n++] = (uint64_t)cJSON_GetArrayItem(b, 1)->valuedouble;
    }
    qsort(best.offset, best.n, sizeof *best.offset, by_value);
    return best;
}

static size_t hits_at(const hits *h, uint64_t from, uint64_t to) {
    size_t n = 0;
    for (size_t i = 0; i < h->n && h->offset[i] < to; i++) n += h->offset[i] >= from;
    return n;
}

/* Adds a line of objdump such as "    1139:\tjne    1120 <name+0x20>" to the function. */
static void take_instruction(function *f, const char *line) {
    char *end;
    const uint64_t address = strtoull(line, &end, 16);
    if (*end != ':' || end == line) return;
    while (*++end == ' ' || *end == '\t') {
    }
    f->code = must_grow(f->code, (f->n + 1) * sizeof *f->code);
    instruction *i = &f->code[f->n++];
    memset(i, 0, sizeof *i);
    i->address = address;
    snprintf(i->text, sizeof i->text, "%s", end);
    if (i->text[0] == 'j' || strncmp(i->text, "b", 1) == 0 || strncmp(i->text, "cb", 2) == 0 ||
        strncmp(i->text, "tb", 2) == 0) {
        const char *bracket = strchr(i->text, '<');
        const char *from = bracket;
        while (from != NULL && from > i->text && (from[-1] == ' ' || from[-1] == '\t')) from--;
        while (from != NULL && from > i->text && strchr("0123456789abcdef", from[-1]) != NULL)
            from--;
        if (from != NULL) i->target = strtoull(from, NULL, 16);
    }
}

/* Counts the samples of each instruction; keeps the function if it is the hottest so far. */
static void finish_function(function *current, function *best, const hits *h) {
    current->samples = 0;
    for (size_t k = 0; k < current->n; k++) {
        instruction *i = &current->code[k];
        const uint64_t next = k + 1 < current->n ? current->code[k + 1].address : i->address + 15;
        i->samples = hits_at(h, i->address, next);
        current->samples += i->samples;
    }
    if (current->samples > best->samples) {
        function swap = *best;
        *best = *current;
        *current = swap;
    }
    current->n = 0;
}

static function hottest_function(const hits *h) {
    function best = {0}, current = {0};
    const char *const argv[] = {"objdump", "-d", "--no-show-raw-insn", h->object, NULL};
    char *text = child_output(argv);
    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) *next++ = '\0';
        const char *open = strstr(line, " <");
        const char *close = strstr(line, ">:");
        if (line[0] == '0' && open != NULL && close != NULL) {
            finish_function(&current, &best, h);
            snprintf(current.name, sizeof current.name, "%.*s", (int)(close - open - 2), open + 2);
        } else {
            take_instruction(&current, line + strspn(line, " "));
        }
    }
    finish_function(&current, &best, h);
    free(current.code);
    free(text);
    return best;
}

/* The hot loop's span in the function: [*first, *last]. False if no loop has enough samples. */
static bool hot_loop(const function *f, size_t *first, size_t *last) {
    bool found = false;
    for (size_t k = 0; k < f->n; k++) {
        const uint64_t target = f->code[k].target;
        if (target == 0 || target > f->code[k].address || target < f->code[0].address) continue;
        size_t start = k, samples = 0;
        while (start > 0 && f->code[start].address > target) start--;
        for (size_t i = start; i <= k; i++) samples += f->code[i].samples;
        const bool enough = (double)samples >= LOOP_SHARE * (double)f->samples;
        if (!enough || (found && k - start >= *last - *first)) continue;
        found = true;
        *first = start;
        *last = k;
    }
    if (!found && f->n > 0) {
        *first = 0;
        *last = f->n - 1;
    }
    return found;
}

typedef struct census {
    size_t packed, scalar, other;
    int widest; /* bits of the widest vector register, 0: none */
} census;

#if defined(__aarch64__)
/* AArch64: vector operands carry their shape ("v0.4s"), scalar ones are s0, d0. */
static void count_instruction(const char *text, census *c) {
    const char *operands = text + strcspn(text, " \t");
    if (strstr(operands, ".4s") || strstr(operands, ".2d") || strstr(operands, ".16b") ||
        strstr(operands, ".8h") || strstr(operands, "\tq") || strstr(operands, ", q")) {
        c->packed++;
        c->widest = 128;
    } else if (strstr(operands, "\ts") || strstr(operands, "\td") || strstr(operands, ", s") ||
               strstr(operands, ", d")) {
        c->scalar++;
    } else {
        c->other++;
    }
}

#else
static bool ends_with(const char *word, size_t n, const char *end) {
    const size_t m = strlen(end);
    return n >= m && strncmp(word + n - m, end, m) == 0;
}

/* x86: the suffix of the mnemonic shows whether it is packed or scalar. */
static void count_instruction(const char *text, census *c) {
    const int bits = strstr(text, "%zmm")   ? 512
                     : strstr(text, "%ymm") ? 256
                     : strstr(text, "%xmm") ? 128
                                            : 0;
    size_t n = strcspn(text, " \t");
    const char *word = text;
    if (bits == 0) {
        c->other++;
        return;
    }
    if (*word == 'v') {
        word++;
        n--;
    }
    const bool integer = *word == 'p';
    const bool broadcast = strncmp(word, "broadcast", 9) == 0;
    const bool moved = (n == 4 && (strncmp(word, "movd", 4) == 0 || strncmp(word, "movq", 4) == 0));
    const bool suffix = ends_with(word, n, "ss") || ends_with(word, n, "sd");
    const bool convert = ends_with(word, n, "2si") || ends_with(word, n, "ssl") ||
                         ends_with(word, n, "ssq") || ends_with(word, n, "sdl") ||
                         ends_with(word, n, "sdq");
    if (!integer && !broadcast && (suffix || moved || convert)) {
        c->scalar++;
    } else {
        c->packed++;
        if (bits > c->widest) c->widest = bits;
        return;
    }
    if (c->widest < 128) c->widest = 128;
}
#endif

static census take_census(const function *f, size_t first, size_t last) {
    census c = {0};
    for (size_t i = first; i <= last && i < f->n; i++) {
        count_instruction(f->code[i].text, &c);
    }
    return c;
}

/* What is known of the hottest code of a side, as JSON. */
static cJSON *describe(const function *f, const hits *h, size_t n_samples) {
    size_t first = 0, last = 0, here = 0;
    const bool loop = hot_loop(f, &first, &last);
    const census c = take_census(f, first, last);
    const char *base = strrchr(h->object, '/');
    cJSON *o = cJSON_CreateObject();
    cJSON *code = cJSON_CreateArray();
    for (size_t i = first; i <= last && i < f->n; i++) {
        here += f->code[i].samples;
        char *line =
            text_format("%5.1f %%  %s", 100.0 * (double)f->code[i].samples / (double)n_samples,
                        f->code[i].text);
        cJSON_AddItemToArray(code, cJSON_CreateString(line));
        free(line);
    }
    cJSON_AddStringToObject(o, "function", f->name);
    cJSON_AddStringToObject(o, "object", base != NULL ? base + 1 : h->object);
    cJSON_AddNumberToObject(o, "share", (double)here / (double)n_samples);
    cJSON_AddBoolToObject(o, "loop", loop);
    cJSON_AddNumberToObject(o, "instructions", (double)(last - first + 1));
    cJSON_AddNumberToObject(o, "packed", (double)c.packed);
    cJSON_AddNumberToObject(o, "scalar", (double)c.scalar);
    cJSON_AddNumberToObject(o, "other", (double)c.other);
    cJSON_AddNumberToObject(o, "widest", c.widest);
    cJSON_AddItemToObject(o, "code", code);
    return o;
}

static void print_side(const char *side, const cJSON *o, bool listing) {
    const double packed = json_number(o, "packed", 0), widest = json_number(o, "widest", 0);
    const cJSON *line;
    printf("  %-9s %s in %s, %.0f %% of the time\n", side, json_text(o, "function", ""),
           json_text(o, "object", ""), 100 * json_number(o, "share", 0));
    printf("            %s of %.0f instructions: %.0f packed, %.0f scalar floating point, %.0f "
           "other; ",
           cJSON_IsTrue(cJSON_GetObjectItem(o, "loop")) ? "loop" : "no single loop: function",
           json_number(o, "instructions", 0), packed, json_number(o, "scalar", 0),
           json_number(o, "other", 0));
    if (widest == 0) {
        printf("no vector register\n");
    } else {
        printf("widest register %.0f bits%s\n", widest,
               packed == 0 ? ", used for scalars only" : "");
    }
    cJSON_ArrayForEach(line, cJSON_GetObjectItem(o, "code")) {
        if (listing) printf("    %s\n", cJSON_GetStringValue(line));
    }
}

/* Samples a side and prints its hot loop. Adds it to `to`, unless that is NULL. */
static bool asm_side(const recorder *r, const entry *e, const char *input, int side, bool listing,
                     cJSON *to) {
    cJSON *job = record_job(r, e, "sample", input);
    cJSON_AddNumberToObject(job, "seed", 42);
    cJSON_AddNumberToObject(job, "side", side);
    cJSON_AddNumberToObject(job, "seconds", 1);
    const launch l = {.job = job, .timeout_s = 120};
    launched got = launch_run(&l);
    const cJSON *samples = cJSON_GetObjectItem(got.result, "samples");
    const char *name = side == 0 ? "baseline" : "candidate";
    const bool good = cJSON_GetArraySize(samples) > 0;
    if (good) {
        hits h = hottest_object(samples);
        function f = hottest_function(&h);
        if (f.n > 0 && h.object != NULL) {
            cJSON *o = describe(&f, &h, (size_t)cJSON_GetArraySize(samples));
            print_side(name, o, listing);
            if (to != NULL) {
                cJSON_AddItemToObject(to, name, o);
            } else {
                cJSON_Delete(o);
            }
        } else {
            printf("  %-9s in %s, which objdump cannot read\n", name,
                   h.object != NULL ? h.object : "no object");
        }
        free(f.code);
        free(h.offset);
    } else {
        printf("  %-9s no samples: %s\n", name,
               got.detail != NULL ? got.detail : "its calls are too short");
    }
    launched_free(&got);
    cJSON_Delete(job);
    return good;
}

/* Samples both sides of an entry and, with a ledger, keeps the result for the report. */
static bool asm_entry(recorder *r, const entry *e, const char *input, bool listing) {
    cJSON *found = cJSON_CreateObject();
    bool good = true;
    printf("%s %s\n", e->id, e->component);
    if (e->has_baseline) good &= asm_side(r, e, input, 0, listing, found);
    if (e->has_candidate) good &= asm_side(r, e, input, 1, listing, found);
    if (r->ledger != NULL && found->child != NULL) {
        cJSON *data = cJSON_CreateObject();
        cJSON_AddItemToObject(data, "asm", cJSON_Duplicate(found, true));
        good &= record_profile(r, e, input, (double)e->size, data);
        cJSON_Delete(data);
    }
    cJSON_Delete(found);
    return good;
}

int command_asm(int argc, char **argv) {
    const char *modules = NULL, *variant = "native", *input = NULL, *data = NULL, *path = NULL;
    bool listing = false, record = false;
    const option options[] = {
        {"--listing", OPTION_FLAG, &listing, NULL,
         "print the loops, with each instruction's share of the time"},
        {"--record", OPTION_FLAG, &record, NULL, "keep the loops in the ledger, for the report"},
        {"--input", OPTION_TEXT, &input, "KIND", "this kind of input (the first registered)"},
        {"--variant", OPTION_TEXT, &variant, "V", "native (default) or portable"},
        {"--data", OPTION_TEXT, &data, "FOLDER", "recorded inputs ($PERFLAB_DATA)"},
        {"--modules", OPTION_TEXT, &modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &path, "FILE", "--record: where results go (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "asm [ID...] [options]",
        .about =
            "Shows the hot loop of both sides, found by sampling: how many packed and how many\n"
            "scalar instructions it has, and the widest register it uses.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    catalog c;
    if (!catalog_read(&c, modules)) return EXIT_TROUBLE;
    const selection s = {
        .ids = line.words, .n_ids = line.n_words, .variant = variant, .input = input};
    const char *const objdump[] = {"objdump", "--version", NULL};
    char *version = child_first_line(objdump);
    const bool known = selection_known(&s, &c, NULL);
    if (version == NULL) complain("asm: needs objdump (of binutils), which cannot be run here");
    const bool can = version != NULL;
    free(version);
    if (!known || !can) {
        catalog_free(&c);
        return known ? EXIT_TROUBLE : EXIT_USAGE;
    }
    progress bar;
    recorder r;
    ledger *l = record ? ledger_open(ledger_choice(path), true) : NULL;
    bool good = !record || l != NULL;
    progress_start(&bar, 1);
    recorder_start(&r, l, &bar);
    if (data != NULL) r.data = data;
    for (size_t i = 0; (l != NULL || !record) && i < c.n; i++) {
        const entry *e = &c.entries[i];
        if (!selection_has(&s, e) || !entry_has_input(e, input)) continue;
        good &= asm_entry(&r, e, input != NULL ? input : e->inputs[0], listing);
    }
    ledger_close(l);
    recorder_end(&r);
    catalog_free(&c);
    return good ? EXIT_DONE : EXIT_WRONG_RESULT;
}
