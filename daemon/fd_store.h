/* Descriptors with names that somebody else holds for us: those in the service manager's descriptor
 * store, which outlive the daemon, and those of socket units.
 *
 *   at the start    service manager --> handed over --fd_store_take--> who needs it
 *                                           +---------fd_store_each--> nobody does: closed
 *   while it runs   who has it --fd_store_keep, fd_store_drop--> service manager
 *
 * Used by the main thread alone. */
#ifndef FD_STORE_H
#define FD_STORE_H

#include <stdbool.h>
#include <stddef.h>

/* Note what was handed over. Call once, at the start. */
void fd_store_open(void);

/* How many wait to be taken. */
size_t fd_store_count(void);

/* Take one of this name: it is the caller's to close, which does not change what is stored. -1:
 * there is none (left). */
int fd_store_take(const char *name);

/* Have the service manager hold this one, too, so that the next daemon is handed it by this name.
 * Returns false when there is nobody who could. */
bool fd_store_keep(const char *name, int fd);

/* Have it hold none of this name any more. */
void fd_store_drop(const char *name);

/* Show each that nobody took, and close it; what is left was not stored again. */
void fd_store_each_left(void (*show)(const char *name, int fd));

#endif
