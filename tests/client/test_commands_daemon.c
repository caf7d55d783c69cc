/* The typed commands on the provider "daemon". */
#include "tests/client/fixture.h"

SUITE_ON("commands daemon", FIXTURE_DAEMON, command_cases)
