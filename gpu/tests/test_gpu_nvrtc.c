/* test_gpu_nvrtc.c: the embedded kernels are CUDA C that NVRTC compiles, for a device it knows and
 * for one it does not. Needs NVRTC, no device; skipped if it is missing. */
#include "nvrtc.h"
#include "rows/trials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void compiles_for(int major, int minor, const char *beginning, const char *contained) {
    char why[400] = "";
    bool missing = false;
    char *image = gpu_nvrtc_compile(major, minor, 256, 16, &missing, why, sizeof why);
    if (missing) {
        print_message("%s\n", why);
        skip();
    }
    if (!image) {
        fail_msg("%s", why);
        return; /* not reached: skip() does not return, but compilers do not know that */
    }
    assert_memory_equal(image, beginning, strlen(beginning));
    if (contained) assert_non_null(strstr(image, contained));
    free(image);
}

/* Its machine code takes ptxas half a minute, and nvcc has had the same made for the library: only if
 * all cases are tried. */
static void for_a_known_device(void **state) {
    (void)state;
    if (trials_of(100) < 100) skip();
    compiles_for(9, 0,
                 "\x7f"
                 "ELF",
                 NULL);
}

static void for_an_unknown_device(void **state) {
    (void)state;
    compiles_for(1000, 0, "//", ".entry pluck_argmax");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(for_a_known_device),
                                       cmocka_unit_test(for_an_unknown_device)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
