/* Commands of any kind on the provider "daemon" over shared memory. */
#include "tests/client/fixture.h"

SUITE_ON("freeform rings", FIXTURE_RINGS, freeform_cases)
