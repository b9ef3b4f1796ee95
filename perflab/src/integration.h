/*
 * integration.h - end-to-end results: milliseconds per unit of work before and after.
 */
#ifndef PERFLAB_INTEGRATION_H
#define PERFLAB_INTEGRATION_H

#include "ledger.h"
#include "table.h"

typedef struct integration {
    char *name, *device, *notes, *at, *covers; /* covers: JSON object, source hashes by id */
    perflab_summary before, after;             /* milliseconds */
    perflab_summary ratio;                     /* before / after, paired in recorded order */
} integration;

typedef struct integration_list {
    integration *all;
    size_t n;
} integration_list;

/* Reads the latest result of each name and device. Returns false if the ledger cannot be read. */
bool integrations_read(ledger *l, integration_list *out);
void integrations_free(integration_list *list);

table_row integration_row(const integration *in);
cJSON *integration_json(const integration *in);

/* COMPLETE or REJECTED by the rules for improvements; "MEASURED" if there are too few runs. */
const char *integration_status(const integration *in);

#endif
