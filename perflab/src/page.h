/*
 * page.h - the head of the report, with its style sheet.
 */
#ifndef PERFLAB_PAGE_H
#define PERFLAB_PAGE_H

/* Everything from the doctype to the start of the body. */
extern const char page_head[];

#endif
