/* Commands of any kind on the provider "daemon". */
#include "tests/client/fixture.h"

SUITE_ON("freeform daemon", FIXTURE_DAEMON, freeform_cases)
