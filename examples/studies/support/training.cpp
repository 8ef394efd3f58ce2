#include "studies/support/training.h"

namespace studies {

using namespace ramp;

Sequential mlp(const std::vector<int64_t>& widths, const Choice& activation) {
  Sequential model;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    if (i > 0) activation.append(model);
    model.push_back(Dense(widths[i], widths[i + 1]));
  }
  init::initialize(model);
  return model;
}

std::vector<int64_t> widths(int64_t inputs, int64_t width, int depth, int64_t outputs) {
  std::vector<int64_t> all(static_cast<size_t>(depth) + 2, width);
  all.front() = inputs;
  all.back() = outputs;
  return all;
}

double train_epoch(Layer& model, optim::SGD& sgd, const data::Loader& loader, Study& study,
                   const std::function<void(double loss)>& seen) {
  double total = 0, images_seen = 0;
  for (auto [images, labels] : loader) {
    Tensor loss = cross_entropy(model(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();

    const auto n = static_cast<double>(labels.numel());
    total += n * loss.item();
    if (seen) seen(loss.item());
    images_seen += n;
    study.advance(n);
  }
  return total / images_seen;
}

}  // namespace studies
