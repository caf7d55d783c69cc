/* Commands of any kind on the provider "direct". */
#include "tests/client/fixture.h"

SUITE_ON("freeform direct", FIXTURE_DIRECT, freeform_cases)
