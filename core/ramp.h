#pragma once
// All of ramp.

#include "ramp/core/autograd.h"
#include "ramp/core/create.h"
#include "ramp/core/data/dataset.h"
#include "ramp/core/data/loader.h"
#include "ramp/core/gradcheck.h"
#include "ramp/core/ops.h"
#include "ramp/core/threads.h"
#include "ramp/init/init.h"
#include "ramp/layers/activations.h"
#include "ramp/layers/dense.h"
#include "ramp/layers/dropout.h"
#include "ramp/layers/losses.h"
#include "ramp/layers/metrics.h"
#include "ramp/layers/sequential.h"
#include "ramp/optim/sgd.h"
