/* The typed commands on the provider "direct". */
#include "tests/client/fixture.h"

SUITE_ON("commands direct", FIXTURE_DIRECT, command_cases)
