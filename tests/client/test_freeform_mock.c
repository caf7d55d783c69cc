/* Commands of any kind on the provider "mock". */
#include "tests/client/fixture.h"

SUITE_ON("freeform mock", FIXTURE_MOCK, freeform_cases)
