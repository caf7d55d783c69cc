/* Pipelines and transactions on the provider "mock". */
#include "tests/client/fixture.h"

SUITE_ON("pipeline mock", FIXTURE_MOCK, pipeline_cases)
