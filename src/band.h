/*
 * band.h: where a boundary lies among very many candidates.
 *
 * A sample of the row's groups tells where the boundary very likely is. One exact sum tells the
 * mass above that band, and the few candidates in it are searched as a list: three vectorised
 * passes instead of a histogram fed element by element.
 */
#ifndef PLUCK_BAND_H
#define PLUCK_BAND_H

#include "prefix.h"

/*
 * The boundary at `target` in descending order on a WHOLE view. False if the band does not hold it,
 * or would not be worth it. The band ends up in the LIST arrays, *n long; *at is the boundary.
 * Scanned and summed.
 */
bool find_in_band(candidates *c, double target, bool strict, int32_t *n, place *at);

#endif /* PLUCK_BAND_H */
