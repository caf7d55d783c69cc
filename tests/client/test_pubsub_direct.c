/* Publish/subscribe on the provider "direct". */
#include "tests/client/fixture.h"

SUITE_ON("pubsub direct", FIXTURE_DIRECT, pubsub_cases)
