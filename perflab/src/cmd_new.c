/*
 * cmd_new.c - `perflab new`: writes a benchmark that compiles and passes its gate, to be filled in.
 */
#include "commands.h"
#include "options.h"
#include "util.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* In parts, since C11 limits the length of a literal. @ID@, @COMPONENT@, @FILE@ are replaced. */
static const char *const template_parts[] = {
    /* clang-format off */
    "/*\n"
    " * @FILE@ - @ID@ @COMPONENT@: the old code, the new code, and a check that both do the same.\n"
    " * As written, both sides divide; put your code in their place.\n"
    " *\n"
    " *     perflab build && perflab validate && perflab run && perflab status\n"
    " *\n"
    " * It compiles in every dialect of C and C++.\n"
    " */\n"
    "#include \"perflab.h\"\n"
    "\n",
    "/* The input, and an output for each side, so that validate sees both. */\n"
    "static float *input;\n"
    "static float *output[2];\n"
    "static volatile float divisor = 0.8f; /* volatile: the compiler must not know it */\n"
    "\n",
    "/* Makes the input from size, kind and seed. Called once, before the functions below. */\n"
    "static int setup(perflab_ctx *ctx) {\n"
    "    const size_t bytes = ctx->size * sizeof *input;\n"
    "    perflab_rng rng;\n"
    "    size_t i;\n"
    "    rng.state = ctx->seed;\n"
    "    input = (float *)perflab_alloc(ctx, bytes, 0);\n"
    "    output[PERFLAB_BASELINE] = (float *)perflab_alloc(ctx, bytes, 0);\n"
    "    output[PERFLAB_CANDIDATE] = (float *)perflab_alloc(ctx, bytes, 0);\n"
    "    for (i = 0; i < ctx->size; i++) input[i] = (float)(5 * perflab_rng_normal(&rng));\n"
    "    /* What one call must read, write and compute at least: for throughput and roofline. */\n"
    "    ctx->min_bytes = 2.0 * (double)bytes;\n"
    "    ctx->min_ops = (double)ctx->size;\n"
    "    return PERFLAB_OK;\n"
    "}\n"
    "\n",
    "/* One call of the old code. */\n"
    "static void baseline(perflab_ctx *ctx) {\n"
    "    const float d = divisor;\n"
    "    float *out = output[PERFLAB_BASELINE];\n"
    "    size_t i;\n"
    "    for (i = 0; i < ctx->size; i++) out[i] = input[i] / d;\n"
    "}\n"
    "\n",
    "/* One call of the new code. */\n"
    "static void candidate(perflab_ctx *ctx) {\n"
    "    const float d = divisor;\n"
    "    float *out = output[PERFLAB_CANDIDATE];\n"
    "    size_t i;\n"
    "    for (i = 0; i < ctx->size; i++) out[i] = input[i] / d;\n"
    "}\n"
    "\n",
    "/* Compares the outputs. perflab.h has checks for ids, floats, arrays, distributions, references. */\n"
    "static bool validate(perflab_ctx *ctx) {\n"
    "    return perflab_check_floats(ctx, \"output\", output[PERFLAB_BASELINE], output[PERFLAB_CANDIDATE],\n"
    "                                ctx->size, PERFLAB_TOLERANCE, 1e-6);\n"
    "}\n"
    "\n",
    "static void describe(perflab_benchmark *b) {\n"
    "    b->id = \"@ID@\";\n"
    "    b->component = \"@COMPONENT@\";\n"
    "    b->title = \"what was changed\";\n"
    "    b->size = 10000;\n"
    "    b->setup = setup;\n"
    "    b->baseline = baseline;\n"
    "    b->candidate = candidate;\n"
    "    b->validate = validate;\n"
    "}\n"
    "\n",
    "PERFLAB_DESCRIBED(describe)\n",
    NULL};
/* clang-format on */

/* "temp scaling" -> "temp-scaling" */
static char *file_of(const char *component, bool cpp) {
    text_buffer name = {0};
    text_add(&name, "bench-");
    for (const char *p = component; *p != '\0'; p++) {
        const bool plain = isalnum((unsigned char)*p) != 0;
        const char c = plain ? (char)tolower((unsigned char)*p) : '-';
        if (plain || name.text[name.length - 1] != '-') text_add_bytes(&name, &c, 1);
    }
    while (name.length > 6 && name.text[name.length - 1] == '-') name.text[--name.length] = '\0';
    text_add(&name, cpp ? ".cpp" : ".c");
    return name.text;
}

/* Text with its marks replaced. */
static void expand(text_buffer *out, const char *text, const char *id, const char *component,
                   const char *file) {
    const char *const marks[] = {"@ID@", "@COMPONENT@", "@FILE@"};
    const char *const values[] = {id, component, file};
    while (*text != '\0') {
        size_t length = 1;
        const char *with = NULL;
        for (int i = 0; i < 3 && with == NULL; i++) {
            if (strncmp(text, marks[i], strlen(marks[i])) != 0) continue;
            with = values[i];
            length = strlen(marks[i]);
        }
        text_add_bytes(out, with != NULL ? with : text, with != NULL ? strlen(with) : 1);
        text += length;
    }
}

static bool is_plain(const char *s) {
    return *s != '\0' && strpbrk(s, "\"\\*/\n") == NULL;
}

int command_new(int argc, char **argv) {
    bool cpp = false;
    const option options[] = {{"--cpp", OPTION_FLAG, &cpp, NULL, "write a C++ file, .cpp"},
                              {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "new ID COMPONENT [--cpp]",
        .about = "Writes bench-COMPONENT.c here: a benchmark to fill in, which compiles in any\n"
                 "dialect of C and C++.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (line.n_words != 2 || !is_plain(line.words[0]) || !is_plain(line.words[1])) {
        complain("new: give an id and a component, as in: perflab new 5.1 \"temp scaling\"");
        return EXIT_USAGE;
    }
    char *file = file_of(line.words[1], cpp);
    bool good = !file_exists(file);
    if (!good) complain("%s exists already", file);
    text_buffer out = {0};
    for (int i = 0; template_parts[i] != NULL; i++) {
        expand(&out, template_parts[i], line.words[0], line.words[1], file);
    }
    good = good && write_text(file, out.text, out.length);
    if (good)
        printf("%s\nput your code into baseline and candidate, then run: perflab build\n", file);
    free(out.text);
    free(file);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}
