/* Pipelines and transactions on the provider "custom". */
#include "tests/client/fixture.h"

SUITE_ON("pipeline custom", FIXTURE_CUSTOM, pipeline_cases)
