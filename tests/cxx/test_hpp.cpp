/* test_hpp.cpp: pluck.hpp gives what pluck.h gives, frees what it makes, and reports errors both ways. */
#include <pluck.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

static int n_allocations; /* of C++'s own */

/* Not inlined: gcc would take the pair for a mistake. */
__attribute__((noinline)) void *operator new(std::size_t size) {
    n_allocations++;
    void *memory = std::malloc(size);
    if (!memory) std::abort();
    return memory;
}
__attribute__((noinline)) void operator delete(void *memory) noexcept {
    std::free(memory);
}
__attribute__((noinline)) void operator delete(void *memory, std::size_t) noexcept {
    std::free(memory);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

static const std::array<float, 8> logits = {1.2f, 0.3f, 4.1f, 3.8f, -2.0f, 2.9f, 0.0f, 3.5f};
static const char spec[] = "temp=0.8;top_k=4;seed=42";

static_assert(!std::is_copy_constructible_v<pluck::sampler>);
static_assert(std::is_nothrow_move_constructible_v<pluck::sampler>);
static_assert(std::is_error_code_enum_v<pluck_status>);

static void same_as_c() {
    pluck_sampler *c = nullptr;
    CHECK(pluck_sampler_from_spec(&c, spec, 8, nullptr) == PLUCK_OK);
    std::error_code code;
    pluck::sampler mine(spec, 8, code);
    CHECK(!code && mine && mine.seed() == 42);
    for (int i = 0; i < 20; i++) {
        int32_t token = -1;
        CHECK(pluck_sample(c, logits.data(), &token) == PLUCK_OK);
        CHECK(mine.sample(logits, code) == token && !code);
        CHECK(pluck_accept(c, token) == PLUCK_OK);
        mine.accept(token, code);
        CHECK(!code);
    }
    pluck_sampler_free(c);
    const pluck::candidates left = mine.candidates(code);
    CHECK(!code && left.ids.size() == 4 && left.ids[0] == 2 && left.probabilities.size() == 4);
    float sum = 0.0f;
    for (const float p : left.probabilities) sum += p;
    CHECK(sum > 0.9999f && sum < 1.0001f);
}

static void objects() {
    std::error_code code;
    pluck::sampler a(spec, 8, code);
    pluck::sampler b = a.clone(code);
    pluck::sampler moved = std::move(a);
    // NOLINTBEGIN(bugprone-use-after-move, clang-analyzer-cplusplus.Move): that is what is tested
    CHECK(!code && b && moved && !a);
    CHECK(a.sample(logits, code) == -1 && code == PLUCK_ERR_NULL);
    // NOLINTEND(bugprone-use-after-move, clang-analyzer-cplusplus.Move)
    CHECK(moved.sample(logits, code) == b.sample(logits, code) && !code);
    b.reset();
    const int32_t first = b.sample(logits, code);
    b.reset();
    CHECK(b.sample(logits, code) == first);
    pluck_sampler_free(b.release());
    CHECK(!b);
}

static void rows() {
    std::error_code code;
    pluck::sampler greedy("temp=0", 8, code);
    const std::vector<float> vector(logits.begin(), logits.end());
    const float array[] = {0, 0, 0, 1, 0, 0, 0, 0};
    CHECK(greedy.sample(vector, code) == 2);
    CHECK(greedy.sample(pluck::span<const float>(array), code) == 3);
    CHECK(greedy.draw(pluck::span<const float>(vector.data(), 8), code).token == 2);
    std::array<pluck::bfloat16, 8> brain{};
    brain[6].bits = 0x3f80;
    CHECK(greedy.sample(pluck::span<const pluck::bfloat16>(brain), code) == 6);
    std::array<pluck::float16, 8> half{};
    half[5].bits = 0x3c00;
    CHECK(greedy.sample(pluck::span<const pluck::float16>(half), code) == 5);
    const uint32_t mask = 1u << 4 | 1u << 6;
    CHECK(greedy.sample(pluck::row(logits).allowed(&mask), code) == 6 && !code);
    pluck::sampler guided("guidance_scale=2;do_sample=0", 8, code);
    CHECK(guided.sample(vector, code) == -1 && code == PLUCK_ERR_SECOND_ROW);
    CHECK(guided.sample(pluck::row(vector).second(vector), code) == 2 && !code);
    CHECK(guided.sample(pluck::row(vector).second(half), code) == 2 && !code);
    CHECK(guided.sample(pluck::row(vector).second(brain), code) == 2 && !code);
    const std::array<int32_t, 3> ids = {5, 6, 7};
    const pluck::span<const float> three(vector.data(), 3);
    CHECK(greedy.sample(pluck::row(three).ids(ids), code) == 7 && !code);

    const int32_t before = n_allocations;
    for (int i = 0; i < 100; i++) greedy.accept(greedy.sample(vector, code), code);
    CHECK(n_allocations == before);

    for (const std::size_t n : {std::size_t{0}, std::size_t{7}}) {
        greedy.sample(pluck::span<const float>(vector.data(), n), code);
        CHECK(code == PLUCK_ERR_ROW);
    }
    greedy.sample(pluck::row(vector).ids(ids), code);
    CHECK(code == PLUCK_ERR_ROW);
    pluck::workspace small(4, code);
    greedy.sample(pluck::row(vector).workspace(small.get()), code);
    CHECK(code == PLUCK_ERR_WORKSPACE);
}

static int32_t letter(void *, int32_t token, char *buffer, int32_t) {
    buffer[0] = static_cast<char>('a' + token);
    return 1;
}

static void banned_strings() {
    static const char *const strings[] = {"abc"};
    pluck_banned_config config{};
    config.strings = strings;
    config.n_strings = 1;
    config.n_vocab = 8;
    config.piece = letter;
    std::error_code code;
    CHECK(!pluck::banned(config, code).get() && code == PLUCK_ERR_SIZE);
    config.max_held = 4;
    pluck::banned banned(config, code);
    CHECK(!code);
    CHECK(banned.accept(0, code).n_held == 1 && banned.accept(1, code).n_held == 2 && !code);
    const pluck_banned_step step = banned.accept(2, code);
    CHECK(!code && step.take_back == 3 && step.string == 0 && step.token == 0);
    CHECK(banned.tokens().size() == 1 && banned.tokens()[0] == 0);
    std::uint32_t allowed = 0xff;
    banned.mask(&allowed, 8, code);
    CHECK(!code && allowed == 0xfe);
    CHECK(banned.accept(8, code).token == -1 && code == PLUCK_ERR_TOKEN);
    banned.rewind(1, code);
    CHECK(code == PLUCK_ERR_REWIND);
    banned.reset();
    CHECK(banned.tokens().empty());
#if defined(__cpp_exceptions)
    pluck::banned other(config);
    CHECK(other.accept(0).n_held == 1);
    other.mask(&allowed, 8);
    other.rewind(1);
    try {
        other.rewind(1);
        CHECK(false);
    } catch (const pluck::error &e) {
        CHECK(e.status() == PLUCK_ERR_REWIND);
    }
    config.n_strings = 0;
    try {
        pluck::banned none(config);
        CHECK(false);
    } catch (const pluck::error &e) {
        CHECK(std::string(e.what()).find("n_strings is 0") != std::string::npos);
    }
#endif
}

static void batches() {
    std::error_code code;
    pluck_batch_config config{};
    config.n_vocab = 8;
    config.max_rows = 2;
    config.n_threads = 1;
    pluck::batch batch(config, code);
    CHECK(!code);
    pluck::sampler a("temp=0", 8, code), b("temp=0", 8, code);
    std::array<pluck_batch_row, 2> rows{};
    rows[0].sampler = a.get();
    rows[1].sampler = b.get();
    rows[0].row.logits = rows[1].row.logits = logits.data();
    std::array<int32_t, 2> tokens{};
    pluck_batch_out out{};
    out.tokens = tokens.data();
    batch.sample(rows, out, code);
    CHECK(!code && tokens[0] == 2 && tokens[1] == 2);
}

static void codes() {
    std::error_code code;
    pluck_error why{PLUCK_OK, ""};
    pluck::sampler bad("top_p=7", 8, code, &why);
    CHECK(!bad && code == PLUCK_ERR_SPEC_RANGE && code.category() == pluck::category());
    CHECK(std::string(why.message).find("0 to 1") != std::string::npos);
    CHECK(code.message() == pluck_status_string(PLUCK_ERR_SPEC_RANGE));
    pluck::sampler good(spec, 8, code);
    CHECK(!code);
    good.accept(8, code);
    CHECK(code == PLUCK_ERR_TOKEN);
    good.rewind(1, code);
    CHECK(code);
    pluck::sampler fresh(spec, 8, code);
    fresh.candidates(code);
    CHECK(code == PLUCK_ERR_NO_RESULT);
}

#if defined(__cpp_exceptions)
template <class F> static pluck_status thrown(F call, const char *text) {
    try {
        call();
    } catch (const pluck::error &error) {
        CHECK(std::string(error.what()).find(text) != std::string::npos);
        return error.status();
    }
    return PLUCK_OK;
}

static void exceptions() {
    CHECK(thrown([] { pluck::sampler("top_p=7", 8); }, "0 to 1") == PLUCK_ERR_SPEC_RANGE);
    CHECK(thrown([] { pluck::workspace(0); }, "workspace") == PLUCK_ERR_VOCAB);
    pluck_config config{};
    CHECK(thrown([&] { pluck::sampler{config}; }, "n_vocab") == PLUCK_ERR_VOCAB);
    pluck::sampler sampler(std::string(spec), 8);
    CHECK(thrown([&] { sampler.accept(-1); }, "accept") == PLUCK_ERR_TOKEN);
    CHECK(thrown([&] { sampler.candidates(); }, "candidates") == PLUCK_ERR_NO_RESULT);
    CHECK(thrown([&] { sampler.seek(1); }, "seek") == PLUCK_ERR_RNG);
    CHECK(thrown([&] { sampler.sample(pluck::span<const float>()); }, "draw") != PLUCK_OK);
    CHECK(sampler.clone().sample(logits) == sampler.sample(logits));
}
#endif

// NOLINTNEXTLINE(bugprone-exception-escape): then the test has failed
int main() {
    same_as_c();
    objects();
    rows();
    batches();
    banned_strings();
    codes();
#if defined(__cpp_exceptions)
    exceptions();
#endif
    return 0;
}
