#pragma once
// The right weights for a whole model in one line: init::initialize(model).

#include <functional>

#include "ramp/init/init.h"
#include "ramp/layers/layer.h"

namespace ramp::init {

/// Makes an initialiser of a given gain: he_normal_of, init::glorot_uniform, init::lecun_normal, init::orthogonal.
using Scheme = std::function<Initializer(double gain)>;

/// The default scheme: he_normal({.gain = gain}).
Initializer he_normal_of(double gain);

/// Draws the weight of every Dense in `model` anew, with the gain of the activation that follows it, and sets its bias
/// to zero. Layers are visited in the order of add(), whatever the nesting. The activation is the first layer after the
/// Dense that has a gain (Layer::gain), so dropout between the two makes no difference. A Dense counts as linear and
/// gets gain 1 when another Dense comes before any activation, or no activation follows, as for the output layer.
/// Activations called as functions inside forward() cannot be seen: give such a Dense its own DenseOptions::init. Other
/// parameters stay as they are. Weights are overwritten in place, so an optimizer that was made before remains valid.
/// Throws Error when the scheme is empty or returns a tensor of another shape, dtype or device; nothing changes then.
void initialize(Layer& model, const Scheme& scheme = he_normal_of, Generator& generator = default_generator());

}  // namespace ramp::init
