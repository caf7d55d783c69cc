/* Pipelines and transactions on the provider "daemon" over shared memory. */
#include "tests/client/fixture.h"

SUITE_ON("pipeline rings", FIXTURE_RINGS, pipeline_cases)
