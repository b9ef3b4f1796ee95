/*
 * route.h: which libllama a call is meant for.
 *
 * A process may hold several: the system's, to which the program is linked, and another that a
 * plugin brings, as node-llama-cpp does. The loader sends the calls of both to the drop-in. The one
 * that is meant is the one that the caller would have reached without it: the first in the order of
 * the libraries that the caller, the object in which the return address lies, is linked with.
 * Callers that are linked with none (code that found the function by name, a foreign-function
 * library) mean the one that made the sampler they pass, or else the first one of the process.
 *
 * In a folder made by `pluck llama-dir` the drop-in is linked with the one libllama behind it, and
 * all calls are meant for that one.
 */
#ifndef PLUCK_LLAMA_ROUTE_H
#define PLUCK_LLAMA_ROUTE_H

#include "real.h"

/* The library behind the drop-in of `pluck llama-dir` has a name of this beginning, and 16
 * hexadecimal digits that the command writes. */
#define PLK_BEHIND "libllama-behind-pluck-"

/* The function to jump to, for the stub number `slot` called with the return address and, if it
 * takes one, the first argument. Sets plk_library. */
void *plk_route(size_t slot, const void *return_address, const void *first);

#endif
