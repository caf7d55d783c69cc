/* Publish/subscribe through the daemon. */
#include "tests/client/fixture.h"

SUITE_ON("pubsub daemon", FIXTURE_DAEMON, pubsub_cases)
