/*
 * automaton.h: finds any of many strings in a text that comes byte by byte (Aho, Corasick, Efficient
 * String Matching, 1975).
 *
 * A state is the longest end of the text that begins one of the strings. The edges of all states
 * are in one hash table, so that a byte takes the same time however many strings there are. A state
 * without an edge for a byte tries those of shorter ends; a text of n bytes takes at most 2 n steps.
 */
#ifndef PLUCK_AUTOMATON_H
#define PLUCK_AUTOMATON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct automaton automaton;

/* The size in bytes of an automaton for strings of `bytes` bytes in all. */
size_t pk_automaton_size(int32_t bytes);

/* Makes one without strings in memory of that size, aligned for int32_t. */
automaton *pk_automaton_begin(void *memory, int32_t bytes, bool ignore_case);

/* Adds a string of n >= 1 bytes, which is called `number`. */
void pk_automaton_add(automaton *a, const char *string, int32_t n, int32_t number);

/* Makes it ready, after all strings are added. */
void pk_automaton_finish(automaton *a);

/* The state after one more byte; the state of an empty text is 0. */
int32_t pk_automaton_next(const automaton *a, int32_t state, char byte);

/* How many states there are, from 0 on; strings added in the same order have the same states. */
int32_t pk_automaton_states(const automaton *a);

/* How many bytes of the text's end a state stands for. */
int32_t pk_automaton_depth(const automaton *a, int32_t state);

/* The longest string that ends with the text, and its length; -1: none. */
int32_t pk_automaton_match(const automaton *a, int32_t state, int32_t *length);

#endif /* PLUCK_AUTOMATON_H */
