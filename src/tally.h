/*
 * tally.h: finds where a mass is reached in a row, however flat the row is.
 *
 * First a sample is asked. If it shows many equals where the boundary seems to be, the mass before them
 * is summed and they are counted. If candidates near a centre are looked for, the mass within a distance
 * is summed, and what is between that and the boundary collected. If neither succeeds, one reading of the
 * row adds up the mass of each of some hundred bins, which divide the candidates by their distance from
 * the start of the order. So the bin of the boundary is known, and the exact mass before it. Its
 * candidates are collected; if they are many, they are divided again, or, if they are equals, counted.
 * The tally stays with the view: a draw that follows a nucleus needs no other reading.
 *
 * All functions are for views that are WHOLE and scanned and have their sum, and use the free list.
 */
#ifndef PLUCK_TALLY_H
#define PLUCK_TALLY_H

#include "boundary.h"
#include "prefix.h"

/* Whether the view has a tally for an order (descending, or near v->centre). */
bool pk_tally_holds(const view *v, candidate_order order);

/* The first candidate in that order at which the mass reaches the target (exceeds it if strict); the
 * last one if it never does. */
boundary pk_tally_find(view *v, candidate_order order, double target, bool strict);

/* Notes that of the tally's candidates those before a boundary have been kept, with their values. */
void pk_tally_kept(view *v);

#endif /* PLUCK_TALLY_H */
