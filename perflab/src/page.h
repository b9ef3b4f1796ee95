/*
 * page.h - what every page of the report has: its head, with the style sheet in it.
 */
#ifndef PERFLAB_PAGE_H
#define PERFLAB_PAGE_H

/* From the doctype to the opening of the body. */
extern const char page_head[];

#endif
