/* Publish/subscribe through the daemon, over shared memory. */
#include "tests/client/fixture.h"

SUITE_ON("pubsub rings", FIXTURE_RINGS, pubsub_cases)
