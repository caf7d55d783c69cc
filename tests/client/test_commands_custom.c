/* The typed commands on the provider "custom". */
#include "tests/client/fixture.h"

SUITE_ON("commands custom", FIXTURE_CUSTOM, command_cases)
