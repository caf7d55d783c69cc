/* The typed commands on the provider "mock". */
#include "tests/client/fixture.h"

SUITE_ON("commands mock", FIXTURE_MOCK, command_cases)
