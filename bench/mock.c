/* How many SET and GET an engine in this process does on one core: what a test suite waits for.
 *
 *   build/default/bench/mock [SECONDS]
 *
 * Prints the rate of each, over ten thousand keys, the replies read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/clock.h"
#include "common/mock/mock.h"

enum {
    KEYS = 10000,
    TURN = 1000
};

static char keys[KEYS][16];
static struct fr_word names[KEYS];

static uint64_t run(struct fr_mock_session *session, bool is_set, double seconds)
{
    struct fr_word words[3] = {{is_set ? "SET" : "GET", 3}, {"", 0}, {"a value of some bytes", 21}};
    uint64_t done = 0, until_ns = clock_ns() + (uint64_t)(seconds * 1e9);
    while (clock_ns() < until_ns) {
        for (int i = 0; i < TURN; i++, done++) {
            size_t len;
            words[1] = names[done * 7919 % KEYS];
            fr_mock_call(session, words, is_set ? 3 : 2);
            fr_mock_output(session, &len);
            fr_mock_taken(session, len);
        }
    }
    return done;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    struct fr_mock *mock = fr_mock_create(NULL);
    struct fr_mock_session *session = fr_mock_session_create(mock, NULL, NULL);
    for (int i = 0; i < KEYS; i++) {
        names[i].len = (size_t)snprintf(keys[i], sizeof(keys[i]), "key:%d", i);
        names[i].data = keys[i];
    }
    for (int kind = 0; kind < 2; kind++) {
        uint64_t done = run(session, kind == 0, seconds);
        printf("mock in-process, one core: %s %.0f per second\n", kind == 0 ? "SET" : "GET",
               (double)done / seconds);
    }
    fr_mock_session_destroy(session);
    fr_mock_destroy(mock);
    return 0;
}
