/* Commands of any kind on the provider "custom". */
#include "tests/client/fixture.h"

SUITE_ON("freeform custom", FIXTURE_CUSTOM, freeform_cases)
