#pragma once
// The right weights for a whole model in one line: init::initialize(model).

#include <functional>

#include "ramp/init/init.h"
#include "ramp/layers/layer.h"

namespace ramp::init {

/// An initialiser for a given gain: he_normal's default below, init::glorot_uniform, init::lecun_normal, init::orthogonal.
using Scheme = std::function<Initializer(double gain)>;

/// The default scheme: he_normal({.gain = gain}).
Initializer he_normal_of(double gain);

/// Draws the weight of every Dense in `model` anew, with the gain of the activation that follows it, and sets its bias to
/// zero. Layers are taken in the order of add(), whatever the nesting; the activation is the first layer after a Dense that
/// states a gain (Layer::gain), so that dropout between the two changes nothing. A Dense that another Dense follows, or
/// none, is linear and gets gain 1, the output layer too. Activations called as functions inside a forward cannot be
/// seen: give such a Dense its own DenseOptions::init.
/// Other parameters stay as they are. Weights are overwritten in place, so an optimizer that was made before remains
/// valid. Throws Error when the scheme is empty, or returns a tensor of another shape or dtype; nothing changes then.
void initialize(Layer& model, const Scheme& scheme = he_normal_of, Generator& generator = default_generator());

}  // namespace ramp::init
