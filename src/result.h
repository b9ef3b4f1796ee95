/* result.h: reading what a call left in a workspace. */
#ifndef PLUCK_RESULT_H
#define PLUCK_RESULT_H

#include "workspace.h"

/* The candidates that are left, as pluck_workspace_candidates reads them. */
pluck_status pk_result_candidates(pluck_workspace *workspace, pluck_candidates *out);

/* Writes what a call that selected a token found. Errors: those of pluck_workspace_candidates. */
pluck_status pk_result_draw(pluck_workspace *ws, bool skip_probability, pluck_draw *draw);

#endif /* PLUCK_RESULT_H */
