#pragma once
// How good a model is.

#include "ramp/core/data/dataset.h"
#include "ramp/layers/layer.h"

namespace ramp {

/// The share of rows whose largest logit (the first of equals) is at the label. logits [n, C], labels int32 [n].
double accuracy(const Tensor& logits, const Tensor& labels);
/// The model's accuracy on a data set, in evaluation mode and without recording; the mode is put back afterwards.
double accuracy(Layer& model, const data::Dataset& dataset);
/// The model's logits for a whole data set, batch by batch, in evaluation mode and without recording.
Tensor predict(Layer& model, const data::Dataset& dataset);

}  // namespace ramp
