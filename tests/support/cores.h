/* On which cores of the machine the running case is, and who speaks with it from which. */
#ifndef TESTS_SUPPORT_CORES_H
#define TESTS_SUPPORT_CORES_H

#include <stdbool.h>

/* Two cores that the thread may use. */
struct core_pair {
    int first, second;
};

/* Be free on two of the cores there are, until the case ends. False: there is one; the case is told
 * to be skipped. */
bool cores_take_two(struct core_pair *cores);

/* Go to one of the two, and be free on both. */
void cores_go_to(const struct core_pair *cores, int core);

/* Stay on this core. */
void cores_stay_on(int core);

/* A connected TCP socket whose peer, on this host, has sent something from this core; closed when
 * the case ends. Where the thread runs changes. */
int cores_hear_from(int core);

#endif
