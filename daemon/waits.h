/* The histograms of a pool. Written and read in its worker's thread. */
#ifndef WAITS_H
#define WAITS_H

#include "daemon/histogram.h"

enum wait {
#define WAIT(name, help) WAIT_##name,
#include "daemon/waits.def"
#undef WAIT
    WAIT_COUNT
};

extern const struct wait_row {
    const char *name, *help;
} wait_rows[WAIT_COUNT];

struct waits {
    struct histogram histograms[WAIT_COUNT];
};

#define waits_note(waits, name, us, count)                                                         \
    histogram_note(&(waits)->histograms[WAIT_##name], us, count)

#endif
