/*
 * bench_common.cpp: what a token costs in programs on llama.cpp's common library, llama-server
 * among them, with and without the drop-in.
 *
 * Two processes sample with libllama-common from contexts of the same model, one of them with the
 * drop-in preloaded. They share one core and take turns: each round puts the same row where a
 * decode would have left it, and times common_sampler_sample in both. The result is the median of
 * the rounds; tokens that differ are counted.
 *
 *     bench_common --dropin FILE [--rounds N] [--vocab N]... [--rows KIND]... [--setting N]
 *                  [--mode PLUCK_LLAMA] [--json]
 *     bench_common --dropin FILE --parity N --model GGUF [--setting N]
 *
 * The second form generates N tokens with a model for each setting, and compares those drawn with
 * the drop-in with llama.cpp's own and with those of a drop-in that lends no rows
 * (PLUCK_LLAMA=fill).
 */
#include "made_model.h"
#include "settings.h"
#include "worker.h"

extern "C" {
#include "cpu_name.h"
#include "rows/rows.h"
}

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

/* One of the two processes. */
class side {
  public:
    side(const std::string &program, const std::string &model, const std::string &dropin,
         const std::string &mode);
    ~side();
    side(const side &) = delete;
    side &operator=(const side &) = delete;
    std::string ask(const std::string &line);
    void sample(double *ns, int *token);

  private:
    std::string read_line();
    pid_t pid = -1;
    FILE *to = nullptr, *from = nullptr;
};

side::side(const std::string &program, const std::string &model, const std::string &dropin,
           const std::string &mode) {
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0) throw std::runtime_error("cannot make a pipe");
    pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int fd : {in[0], in[1], out[0], out[1]}) close(fd);
        if (dropin.empty())
            unsetenv("LD_PRELOAD");
        else
            setenv("LD_PRELOAD", dropin.c_str(), 1);
        setenv("PLUCK_LLAMA", mode.c_str(), 1);
        execl(program.c_str(), program.c_str(), "--worker", model.c_str(), (char *)nullptr);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to = fdopen(in[1], "w");
    from = fdopen(out[0], "r");
    if (pid < 0 || !to || !from || read_line() != "ready")
        throw std::runtime_error("a worker did not start");
}

side::~side() {
    if (to) fclose(to);
    if (from) fclose(from);
    if (pid > 0) waitpid(pid, nullptr, 0);
}

std::string side::read_line() {
    std::string line;
    int c;
    while ((c = fgetc(from)) != EOF && c != '\n') line += (char)c;
    if (c == EOF) throw std::runtime_error("a worker ended early");
    return line;
}

std::string side::ask(const std::string &line) {
    fprintf(to, "%s\n", line.c_str());
    fflush(to);
    return read_line();
}

void side::sample(double *ns, int *token) {
    std::string answer = ask("sample");
    if (sscanf(answer.c_str(), "%lf %d", ns, token) != 2)
        throw std::runtime_error("a worker answered " + answer);
}

struct options {
    std::string dropin, mode, model;
    std::vector<int32_t> vocabs;
    std::vector<rows_kind> kinds;
    int rounds = 61, parity = 0, setting = -1;
    bool json = false;
};

double median(std::vector<double> &x) {
    std::nth_element(x.begin(), x.begin() + (long)(x.size() / 2), x.end());
    return x[x.size() / 2];
}

struct outcome {
    double without_us, with_us, ratio; /* ratio: median of the ratios of the rounds */
    int n_differ;                      /* rounds in which the tokens or the candidates differ */
};

/* Times one setting on one kind of row. */
outcome measure(side *sides[2], size_t which, rows_kind kind, int rounds) {
    enum { WARM_UP = 4, POOL = 8 };
    std::vector<double> us[2], ratios;
    outcome result = {0, 0, 0, 0};
    for (int s = 0; s < 2; s++) sides[s]->ask("open " + std::to_string(which));
    for (int round = -WARM_UP; round < rounds; round++) {
        int seed = (round + WARM_UP) % POOL;
        double ns[2] = {0, 0};
        int token[2] = {0, 0};
        std::string shown[2];
        for (int turn = 0; turn < 2; turn++) {
            int s = (turn + round) & 1;
            sides[s]->ask("row " + std::to_string((int)kind) + " " + std::to_string(seed));
            sides[s]->sample(&ns[s], &token[s]);
            if (round % 16 == 0) shown[s] = sides[s]->ask("shown");
            sides[s]->ask("take " + std::to_string(token[s]));
        }
        result.n_differ += token[0] != token[1] || shown[0] != shown[1];
        if (round < 0) continue;
        for (int s = 0; s < 2; s++) us[s].push_back(1e-3 * ns[s]);
        ratios.push_back(ns[0] / ns[1]);
    }
    result.without_us = median(us[0]);
    result.with_us = median(us[1]);
    result.ratio = median(ratios);
    return result;
}

void print_outcome(const options &o, int32_t n_vocab, size_t which, rows_kind kind,
                   const outcome &r) {
    const char *name = all_settings()[which].name;
    if (o.json)
        printf("{\"setting\": \"%s\", \"n_vocab\": %d, \"rows\": \"%s\", \"without_us\": %.2f, "
               "\"with_us\": %.2f, \"ratio\": %.3f, \"differ\": %d}\n",
               name, n_vocab, rows_name(kind), r.without_us, r.with_us, r.ratio, r.n_differ);
    else
        printf("%-36s %8d %-7s %11.1f %11.1f %8.2f %7d\n", name, n_vocab, rows_name(kind),
               r.without_us, r.with_us, r.ratio, r.n_differ);
    fflush(stdout);
}

/* Measures all settings for one vocabulary. Returns how many rounds differed in settings that may
 * not differ. */
int run_vocab(const options &o, const std::string &self, int32_t n_vocab) {
    const char *folder = getenv("TMPDIR");
    std::string model = std::string(folder ? folder : "/tmp") + "/bench_common." +
                        std::to_string(getpid()) + ".gguf";
    if (!write_made_model(model.c_str(), n_vocab))
        throw std::runtime_error("cannot write " + model);
    int n_differ = 0;
    try {
        side without(self, model, "", ""), with(self, model, o.dropin, o.mode);
        side *sides[2] = {&without, &with};
        for (size_t i = 0; i < all_settings().size(); i++) {
            if (o.setting >= 0 && (size_t)o.setting != i) continue;
            for (rows_kind kind : o.kinds) {
                outcome r = measure(sides, i, kind, o.rounds);
                print_outcome(o, n_vocab, i, kind, r);
                if (all_settings()[i].may_differ == 0) n_differ += r.n_differ;
            }
        }
    } catch (...) {
        unlink(model.c_str());
        throw;
    }
    unlink(model.c_str());
    return n_differ;
}

/* Lets all three sides draw n tokens after the same text. All continue with the token of the first
 * side. Counts how often the second draws another token than the first, and how often it differs in
 * anything from the third. */
void compare(side *sides[3], size_t which, int n, int *n_from_first, int *n_from_third) {
    std::string open = "open " + std::to_string(which);
    for (int s = 0; s < 3; s++) {
        sides[s]->ask(open);
        sides[s]->ask("prompt");
    }
    for (int i = 0; i < n; i++) {
        double ns;
        int token[3];
        std::string shown[3];
        for (int s = 0; s < 3; s++) {
            sides[s]->sample(&ns, &token[s]);
            shown[s] = sides[s]->ask("shown");
        }
        bool same = token[0] == token[1];
        *n_from_first += !same;
        *n_from_third += token[1] != token[2] || shown[1] != shown[2];
        for (int s = 0; s < 3; s++) {
            if (!same) sides[s]->ask(open); /* their states differ now, too */
            sides[s]->ask("take " + std::to_string(token[0]));
        }
    }
}

/* Compares all settings. Returns how many differ by more than they may. */
int run_parity(const options &o, const std::string &self) {
    side without(self, o.model, "", ""), with(self, o.model, o.dropin, "");
    side filling(self, o.model, o.dropin, "fill");
    side *sides[3] = {&without, &with, &filling};
    int n_wrong = 0;
    for (size_t i = 0; i < all_settings().size(); i++) {
        if (o.setting >= 0 && (size_t)o.setting != i) continue;
        int n_from_llama = 0, n_from_fill = 0;
        compare(sides, i, o.parity, &n_from_llama, &n_from_fill);
        bool good = n_from_fill == 0 && n_from_llama <= all_settings()[i].may_differ * o.parity;
        printf("%-36s %d tokens, %d differ from llama.cpp's, %d from those of PLUCK_LLAMA=fill%s\n",
               all_settings()[i].name, o.parity, n_from_llama, n_from_fill, good ? "" : ": wrong");
        fflush(stdout);
        n_wrong += !good;
    }
    return n_wrong;
}

rows_kind kind_of(const std::string &name) {
    for (int k = 0; k < ROWS_KINDS; k++) {
        if (name == rows_name((rows_kind)k)) return (rows_kind)k;
    }
    throw std::runtime_error("there are no rows called " + name);
}

int number_of(const char *text, int least) {
    char *end;
    long n = strtol(text, &end, 10);
    if (*end || end == text || n < least || n > 16777216)
        throw std::runtime_error(std::string("not a number in range: ") + text);
    return (int)n;
}

options parse(int argc, char **argv) {
    options o;
    for (int i = 1; i < argc; i++) {
        std::string name = argv[i];
        if (name == "--json") {
            o.json = true;
            continue;
        }
        if (i + 1 == argc) throw std::runtime_error(name + " is unknown, or lacks its value");
        const char *value = argv[++i];
        if (name == "--dropin")
            o.dropin = value;
        else if (name == "--mode")
            o.mode = value;
        else if (name == "--model")
            o.model = value;
        else if (name == "--rounds")
            o.rounds = number_of(value, 1);
        else if (name == "--vocab")
            o.vocabs.push_back(number_of(value, 6000));
        else if (name == "--rows")
            o.kinds.push_back(kind_of(value));
        else if (name == "--setting")
            o.setting = number_of(value, 0);
        else if (name == "--parity")
            o.parity = number_of(value, 1);
        else
            throw std::runtime_error(name + " is unknown");
    }
    if (o.dropin.empty() || (o.parity > 0) != !o.model.empty())
        throw std::runtime_error("--dropin is needed, and --parity goes with --model");
    if (o.vocabs.empty()) o.vocabs = {32000, 128256, 151936, 262144};
    if (o.kinds.empty()) o.kinds = {ROWS_NORMAL, ROWS_PEAKED, ROWS_REAL};
    return o;
}

/* Both processes use one core, so that neither has a better one. */
void stay_on_this_core() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(sched_getcpu(), &set);
    sched_setaffinity(0, sizeof set, &set);
}

int run(const options &o, const std::string &self) {
    if (o.parity > 0) return run_parity(o, self);
    stay_on_this_core();
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    double load = 0; /* stays 0 if the system does not say */
    getloadavg(&load, 1);
    if (o.json)
        printf("{\"machine\": \"%s\", \"isa\": \"%s\", \"rounds\": %d, \"load\": %.1f}\n", cpu,
               pluck_isa(), o.rounds, load);
    else
        printf("%-36s %8s %-7s %11s %11s %8s %7s\n", "setting", "n_vocab", "rows", "without, us",
               "with, us", "faster", "differ");
    int n_differ = 0;
    for (int32_t n_vocab : o.vocabs) n_differ += run_vocab(o, self, n_vocab);
    return n_differ;
}

} // namespace

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--worker") == 0) return run_worker(argv[2]);
    try {
        int n_differ = run(parse(argc, argv), "/proc/self/exe");
        if (n_differ > 0) fprintf(stderr, "bench_common: %d differ\n", n_differ);
        return n_differ > 0;
    } catch (const std::exception &e) {
        fprintf(stderr, "bench_common: %s\n", e.what());
        return 2;
    }
}
