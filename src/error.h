/* error.h: errors in words. */
#ifndef PLUCK_ERROR_H
#define PLUCK_ERROR_H

#include "pluck.h"

/* Writes status and message to *err, unless err is NULL, and returns the status. */
__attribute__((format(printf, 3, 4))) pluck_status pk_fail(pluck_error *err, pluck_status status,
                                                           const char *format, ...);

#endif /* PLUCK_ERROR_H */
