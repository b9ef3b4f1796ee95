/*
 * route.h: which libllama a call is meant for.
 *
 * A process may hold several: the system's, to which the program is linked, and another that a
 * plugin brings, as node-llama-cpp does. The loader sends the calls of both to the drop-in. A call
 * is meant for the one that the caller would have reached without the drop-in: the first among the
 * libraries that the caller, which is the object that contains the return address, is linked with.
 * A caller that is linked with none (it found the function by name, or uses a foreign-function
 * library) means the one that made the sampler it passes, or else the first one of the process.
 *
 * In a folder made by `pluck llama-dir` the drop-in is linked with the one libllama behind it, and
 * all calls are meant for that one.
 */
#ifndef PLUCK_LLAMA_ROUTE_H
#define PLUCK_LLAMA_ROUTE_H

#include "real.h"

/* The name of the library behind the drop-in of `pluck llama-dir` begins with this; 16 hexadecimal
 * digits follow, which the command writes. */
#define PLK_BEHIND "libllama-behind-pluck-"

/* The function to jump to for stub number `slot`, called with this return address and, if it takes
 * one, this first argument. Sets plk_library. Any thread; never NULL. */
void *plk_route(size_t slot, const void *return_address, const void *first);

#endif
