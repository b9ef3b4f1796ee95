/*
 * pluck.hpp: pluck.h for C++17: objects that free themselves, spans, error codes or exceptions.
 *
 *     pluck::sampler sampler("temp=0.8;top_k=40;top_p=0.95", n_vocab);
 *     const int32_t token = sampler.sample(logits);     // std::vector<float>, std::array, a span
 *     sampler.accept(token);
 *
 * Errors. Each function that can fail comes twice, as in std::filesystem: one throws pluck::error (a
 * std::system_error), the other takes a std::error_code &, which it clears or sets, and is noexcept.
 * Codes are pluck_status's, in pluck::category(). Where exceptions are turned off, only the second
 * is there. What a call that fails leaves as it was is in pluck.h.
 *
 * Nothing is allocated beyond what the C library allocates, but for the text of an exception. Objects
 * can be moved and not copied; sampler::clone() copies. A moved-from object may be assigned or
 * destroyed. Threads: as in pluck.h.
 */
#ifndef PLUCK_HPP
#define PLUCK_HPP

#include "pluck.h"
#include "pluck_banned.h"
#include "pluck_batch.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace pluck {

/* ------------------------------------------------------------------------------------------------
 * Errors
 * ---------------------------------------------------------------------------------------------- */

/* The category of pluck_status: message() is pluck_status_string's. */
inline const std::error_category &category() noexcept {
    class status_category final : public std::error_category {
      public:
        const char *name() const noexcept override {
            return "pluck";
        }
        std::string message(int code) const override {
            return pluck_status_string(static_cast<pluck_status>(code));
        }
    };
    static const status_category instance;
    return instance;
}

inline std::error_code make_error_code(pluck_status status) noexcept {
    return {static_cast<int>(status), category()};
}

#if defined(__cpp_exceptions)
/* What a function throws. what() names key, value and range where the C library does. */
class error : public std::system_error {
  public:
    error(pluck_status status, const char *what)
        : std::system_error(make_error_code(status), what) {
    }

    pluck_status status() const noexcept {
        return static_cast<pluck_status>(code().value());
    }
};
#endif

namespace detail {
#if defined(__cpp_exceptions)
inline void check(pluck_status status, const char *what) {
    if (status != PLUCK_OK) throw error(status, what);
}
#endif
inline void set(std::error_code &code, pluck_status status) noexcept {
    if (status == PLUCK_OK)
        code.clear();
    else
        code = make_error_code(status);
}
} // namespace detail

/* ------------------------------------------------------------------------------------------------
 * Spans, rows
 * ---------------------------------------------------------------------------------------------- */

/* A pointer and a length, as C++20's std::span. Made of anything that has data() and size(). */
template <class T> class span {
  public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {
    }
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : data_(array), size_(N) {
    }
    template <class C,
              class = std::enable_if_t<
                  std::is_convertible_v<decltype(std::declval<C &>().data()), T *> &&
                  std::is_convertible_v<decltype(std::declval<C &>().size()), std::size_t>>>
    constexpr span(C &&container) noexcept : data_(container.data()), size_(container.size()) {
    }

    constexpr T *data() const noexcept {
        return data_;
    }
    constexpr std::size_t size() const noexcept {
        return size_;
    }
    constexpr bool empty() const noexcept {
        return size_ == 0;
    }
    constexpr T *begin() const noexcept {
        return data_;
    }
    constexpr T *end() const noexcept {
        return data_ + size_;
    }
    constexpr T &operator[](std::size_t i) const {
        return data_[i];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

/* The bits of half-precision logits. */
struct float16 {
    std::uint16_t bits;
};
struct bfloat16 {
    std::uint16_t bits;
};

namespace detail {
/* A length as pluck_row's n: what is too long for it is out of range there, too. */
inline std::int32_t length(std::size_t size) noexcept {
    return size <= PLUCK_MAX_VOCAB ? static_cast<std::int32_t>(size) : -1;
}
} // namespace detail

/* A row of logits with what goes with it: a pluck_row whose length is always given, so that a row
 * that does not fit the vocabulary is ERR_ROW. It refers to the arrays and does not own them. */
class row {
  public:
    row(span<const float> logits) noexcept : row(logits.data(), logits.size(), PLUCK_DTYPE_F32) {
    }
    row(span<const float16> logits) noexcept : row(logits.data(), logits.size(), PLUCK_DTYPE_F16) {
    }
    row(span<const bfloat16> logits) noexcept
        : row(logits.data(), logits.size(), PLUCK_DTYPE_BF16) {
    }
    template <class C, class = std::enable_if_t<!std::is_same_v<std::decay_t<C>, row> &&
                                                std::is_convertible_v<C &, span<const float>>>>
    row(const C &container_) noexcept : row(span<const float>(container_)) {
    }

    /* The tokens of the logits, as many as these, if they are a list of candidates. */
    row &ids(span<const std::int32_t> tokens, bool descending = false) noexcept {
        c_.n = tokens.size() == static_cast<std::size_t>(c_.n) ? c_.n : -1;
        c_.ids = tokens.data();
        c_.descending = descending;
        return *this;
    }
    /* The mask: bit t % 32 of word t / 32 says whether token t is allowed; n_allowed as in pluck.h. */
    row &allowed(const std::uint32_t *words, std::int32_t n_allowed = 0) noexcept {
        c_.allowed = words;
        c_.n_allowed = n_allowed;
        return *this;
    }
    /* The second row of a chain with guidance or contrastive: n_vocab logits. */
    row &second(span<const float> logits) noexcept {
        return second(logits.data(), PLUCK_DTYPE_F32);
    }
    row &second(span<const float16> logits) noexcept {
        return second(logits.data(), PLUCK_DTYPE_F16);
    }
    row &second(span<const bfloat16> logits) noexcept {
        return second(logits.data(), PLUCK_DTYPE_BF16);
    }
    row &workspace(pluck_workspace *workspace) noexcept {
        c_.workspace = workspace;
        return *this;
    }
    row &skip_probability() noexcept {
        c_.skip_probability = true;
        return *this;
    }
    const pluck_row &c() const noexcept {
        return c_;
    }

  private:
    row &second(const void *logits, pluck_dtype dtype) noexcept {
        c_.second = logits;
        c_.second_dtype = dtype;
        return *this;
    }
    row(const void *logits, std::size_t n, pluck_dtype dtype) noexcept {
        c_.logits = logits;
        c_.n = n == 0 ? -1 : detail::length(n); /* 0 would mean the vocabulary */
        c_.dtype = dtype;
    }
    pluck_row c_{};
};

/* The candidates that a call left; valid until the next call on the workspace. */
struct candidates {
    span<const std::int32_t> ids;
    span<const float> logits;
    span<const float> probabilities;
    std::int32_t n_masked = 0;
    std::int32_t selected = -1;
    bool descending = false;
};

/* ------------------------------------------------------------------------------------------------
 * Objects
 * ---------------------------------------------------------------------------------------------- */

namespace detail {
template <class T, void (*F)(T *)> struct freeing {
    void operator()(T *object) const noexcept {
        F(object);
    }
};
template <class T, void (*F)(T *)> using owner = std::unique_ptr<T, freeing<T, F>>;
} // namespace detail

/* A pluck_workspace. */
class workspace {
  public:
    workspace(std::int32_t n_vocab, std::error_code &code) noexcept {
        pluck_workspace *made = nullptr;
        detail::set(code, pluck_workspace_create(&made, n_vocab, nullptr));
        c_.reset(made);
    }
#if defined(__cpp_exceptions)
    explicit workspace(std::int32_t n_vocab) {
        pluck_workspace *made = nullptr;
        detail::check(pluck_workspace_create(&made, n_vocab, nullptr), "pluck::workspace");
        c_.reset(made);
    }
#endif
    pluck_workspace *get() const noexcept {
        return c_.get();
    }

  private:
    detail::owner<pluck_workspace, pluck_workspace_free> c_;
};

/* A pluck_sampler. Empty after an error and after it was moved from: calls are then ERR_NULL. */
class sampler {
  public:
    sampler() noexcept = default;
    /* Takes over a sampler of the C library's. */
    explicit sampler(pluck_sampler *taken) noexcept : c_(taken) {
    }

    sampler(const char *spec, std::int32_t n_vocab, std::error_code &code,
            pluck_error *why = nullptr) noexcept {
        pluck_sampler *made = nullptr;
        detail::set(code, pluck_sampler_from_spec(&made, spec, n_vocab, why));
        c_.reset(made);
    }
    sampler(const pluck_config &config, std::error_code &code,
            pluck_error *why = nullptr) noexcept {
        detail::set(code, create(config, why));
    }
    sampler clone(std::error_code &code) const noexcept {
        pluck_sampler *made = nullptr;
        detail::set(code, pluck_sampler_clone(&made, get()));
        return sampler(made);
    }
    std::int32_t sample(const row &logits, std::error_code &code) noexcept {
        return draw(skipping(logits), code).token;
    }
    pluck_draw draw(const row &logits, std::error_code &code) noexcept {
        pluck_draw found{-1, 0.0f, 0.0f, 0};
        detail::set(code, pluck_sample_row(get(), &logits.c(), &found));
        return found;
    }
    /* Runs the chain, which need not select, for its candidates. */
    void run(const row &logits, std::error_code &code) noexcept {
        detail::set(code, pluck_sample_row(get(), &logits.c(), nullptr));
    }
    void accept(std::int32_t token, std::error_code &code) noexcept {
        detail::set(code, pluck_accept(get(), token));
    }
    void rewind(std::int32_t n, std::error_code &code) noexcept {
        detail::set(code, pluck_sampler_rewind(get(), n));
    }
    void seek(std::uint64_t position, std::error_code &code) noexcept {
        detail::set(code, pluck_sampler_seek(get(), position));
    }
    /* Of the last call that used the sampler's own workspace. */
    pluck::candidates candidates(std::error_code &code) const noexcept {
        pluck::candidates found;
        detail::set(code, read(found));
        return found;
    }

#if defined(__cpp_exceptions)
    sampler(const char *spec, std::int32_t n_vocab) {
        pluck_sampler *made = nullptr;
        pluck_error why{PLUCK_OK, ""};
        const pluck_status status = pluck_sampler_from_spec(&made, spec, n_vocab, &why);
        detail::check(status, why.message);
        c_.reset(made);
    }
    sampler(const std::string &spec, std::int32_t n_vocab) : sampler(spec.c_str(), n_vocab) {
    }
    explicit sampler(const pluck_config &config) {
        pluck_error why{PLUCK_OK, ""};
        detail::check(create(config, &why), why.message);
    }
    sampler clone() const {
        pluck_sampler *made = nullptr;
        detail::check(pluck_sampler_clone(&made, get()), "pluck::sampler::clone");
        return sampler(made);
    }
    std::int32_t sample(const row &logits) {
        return draw(skipping(logits)).token;
    }
    pluck_draw draw(const row &logits) {
        pluck_draw found{-1, 0.0f, 0.0f, 0};
        detail::check(pluck_sample_row(get(), &logits.c(), &found), "pluck::sampler::draw");
        return found;
    }
    void run(const row &logits) {
        detail::check(pluck_sample_row(get(), &logits.c(), nullptr), "pluck::sampler::run");
    }
    void accept(std::int32_t token) {
        detail::check(pluck_accept(get(), token), "pluck::sampler::accept");
    }
    void rewind(std::int32_t n) {
        detail::check(pluck_sampler_rewind(get(), n), "pluck::sampler::rewind");
    }
    void seek(std::uint64_t position) {
        detail::check(pluck_sampler_seek(get(), position), "pluck::sampler::seek");
    }
    pluck::candidates candidates() const {
        pluck::candidates found;
        detail::check(read(found), "pluck::sampler::candidates");
        return found;
    }
#endif

    void reset() noexcept {
        pluck_sampler_reset(get());
    }
    std::uint32_t seed() const noexcept {
        return pluck_sampler_seed(get());
    }
    explicit operator bool() const noexcept {
        return static_cast<bool>(c_);
    }
    pluck_sampler *get() const noexcept {
        return c_.get();
    }
    /* Gives the sampler up: the caller frees it. */
    pluck_sampler *release() noexcept {
        return c_.release();
    }

  private:
    static row skipping(row logits) noexcept {
        return logits.skip_probability();
    }
    pluck_status create(const pluck_config &config, pluck_error *why) noexcept {
        pluck_sampler *made = nullptr;
        pluck_status status = pluck_config_check(&config, why);
        if (status == PLUCK_OK) status = pluck_sampler_create(&made, &config);
        c_.reset(made);
        return status;
    }
    pluck_status read(pluck::candidates &to) const noexcept {
        pluck_candidates c;
        const pluck_status status = pluck_workspace_candidates(pluck_sampler_workspace(get()), &c);
        if (status != PLUCK_OK) return status;
        const auto n = static_cast<std::size_t>(c.n);
        to = {{c.ids, n}, {c.logits, n}, {c.probabilities, n},
              c.n_masked, c.selected,    c.descending};
        return status;
    }
    detail::owner<pluck_sampler, pluck_sampler_free> c_;
};

/* A pluck_batch. */
class batch {
  public:
    batch(const pluck_batch_config &config, std::error_code &code,
          pluck_error *why = nullptr) noexcept {
        pluck_batch *made = nullptr;
        detail::set(code, pluck_batch_create(&made, &config, why));
        c_.reset(made);
    }
    void sample(span<const pluck_batch_row> rows, const pluck_batch_out &out, std::error_code &code,
                pluck_error *why = nullptr) noexcept {
        detail::set(code,
                    pluck_batch_sample(get(), rows.data(), detail::length(rows.size()), &out, why));
    }
#if defined(__cpp_exceptions)
    explicit batch(const pluck_batch_config &config) {
        pluck_batch *made = nullptr;
        pluck_error why{PLUCK_OK, ""};
        const pluck_status status = pluck_batch_create(&made, &config, &why);
        detail::check(status, why.message);
        c_.reset(made);
    }
    /* Throws if a row failed, too: out.statuses says which; the others are done. */
    void sample(span<const pluck_batch_row> rows, const pluck_batch_out &out) {
        pluck_error why{PLUCK_OK, ""};
        const pluck_status status =
            pluck_batch_sample(get(), rows.data(), detail::length(rows.size()), &out, &why);
        detail::check(status, why.message);
    }
#endif
    pluck_batch *get() const noexcept {
        return c_.get();
    }

  private:
    detail::owner<pluck_batch, pluck_batch_free> c_;
};

/* A pluck_banned: strings that a text must not contain. */
class banned {
  public:
    banned(const pluck_banned_config &config, std::error_code &code,
           pluck_error *why = nullptr) noexcept {
        pluck_banned *made = nullptr;
        detail::set(code, pluck_banned_create(&made, &config, why));
        c_.reset(made);
    }
    pluck_banned_step accept(std::int32_t token, std::error_code &code) noexcept {
        pluck_banned_step step{0, 0, 0, -1, -1};
        detail::set(code, pluck_banned_accept(get(), token, &step));
        return step;
    }
    void rewind(std::int32_t n, std::error_code &code) noexcept {
        detail::set(code, pluck_banned_rewind(get(), n));
    }
    /* Clears the bits of the banned tokens among n. */
    void mask(std::uint32_t *allowed, std::int32_t n, std::error_code &code) const noexcept {
        detail::set(code, pluck_banned_mask(get(), allowed, n));
    }
#if defined(__cpp_exceptions)
    explicit banned(const pluck_banned_config &config) {
        pluck_banned *made = nullptr;
        pluck_error why{PLUCK_OK, ""};
        const pluck_status status = pluck_banned_create(&made, &config, &why);
        detail::check(status, why.message);
        c_.reset(made);
    }
    pluck_banned_step accept(std::int32_t token) {
        pluck_banned_step step{0, 0, 0, -1, -1};
        detail::check(pluck_banned_accept(get(), token, &step), "pluck::banned::accept");
        return step;
    }
    void rewind(std::int32_t n) {
        detail::check(pluck_banned_rewind(get(), n), "pluck::banned::rewind");
    }
    void mask(std::uint32_t *allowed, std::int32_t n) const {
        detail::check(pluck_banned_mask(get(), allowed, n), "pluck::banned::mask");
    }
#endif
    void reset() noexcept {
        pluck_banned_reset(get());
    }
    /* Those in the next place; valid until the next call. */
    span<const std::int32_t> tokens() const noexcept {
        std::int32_t n = 0;
        const std::int32_t *found = pluck_banned_tokens(get(), &n);
        return {found, static_cast<std::size_t>(n)};
    }
    pluck_banned *get() const noexcept {
        return c_.get();
    }

  private:
    detail::owner<pluck_banned, pluck_banned_free> c_;
};

} // namespace pluck

template <> struct std::is_error_code_enum<pluck_status> : std::true_type {};

/* Found by argument-dependent lookup: pluck_status is a name of the global namespace. */
inline std::error_code make_error_code(pluck_status status) noexcept {
    return pluck::make_error_code(status);
}

#endif /* PLUCK_HPP */
