/*
 * report.h - the sections of the report.
 */
#ifndef PERFLAB_REPORT_H
#define PERFLAB_REPORT_H

#include "facts.h"
#include "integration.h"
#include "machines.h"
#include "util.h"

typedef struct report {
    text_buffer out;
    ledger *ledger;
    catalog catalog;
    fact_list list;
    integration_list integrations;
    machine_list machines;
    const char *variant;
} report;

/* report_claim.c: how many rows have which status, and the filter; the forest plot; the table. */
void report_add_tiles(report *r);
void report_add_claims(report *r);
void report_add_table(report *r);

/* report_cards.c: what each row's claim is made of, in a card that can be opened. */
void report_add_cards(report *r);

/* report_machines.c: several machines side by side; nothing if there is only one. */
bool report_add_machines(report *r);

/* report_roof.c: the roofline of everything that was profiled. */
void report_add_roofline(report *r);

/*
 * The latest profile of a build, "roof" (perflab profile) or "asm" (perflab asm --record). To be
 * freed with cJSON_Delete; NULL if there is none.
 */
cJSON *report_profile(const report *r, const facts *f, const char *kind);

/* Adds an id of the page, made of a prefix and an improvement's id: "row-5.1". */
void report_add_anchor(text_buffer *out, const char *prefix, const char *id);

#endif
