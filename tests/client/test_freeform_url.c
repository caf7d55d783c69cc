/* Commands in free form through the daemon, on a URL of the application's own. */
#include "tests/client/fixture.h"

SUITE_ON("freeform url", FIXTURE_URL, freeform_cases)
