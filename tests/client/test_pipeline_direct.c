/* Pipelines and transactions on the provider "direct". */
#include "tests/client/fixture.h"

SUITE_ON("pipeline direct", FIXTURE_DIRECT, pipeline_cases)
