/* The typed commands through the daemon, on a URL of the application's own. */
#include "tests/client/fixture.h"

SUITE_ON("commands url", FIXTURE_URL, command_cases)
