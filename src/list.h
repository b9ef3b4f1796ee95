/*
 * list.h: the second layer: ids and values of candidates, in an order, in their own storage.
 *
 * x is padded with -inf to whole groups, so that kernels can read it (pk_row_of_values). Every
 * function that changes the length also pads.
 */
#ifndef PLUCK_LIST_H
#define PLUCK_LIST_H

#include "order.h"
#include "scratch.h"

/* Lists up to this length are stored in their order, so that every search in them is a walk. */
enum { SHORT_LIST = 128 };

typedef struct list {
    int32_t *ids;
    float *x;
    int32_t n, room;      /* entries, and the most there may be; the arrays have a group more,
                             because kernels write past the end */
    candidate_order lies; /* the order in which the entries are stored */
    float least;          /* no x is lower */
    double centre;        /* of ORDER_NEAR */
} list;

/* Sets the number of entries that a caller has written, and their order (not ORDER_NEAR). Of the
 * least x nothing is known then. */
void pk_list_set(list *l, int32_t n, candidate_order lies);

/* Whether the list is stored in an order (with this centre, for ORDER_NEAR). */
bool pk_list_lies(const list *l, candidate_order order, double centre);

/* How its entries compare in an order. */
ordering pk_list_ordering(const list *l, candidate_order order, double centre);

/* A value that at least k candidates reach, and not many more if k is at most two thirds of the number
 * of groups: the k-th greatest maximum of a group; -inf if there are fewer groups. */
float pk_list_bound(const list *l, scratch_arena *s, int32_t k);

/* Writes the values that reach `low`, above -inf, and returns how many there are; stops, with more than
 * `most` and up to GROUP more, if they are more. */
int32_t pk_list_values_above(const list *l, float low, int32_t most, float *out);

/* Sorts the list; returns whether anything moved. `room`: for as many floats, if it is not short. */
bool pk_list_sort(list *l, scratch_arena *s, candidate_order order, double centre, float *room);

/* Writes the place that each of n values, SHORT_LIST at most, has in descending order, equals as they
 * lie. Both arrays have room for whole groups. */
void pk_places_of_few(const float *x, int32_t n, int32_t *to);

/* The greatest value; the list is not empty. */
float pk_list_max(const list *l);

/* The least value; the list is not empty. */
float pk_list_min(const list *l);

/* How many entries have x >= low. */
int32_t pk_list_count(const list *l, float low);

/* The lowest id of those with the greatest x, which is given. */
int32_t pk_list_lowest_id(const list *l, float x);

/* The first position of an id among n, in any order; -1 if it is not among them. */
int32_t pk_find_id(const int32_t *ids, int32_t n, int32_t id);

/* The position of an id; -1 if it is not in the list. */
int32_t pk_list_find(const list *l, int32_t id);

/* These keep the entries that are named, in their order, and drop the others. */
void pk_list_keep_above(list *l, float low);
void pk_list_keep_through(list *l, const ordering *o, double key, int32_t last_id);
void pk_list_keep_first(list *l, scratch_arena *s, const ordering *o,
                        int32_t k); /* k < n, in order o */
void pk_list_truncate(list *l, int32_t n);

#endif /* PLUCK_LIST_H */
