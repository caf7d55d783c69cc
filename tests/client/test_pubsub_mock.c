/* Publish/subscribe on the provider "mock". */
#include "tests/client/fixture.h"

SUITE_ON("pubsub mock", FIXTURE_MOCK, pubsub_cases)
