/*
 * worker.h: the process that samples. bench_common starts two or three, some of them with the
 * drop-in preloaded, and lets them take turns. Each reads requests and writes answers, a line each:
 *
 *     open S        makes the sampler of setting S, which accepts the setting's history -> "ok"
 *     row K SEED    puts a row of kind K where a decode would have left it -> "ok"
 *     sample        -> the nanoseconds that common_sampler_sample took, and the token
 *     prompt        clears the context and decodes a prompt -> "ok"
 *     take T        accepts token T, which this or another process drew, and decodes it -> "ok"
 *     shown         what common_sampler_get_candidates shows -> how many, and a checksum
 */
#ifndef PLUCK_BENCH_COMMON_WORKER_H
#define PLUCK_BENCH_COMMON_WORKER_H

/* Loads the model and answers lines of stdin on stdout until stdin is closed. Returns the exit
 * status. */
int run_worker(const char *model_path);

#endif
