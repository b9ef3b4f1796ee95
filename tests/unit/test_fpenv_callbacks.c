/*
 * test_fpenv_callbacks.c: callbacks run in the caller's floating-point environment, and what they
 * change in it stays.
 */
#include "caller_env.h"
#include "check.h"

#include <errno.h>
#include <fenv.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5000, CALLBACKS = 9 };
static float logits[N];

static const char *const callback_names[CALLBACKS] = {
    "apply", "accept", "reset", "clone", "release", "piece", "is_eog", "allocate", "deallocate"};
static caller_env seen[CALLBACKS];
static int times_seen[CALLBACKS];
static int flag_to_raise; /* that apply raises */

/* Records the environment that callback number `which` finds. */
static void note(int which) {
    const caller_env now = caller_env_now();
    if (times_seen[which]++ == 0) seen[which] = now;
    if (now.rounding != seen[which].rounding || now.control != seen[which].control) {
        seen[which].rounding = -1;
    }
}

static bool note_apply(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    note(0);
    if (flag_to_raise != 0) {
        feraiseexcept(flag_to_raise);
        errno = EDOM;
    }
    return view->n > 0;
}

static void note_accept(void *ctx, int32_t token) {
    (void)ctx;
    (void)token;
    note(1);
}

static void note_reset(void *ctx) {
    (void)ctx;
    note(2);
}

static void *note_clone(const void *ctx) {
    static int context;
    (void)ctx;
    note(3);
    return &context;
}

static void note_release(void *ctx) {
    (void)ctx;
    note(4);
}

static int32_t note_piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    note(5);
    (void)ctx;
    (void)capacity;
    buffer[0] = (char)('a' + token % 7);
    return 1;
}

static bool note_is_eog(void *ctx, int32_t token) {
    note(6);
    (void)ctx;
    return token % 50 == 0;
}

static void *note_allocate(void *ctx, size_t size) {
    (void)ctx;
    note(7);
    return malloc(size);
}

static void note_deallocate(void *ctx, void *pointer, size_t size) {
    (void)ctx;
    (void)size;
    note(8);
    free(pointer);
}

/* Calls every function that calls back, from creation to freeing. */
static pluck_status live(const pluck_config *config) {
    pluck_sampler *sampler = NULL;
    pluck_sampler *clone = NULL;
    int32_t token = -1;
    pluck_status status = pluck_sampler_create(&sampler, config);
    if (status == PLUCK_OK) status = pluck_sample(sampler, logits, &token);
    if (status == PLUCK_OK) status = pluck_accept(sampler, token);
    if (status == PLUCK_OK) status = pluck_accept_stage(sampler, 1, token);
    if (status == PLUCK_OK) pluck_sampler_reset(sampler);
    if (status == PLUCK_OK) status = pluck_sampler_clone(&clone, sampler);
    pluck_sampler_free(clone);
    pluck_sampler_free(sampler);
    return status;
}

static void callbacks_run_in_the_callers_environment(void **state) {
    (void)state;
    pluck_stage stages[] = {with_top_p(0.9f, 0), with_dist(), with_dist(), with_dist()};
    stages[1].kind = PLUCK_STAGE_CUSTOM;
    stages[1].as.custom = (pluck_stage_custom){.apply = note_apply,
                                               .accept = note_accept,
                                               .reset = note_reset,
                                               .clone = note_clone,
                                               .release = note_release};
    stages[2].kind = PLUCK_STAGE_INFILL;
    stages[2].as.infill = (pluck_stage_infill){note_piece, note_is_eog, 5, NULL};
    pluck_config config = with_chain(N, 3, PLUCK_RNG_MT19937, stages, 4);
    config.allocator = (pluck_allocator){note_allocate, note_deallocate, NULL};
    for (int e = 0; e < CALLER_ENVS; e++) {
        memset(times_seen, 0, sizeof times_seen);
        const caller_env before = caller_env_begin(e, 0);
        const pluck_status status = live(&config);
        caller_env_assert(before, 0, "callbacks", caller_envs[e].name);
        assert_int_equal(status, PLUCK_OK);
        for (int i = 0; i < CALLBACKS; i++) {
            if (times_seen[i] == 0) fail_msg("%s was not called", callback_names[i]);
            if (seen[i].rounding != before.rounding || seen[i].control != before.control) {
                fail_msg("%s does not see the caller's environment (%s)", callback_names[i],
                         caller_envs[e].name);
            }
        }
    }
}

/* A callback is the caller's code, so its changes to the environment are kept. */
static void what_a_callback_changes_stays(void **state) {
    (void)state;
    pluck_stage stages[] = {with_dist(), with_top_p(0.9f, 0), with_dist()};
    stages[0].kind = PLUCK_STAGE_CUSTOM;
    stages[0].as.custom = (pluck_stage_custom){.apply = note_apply};
    const pluck_config config = with_chain(N, 3, PLUCK_RNG_MT19937, stages, 3);
    pluck_sampler *sampler = NULL;
    int32_t token = -1;
    assert_int_equal(pluck_sampler_create(&sampler, &config), PLUCK_OK);
    caller_env_begin(0, 0);
    flag_to_raise = FE_DIVBYZERO;
    const pluck_status status = pluck_sample(sampler, logits, &token);
    flag_to_raise = 0;
    const caller_env after = caller_env_now();
    const int error_after = errno;
    caller_env_end();
    pluck_sampler_free(sampler);
    assert_int_equal(status, PLUCK_OK);
    assert_int_equal(after.flags, FE_DIVBYZERO);
    assert_int_equal(error_after, EDOM);
}

static int fill_logits(void **state) {
    (void)state;
    rows_fill(ROWS_NORMAL, 5, logits, N);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_run_in_the_callers_environment),
        cmocka_unit_test(what_a_callback_changes_stays),
    };
    return cmocka_run_group_tests_name("fpenv callbacks", tests, fill_logits, NULL);
}
