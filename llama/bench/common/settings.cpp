/* settings.cpp: see settings.h. */
#include "settings.h"

#include <cmath>

/* A grammar that most tokens satisfy, like the inside of a JSON string. */
static const char inside_a_string[] = "root ::= [^\"]*";

static void use_grammar(common_params_sampling &p) {
    p.grammar = {COMMON_GRAMMAR_TYPE_USER, inside_a_string};
}

static void all_off(common_params_sampling &p) {
    p.top_k = 0;
    p.top_p = 1.0f;
    p.min_p = 0.0f;
    p.temp = 1.0f;
}

const std::vector<setting> &all_settings() {
    using params = common_params_sampling;
    static const std::vector<setting> settings = {
        {"default", 64, 0, [](params &) {}},
        {"temperature 0", 64, 0, [](params &p) { p.temp = 0.0f; }},
        {"temperature 0, top_k 0", 64, 0,
         [](params &p) {
             p.temp = 0.0f;
             p.top_k = 0;
         }},
        {"top_k 1", 64, 0, [](params &p) { p.top_k = 1; }},
        {"repeat penalty 1.1", 64, 0, [](params &p) { p.penalty_repeat = 1.1f; }},
        /* llama-server replaces a last_n of -1 by the length of the context */
        {"presence penalty over 8,192 tokens", 8192, 0,
         [](params &p) {
             p.penalty_present = 0.5f;
             p.penalty_last_n = 8192;
         }},
        {"DRY", 64, 0, [](params &p) { p.dry_multiplier = 0.8f; }},
        {"top_k 0", 64, 0, [](params &p) { p.top_k = 0; }},
        {"min_p alone", 64, 0,
         [](params &p) {
             all_off(p);
             p.min_p = 0.05f;
         }},
        {"typical .9", 64, 0.1,
         [](params &p) {
             all_off(p);
             p.typ_p = 0.9f;
         }},
        {"XTC", 64, 0, [](params &p) { p.xtc_probability = 0.5f; }},
        {"mirostat 1", 64, 0.1, [](params &p) { p.mirostat = 1; }},
        {"mirostat 2", 64, 0.1, [](params &p) { p.mirostat = 2; }},
        {"dynamic temperature", 64, 0, [](params &p) { p.dynatemp_range = 0.5f; }},
        {"top_n_sigma 1", 64, 0, [](params &p) { p.top_n_sigma = 1.0f; }},
        /* llama.cpp adds up the probabilities of the whole vocabulary in float32 */
        {"everything off", 64, 0.001, all_off},
        {"three biases", 64, 0,
         [](params &p) {
             p.logit_bias = {{300, 2.0f}, {1000, -3.0f}, {5000, -INFINITY}};
         }},
        {"grammar", 64, 0, use_grammar},
        {"grammar, temperature 0", 64, 0,
         [](params &p) {
             use_grammar(p);
             p.temp = 0.0f;
         }},
    };
    return settings;
}

common_params_sampling params_of(const setting &s) {
    common_params_sampling params;
    params.seed = 4711;
    params.no_perf = true;
    s.change(params);
    return params;
}
