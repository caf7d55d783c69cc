/* The histograms as rows. See waits.h. */
#include "daemon/waits.h"

const struct wait_row wait_rows[WAIT_COUNT] = {
#define WAIT(name, help) {#name, help},
#include "daemon/waits.def"
#undef WAIT
};
