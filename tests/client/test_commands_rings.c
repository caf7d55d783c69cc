/* The typed commands on the provider "daemon" over shared memory. */
#include "tests/client/fixture.h"

SUITE_ON("commands rings", FIXTURE_RINGS, command_cases)
