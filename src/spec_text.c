/*
 * spec_text.c: takes text apart and reads numbers. Numbers are not read by the C library, because
 * its functions depend on the locale.
 */
#include "arithmetic.h"

#include "spec.h"

text pk_text_cut(text *rest, const char *separators) {
    text piece = {rest->at, 0};
    while (piece.length < rest->length && !strchr(separators, rest->at[piece.length]))
        piece.length++;
    const size_t used = piece.length + (piece.length < rest->length);
    rest->at += used;
    rest->length -= used;
    return piece;
}

bool pk_text_equals(text t, const char *word) {
    return word && strlen(word) == t.length && memcmp(t.at, word, t.length) == 0;
}

text pk_text_of(const char *word) {
    return (text){word, strlen(word)};
}

int pk_text_shown(text t) {
    return t.length < 64 ? (int)t.length : 64;
}

bool pk_text_has_gap(text value, size_t *at) {
    bool awaited = value.length > 0;
    for (*at = 0; *at < value.length; ++*at) {
        const bool separator = strchr(":/", value.at[*at]) != NULL;
        if (separator && awaited) return true;
        awaited = separator;
    }
    return awaited;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Skips a sign, if there is one; true if it is a minus. */
static bool take_sign(text t, size_t *i) {
    if (*i == t.length || (t.at[*i] != '+' && t.at[*i] != '-')) return false;
    return t.at[(*i)++] == '-';
}

/* mantissa * 10^exponent. Powers up to 10^22 are exact, so the numbers that people write are
 * rounded only once. */
static double scaled(uint64_t mantissa, int64_t exponent) {
    double value = (double)mantissa;
    const bool divide = exponent < 0;
    for (int64_t left = divide ? -exponent : exponent; left > 0 && value != 0.0; left -= 22) {
        const double power = left < 22 ? pow(10.0, (double)left) : 1e22;
        value = divide ? value / power : value * power;
        if (!(value < INFINITY)) break;
    }
    return value;
}

/* Reads the digits of an exponent; false if there are none. Stops growing beyond any range. */
static bool take_exponent(text t, size_t *i, int64_t *exponent) {
    const bool down = take_sign(t, i);
    if (*i == t.length) return false;
    int64_t e = 0;
    for (; *i < t.length && is_digit(t.at[*i]); ++*i)
        e = e < 100000 ? 10 * e + (t.at[*i] - '0') : e;
    *exponent += down ? -e : e;
    return true;
}

bool pk_text_number(text t, bool integer, double *out) {
    size_t i = 0;
    const bool negative = take_sign(t, &i);
    uint64_t mantissa = 0;
    int64_t exponent = 0, digits = 0;
    for (bool point = false; i < t.length; i++) {
        if (t.at[i] == '.' && !point && !integer) {
            point = true;
            continue;
        }
        if (!is_digit(t.at[i])) break;
        digits++;
        if (mantissa < 100000000000000000u) {
            mantissa = 10 * mantissa + (uint64_t)(t.at[i] - '0');
            exponent -= point;
        } else {
            exponent += !point;
        }
    }
    if (digits == 0) return false;
    if (!integer && i < t.length && (t.at[i] == 'e' || t.at[i] == 'E')) {
        i++;
        if (!take_exponent(t, &i, &exponent)) return false;
    }
    if (i < t.length) return false;
    const double value = scaled(mantissa, exponent);
    *out = negative ? -value : value;
    return true;
}

bool pk_text_natural(text t, double *out) {
    return t.length > 0 && is_digit(t.at[0]) && pk_text_number(t, true, out);
}
