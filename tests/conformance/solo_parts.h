/* The units of solo.c, in several files. */
#ifndef TESTS_CONFORMANCE_SOLO_PARTS_H
#define TESTS_CONFORMANCE_SOLO_PARTS_H

#include "tests/conformance/script.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

struct voice *solo_voice(struct author *author, int who);

/* So many commands, now and then a wrong one. */
void solo_commands(struct author *author, int who, uint32_t count);

void unit_select(struct author *author, int who);
void unit_hello(struct author *author, int who);
void unit_client(struct author *author, int who);
void unit_own_entry(struct author *author, int who);
void unit_reset(struct author *author, int who);
void unit_skip(struct author *author, int who);
void unit_off(struct author *author, int who);
void unit_subscribe(struct author *author, int who);
void unit_unsubscribe(struct author *author, int who);
void unit_publish(struct author *author, int who);
void unit_ask_pubsub(struct author *author, int who);
void unit_track(struct author *author, int who);
void unit_ask_tracking(struct author *author, int who);
void unit_wrong(struct author *author, int who);
void unit_wrong_transaction(struct author *author, int who);
void unit_wrong_end(struct author *author, int who);
void unit_wrong_silently(struct author *author, int who);
void unit_wrong_quit(struct author *author, int who);

#endif
