/*
 * list.h: the second layer: ids and values of candidates, in an order, in storage of their own.
 *
 * x is padded with -inf to whole groups of 64, so that kernels can read it (pk_row_of_values).
 * Every function that changes the length pads.
 */
#ifndef PLUCK_LIST_H
#define PLUCK_LIST_H

#include "order.h"
#include "scratch.h"

/* Lists up to this length are kept physically sorted: then everything on them is a walk. */
enum { SHORT_LIST = 128 };

typedef struct list {
    int32_t *ids;
    float *x;
    int32_t n, room;      /* entries; room for a group more, since kernels write ahead */
    candidate_order lies; /* in which order the entries lie */
    double centre;        /* of ORDER_NEAR */
} list;

/* Says how many entries were written from outside, and in which order (not ORDER_NEAR). */
void pk_list_set(list *l, int32_t n, candidate_order lies);

/* Whether the list lies in an order (of this centre, for ORDER_NEAR). */
bool pk_list_lies(const list *l, candidate_order order, double centre);

/* Its entries as they compare in an order. */
ordering pk_list_ordering(const list *l, candidate_order order, double centre);

/* Sorts; returns whether anything moved. */
bool pk_list_sort(list *l, scratch_arena *s, candidate_order order, double centre);

/* The greatest value of at least one. */
float pk_list_max(const list *l);

/* How many x >= low there are. */
int32_t pk_list_count(const list *l, float low);

/* The id's position; -1 if it is not there. */
int32_t pk_list_find(const list *l, int32_t id);

/* Each of these keeps what is named, where it lies in relation to the others. */
void pk_list_keep_above(list *l, float low);
void pk_list_keep_through(list *l, const ordering *o, double key, int32_t last_id);
void pk_list_keep_first(list *l, scratch_arena *s, const ordering *o,
                        int32_t k); /* k < n, in order o */
void pk_list_truncate(list *l, int32_t n);

#endif /* PLUCK_LIST_H */
