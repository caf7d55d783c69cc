/* Pipelines and transactions through the daemon, on a URL of the application's own. */
#include "tests/client/fixture.h"

SUITE_ON("pipeline url", FIXTURE_URL, pipeline_cases)
