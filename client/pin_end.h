/* Something to do when a thread ends. */
#ifndef FR_CLIENT_PIN_END_H
#define FR_CLIENT_PIN_END_H

#include <stdbool.h>

/* Have release called when the calling thread ends. Asked for again it is called once all the same.
 * false: not possible. */
bool fr_at_thread_end(void (*release)(void *unused));

#endif
