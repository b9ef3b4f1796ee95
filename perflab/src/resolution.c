/*
 * resolution.c - a difference has an interval that excludes 1, and a median that is off by 2 %.
 */
#include "resolution.h"

resolution resolve(const perflab_summary *ratio) {
    if (!ratio->has_interval) return RESOLUTION_NONE;
    if (ratio->lo > 1) {
        return ratio->median >= 1 + PRACTICAL_GAIN ? RESOLUTION_FASTER : RESOLUTION_NEGLIGIBLE;
    }
    if (ratio->hi < 1) {
        return ratio->median <= 1 / (1 + PRACTICAL_GAIN) ? RESOLUTION_SLOWER
                                                         : RESOLUTION_NEGLIGIBLE;
    }
    return RESOLUTION_UNRESOLVED;
}
