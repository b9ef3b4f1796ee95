/*
 * simclock.c - replays the recorded noise of a machine.
 *
 * A noise file is text: a first line "perflab-noise ROWS COLUMNS STEP_NS", then ROWS lines of
 * COLUMNS numbers. Each number is the duration of a fixed piece of work, divided by the median of
 * all, in the order of measurement. A row is one process: rows show how processes differ, and the
 * numbers within a row show bursts and drift.
 */
#include "simclock.h"
#include "stat.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The cost of reading the simulated clock once. */
enum { READ_NS = 25 };

/* The next number of a text. Sets *good to false if there is none above 0. */
static double next_number(char **at, bool *good) {
    char *end;
    const double x = strtod(*at, &end);
    *good = *good && end != *at && x > 0 && x < 1e12;
    *at = end;
    return x;
}

noise_trace *noise_read(const char *path) {
    static const char magic[] = "perflab-noise ";
    char *text = read_text(path, NULL);
    noise_trace *n = must_alloc(sizeof *n);
    bool good = text != NULL && strncmp(text, magic, strlen(magic)) == 0;
    char *at = good ? text + strlen(magic) : NULL;
    const double rows = good ? next_number(&at, &good) : 0;
    const double columns = good ? next_number(&at, &good) : 0;
    n->step_ns = good ? next_number(&at, &good) : 0;
    good = good && rows >= 1 && columns >= 2 && rows * columns < 1e8;
    if (good) {
        n->rows = (size_t)rows;
        n->columns = (size_t)columns;
        n->factor = must_alloc(n->rows * n->columns * sizeof *n->factor);
    }
    for (size_t i = 0; good && i < n->rows * n->columns; i++)
        n->factor[i] = next_number(&at, &good);
    free(text);
    if (good) return n;
    complain("%s is not a file of recorded noise", path);
    noise_free(n);
    return NULL;
}

void noise_free(noise_trace *n) {
    if (n == NULL) return;
    free(n->factor);
    free(n);
}

static uint64_t sim_now(void *self) {
    simclock *s = self;
    s->now_ns += READ_NS;
    return (uint64_t)s->now_ns;
}

/* The factor depends on the simulated time, so calls close to each other get the same factor. */
static void sim_spend(void *self, uint64_t ns) {
    simclock *s = self;
    double left = (double)ns;
    while (left > 0) {
        const double position = s->now_ns / s->noise->step_ns;
        const size_t column = (s->start + (size_t)position) % s->noise->columns;
        const double until = ((double)(size_t)position + 1) * s->noise->step_ns - s->now_ns;
        const double factor = s->row[column];
        const double work = until / factor;
        if (work >= left) {
            s->now_ns += left * factor;
            return;
        }
        s->now_ns += until > 1 ? until : 1;
        left -= work;
    }
}

void simclock_start(simclock *s, const noise_trace *n, uint64_t seed) {
    perflab_rng rng = {seed};
    memset(s, 0, sizeof *s);
    s->noise = n;
    s->row = n->factor + (size_t)(perflab_rng_u64(&rng) % n->rows) * n->columns;
    s->start = (size_t)(perflab_rng_u64(&rng) % n->columns);
    s->clock = (perflab_clock){sim_now, sim_spend, NULL, s};
}

/*
 * A fixed piece of work that other programs slow down: lines of the shared cache, and arithmetic.
 */
static void fixed_work(size_t steps) {
    enum { LINES = 65536, LINE = 8 };
    static uint64_t memory[LINES * LINE];
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < steps; i++) {
        x = x * 6364136223846793005u + memory[i % LINES * LINE];
        memory[i % LINES * LINE] = x >> 60;
    }
    perflab_keep(&x);
}

static size_t steps_for(double us) {
    const uint64_t t0 = perflab_real_clock.now(NULL);
    fixed_work(10000000);
    const uint64_t t1 = perflab_real_clock.now(NULL);
    return (size_t)(us * 1000 * 10000000 / (double)(t1 - t0));
}

/* Records one row in a process of its own, which sends the durations through a pipe. */
static bool record_row(double *row, size_t columns, size_t steps) {
    int ends[2];
    if (pipe(ends) != 0) return false;
    const pid_t pid = fork();
    if (pid == 0) {
        fixed_work(steps * 20);
        for (size_t i = 0; i < columns; i++) {
            const uint64_t t0 = perflab_real_clock.now(NULL);
            fixed_work(steps);
            row[i] = (double)(perflab_real_clock.now(NULL) - t0);
        }
        const char *bytes = (const char *)row;
        size_t left = columns * sizeof *row;
        while (left > 0) {
            const ssize_t n = write(ends[1], bytes, left);
            if (n <= 0) _exit(1);
            bytes += n;
            left -= (size_t)n;
        }
        _exit(0);
    }
    close(ends[1]);
    FILE *from = fdopen(ends[0], "rb");
    const bool good = pid > 0 && from != NULL && fread(row, sizeof *row, columns, from) == columns;
    if (from != NULL) fclose(from);
    if (pid > 0) waitpid(pid, NULL, 0);
    return good;
}

bool noise_record(const char *path, size_t rows, size_t columns, double step_us) {
    double *all = must_alloc(rows * columns * sizeof *all);
    const size_t steps = steps_for(step_us);
    bool good = true;
    for (size_t i = 0; good && i < rows; i++) good = record_row(all + i * columns, columns, steps);
    const double median = perflab_median(all, rows * columns);
    text_buffer out = {0};
    text_add(&out, "perflab-noise %zu %zu %.0f\n", rows, columns, median);
    for (size_t i = 0; i < rows * columns; i++) {
        text_add(&out, "%.4f%c", all[i] / median, (i + 1) % columns == 0 ? '\n' : ' ');
    }
    good = good && write_text(path, out.text, out.length);
    free(out.text);
    free(all);
    return good;
}
