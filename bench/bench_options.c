/* bench_options.c: reads the options that the benchmarks share. */
#include "bench_options.h"
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

bool bench_options_read(bench_options *o, int argc, char **argv, int *code) {
    enum { OWN = 256, ROWS, BLOCKS, ONLY, JSON };
    const struct option options[] = {{o->own, required_argument, NULL, OWN},
                                     {"rows", required_argument, NULL, ROWS},
                                     {"blocks", required_argument, NULL, BLOCKS},
                                     {"only", required_argument, NULL, ONLY},
                                     {"json", no_argument, NULL, JSON},
                                     {"help", no_argument, NULL, 'h'},
                                     {0}};
    *code = EXIT_USAGE;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (option) {
        case OWN:
            o->own_value = optarg;
            break;
        case ROWS:
            o->rows = optarg;
            break;
        case ONLY:
            o->only = optarg;
            break;
        case JSON:
            o->json = true;
            break;
        case 'h':
            fputs(o->help, stdout);
            *code = EXIT_OK;
            return false;
        case BLOCKS:
            if (parse_integer(optarg, 1, o->max_blocks, &o->blocks)) break;
            fprintf(stderr, "%s: --blocks takes 1 to %d\n", o->program, (int)o->max_blocks);
            return false;
        default:
            return false;
        }
    }
    if (optind == argc) return true;
    fprintf(stderr, "%s: '%s' is not expected\n", o->program, argv[optind]);
    return false;
}

bool bench_options_want(const bench_options *o, const char *chain) {
    return o->only == NULL || strstr(chain, o->only) != NULL;
}
