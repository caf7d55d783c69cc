/* Pipelines and transactions on the provider "daemon". */
#include "tests/client/fixture.h"

SUITE_ON("pipeline daemon", FIXTURE_DAEMON, pipeline_cases)
