/* Connections of the library's own to a daemon of the tests, over shared memory, one command at a
 * time and without a handle. For the test and for its children: what fails is said, and ends
 * nothing. */
#ifndef TESTS_SUPPORT_WIRES_H
#define TESTS_SUPPORT_WIRES_H

#include <stdbool.h>
#include <stddef.h>

#include "client/wire.h"

/* Connect to the daemon's socket at this path, and go over to shared memory. */
bool wire_attach(struct fr_wire *wire, const char *path);

/* Send bytes, as there is room for them; replies that come meanwhile stay in their ring. */
bool wire_put(struct fr_wire *wire, const char *data, size_t len);

/* Receive exactly these bytes and no more. */
bool wire_expect(struct fr_wire *wire, const char *expected, size_t len);

/* Both of a line, as bytes_add_request takes it. */
bool wire_call(struct fr_wire *wire, const char *line, const char *expected);

#endif
