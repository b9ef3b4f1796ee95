/*
 * page.h - the head of the report with its style sheet, and its script.
 */
#ifndef PERFLAB_PAGE_H
#define PERFLAB_PAGE_H

#include "util.h"

/* Adds everything from the doctype to the start of the body. */
void page_add_head(text_buffer *out);

/* Adds what sorts, filters, and opens the card of a link. The page is complete without. */
void page_add_script(text_buffer *out);

#endif
