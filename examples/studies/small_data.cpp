// Few images, learned and random slopes: does PReLU overfit them, and does RReLU help?

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

namespace {

constexpr int hidden_layers = 3;
constexpr int64_t width = 128;

const std::vector<Choice> choices{
    choice("ReLU", "relu", [] { return ReLU(); }),
    choice("leaky 0.01", "leaky_relu", [] { return LeakyReLU(0.01); }),
    choice("leaky 0.2", "leaky_relu", [] { return LeakyReLU(0.2); }),
    choice("PReLU", "prelu", [] { return PReLU(width); }),
    choice("RReLU", "rrelu", [] { return RReLU(); }),
};
constexpr size_t leaky_001 = 1, leaky_02 = 2, prelu = 3, rrelu = 4;

using Seeds = std::vector<double>;  // a value for each

/// What one activation came to on so many images.
struct Result {
  Seeds train_loss, train_error, test_error;                      // errors in percent
  std::vector<Seeds> slopes = std::vector<Seeds>(hidden_layers);  // PReLU's, the mean of a layer's units, by layer
};

struct Size {
  int64_t images;
  int epochs;
  std::vector<Result> results = std::vector<Result>(choices.size());
};

/// So many images, drawn at random.
data::Dataset draw(const data::Dataset& set, int64_t images, Generator& generator) {
  std::vector<int32_t> order = random_permutation(set.size(), generator);
  order.resize(static_cast<size_t>(images));
  return set.subset(order);
}

void train(Study& study, const data::Split& split, Size& size, size_t c, int seed) {
  // A generator of its own, from which RReLU draws no slopes: the same images in the same order for every activation.
  Generator of_data(static_cast<uint64_t>(1000 + seed));
  const data::Dataset set = draw(split.train, size.images, of_data);
  const data::Loader loader(set, {.batch_size = 64, .shuffle = true}, of_data);
  manual_seed(static_cast<uint64_t>(seed));
  Sequential model = mlp(widths(set.inputs.size(1), width, hidden_layers, classes), choices[c]);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.02, .momentum = 0.9});
  for (int epoch = 1; epoch <= size.epochs; ++epoch) {
    if (epoch == size.epochs) sgd.set_learning_rate(0.002);  // less of the last batches' noise in the result
    train_epoch(model, sgd, loader, study);
  }

  Result& result = size.results[c];
  const Tensor logits = predict(model, set), labels = set.targets;
  result.train_loss.push_back(cross_entropy(logits, labels).item());
  result.train_error.push_back(100 * (1 - accuracy(logits, labels)));
  result.test_error.push_back(100 * (1 - accuracy(model, split.test)));
  size_t layer = 0;
  for (const auto& [name, child] : model.children())
    if (const auto* learned = dynamic_cast<const PReLU*>(child.get()))
      result.slopes[layer++].push_back(mean(learned->slope).item());
}

void print(Study& study, const Size& size) {
  Table table({with_separators(size.images) + " images", "train loss", "train error in %", "test error in %",
               "minus leaky 0.2's"});
  const Result& base = size.results[leaky_02];
  for (size_t c = 0; c < choices.size(); ++c) {
    const Result& result = size.results[c];
    table.row({choices[c].name, plus_minus(estimate(result.train_loss), 4), plus_minus(estimate(result.train_error), 2),
               plus_minus(estimate(result.test_error), 2),
               c == leaky_02 ? "" : plus_minus(difference(result.test_error, base.test_error), 2)});
  }
  study.print('\n' + table.text());
}

void print_slopes(Study& study, const std::vector<Size>& sizes) {
  Table table({"PReLU's slopes (start: 0.25)", "layer 1", "layer 2", "layer 3"});
  for (const Size& size : sizes) {
    std::vector<std::string> row{with_separators(size.images) + " images"};
    for (const Seeds& slopes : size.results[prelu].slopes) row.push_back(plus_minus(estimate(slopes), 3));
    table.row(row);
  }
  study.print('\n' + table.text());
}

Figure errors_figure(const std::vector<Size>& sizes) {
  Panel loss{
      "How well the training images are fitted", {"training images", true}, {"training loss at the end", true}, {}};
  Panel error{
      "What that is worth on other images", {"training images", true}, {"test error minus leaky 0.2's, points"}, {}};
  for (const Size& size : sizes)  // the round numbers between them would run into each other
    for (Panel* panel : {&loss, &error}) panel->x.ticks.push_back(static_cast<double>(size.images));
  for (size_t c = 0; c < choices.size(); ++c) {
    Series losses{choices[c].name, choices[c].color, {}, Mark::line, c == leaky_001}, errors = losses;
    for (const Size& size : sizes) {
      const auto x = static_cast<double>(size.images);
      const Result &result = size.results[c], &base = size.results[leaky_02];
      const Estimate l = estimate(result.train_loss), e = difference(result.test_error, base.test_error);
      losses.points.push_back({x, l.mean, l.error});
      errors.points.push_back({x * (0.94 + 0.03 * static_cast<double>(c)), e.mean, e.error});  // bars side by side
    }
    loss.series.push_back(losses);
    error.series.push_back(errors);
  }
  return {"", {loss, error}};
}

Figure slopes_figure(const std::vector<Size>& sizes) {
  Panel panel{"", {"hidden layer"}, {"mean learned slope of a layer's units"}, {}};
  panel.y.from = 0;
  Series start{"start", "grey", {}, Mark::line, true};
  for (int layer = 0; layer < hidden_layers; ++layer) {
    panel.x.names.push_back(std::to_string(layer + 1));
    start.points.push_back({static_cast<double>(layer), PReLUOptions{}.start});
  }
  panel.series.push_back(start);
  for (const Size& size : sizes) {
    Series line{with_separators(size.images) + " images", "prelu", {}};
    for (const Seeds& slopes : size.results[prelu].slopes) {
      const Estimate slope = estimate(slopes);
      line.points.push_back({static_cast<double>(line.points.size()), slope.mean, slope.error});
    }
    panel.series.push_back(line);
  }
  return {"", {panel}};
}

/// "500 and 1,000"
std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

/// What one value of an activation is on few images, against the leaky ReLU whose slope is near.
struct Contrast {
  std::vector<std::string> changes, counts;  // by the number of images; counts of seeds with the expected sign
  std::vector<std::string> beyond;           // the numbers of images where the change has that sign beyond the noise
  std::string where() const { return beyond.empty() ? "none" : list(beyond) + " images"; }
};

/// The change is expected to be above 0 where `above`, else below.
Contrast contrast(const std::vector<Size>& few, size_t c, Seeds Result::* value, bool above, int decimals) {
  Contrast contrast;
  for (const Size& size : few) {
    const Seeds &mine = size.results[c].*value, &base = size.results[leaky_02].*value;
    const Estimate change = difference(mine, base);
    contrast.changes.push_back(plus_minus(change, decimals));
    contrast.counts.push_back(std::to_string(above ? count_below(base, mine) : count_below(mine, base)));
    if (beyond_noise(change) && (change.mean > 0) == above) contrast.beyond.push_back(with_separators(size.images));
  }
  return contrast;
}

void conclude(Study& study, const std::vector<Size>& sizes) {
  const std::vector<Size> few(sizes.begin(), sizes.begin() + 2);
  const Contrast price = contrast(few, prelu, &Result::test_error, true, 2),
                 fit = contrast(few, prelu, &Result::train_loss, false, 6),
                 gain = contrast(few, rrelu, &Result::test_error, false, 2);
  const bool worse = !price.beyond.empty(), fits = !fit.beyond.empty(), helps = !gain.beyond.empty();
  std::vector<std::string> images, slopes_learned;
  for (const Size& size : few) {
    images.push_back(with_separators(size.images));
    slopes_learned.push_back(plus_minus(estimate(size.results[prelu].slopes.front()), 3));
  }
  study.verdict({"that PReLU overfits small sets of data and that RReLU does better on them",
                 "on " + list(images) + " images PReLU's slopes go from 0.25 to " + list(slopes_learned) +
                     " in the first layer, its test error differs from leaky 0.2's by " + list(price.changes) +
                     " points, its training loss by " + list(fit.changes) + " and RReLU's test error by " +
                     list(gain.changes) + " points; beyond the noise PReLU's test error is the higher one on " +
                     price.where() + ", its training loss the lower one on " + fit.where() +
                     " and RReLU's test error the lower one on " + gain.where(),
                 worse && fits && helps ? std::string("holds here")
                 : worse && fits        ? "holds here for PReLU, but not for RReLU"
                 : worse && helps       ? "holds here for the test errors, but PReLU does not fit its own images better"
                 : worse
                     ? "is half seen here, on " + price.where() +
                           ": PReLU is worse on other images, but does not fit its own better, and RReLU is no better"
                 : helps ? "holds here for RReLU, but not for PReLU"
                         : "is not confirmed here",
                 "PReLU's test error higher in " + list(price.counts) + " of " + std::to_string(study.seeds()) +
                     " seeds, its training loss lower in " + list(fit.counts) + "; RReLU's test error lower in " +
                     list(gain.counts)});

  Figure errors = errors_figure(sizes), slopes = slopes_figure(sizes);
  errors.title = "On " + images.front() + " images PReLU changes leaky 0.2's test error by " + price.changes.front() +
                 " points, RReLU by " + gain.changes.front();
  const auto first_slope = [](const Size& size) {
    return plus_minus(estimate(size.results[prelu].slopes.front()), 3) + " on " + with_separators(size.images) +
           " images";
  };
  slopes.title = "PReLU's slopes go from 0.25 in the first layer to\n" + first_slope(sizes.front()) + " and to " +
                 first_slope(sizes.back());
  study.save(errors);
  study.save(slopes, "slopes");
}

void compare_slopes(Study& study) {
  const data::Split split = study.data();
  std::vector<Size> sizes;
  if (study.quick()) sizes = {{500, 20}, {1000, 20}, {split.train.size(), 3}};
  else sizes = {{500, 60}, {1000, 60}, {5000, 30}, {split.train.size(), 4}};
  double images = 0;
  for (const Size& size : sizes) images += static_cast<double>(size.images * size.epochs);
  study.plan(images * study.seeds() * static_cast<double>(choices.size()));

  Csv csv = study.csv({"images", "activation", "seed", "train_loss", "train_error_percent", "test_error_percent"});
  Csv slopes_csv = study.csv({"images", "seed", "layer", "mean_slope"}, "slopes");
  for (Size& size : sizes) {
    for (int seed = 1; seed <= study.seeds(); ++seed) {
      for (size_t c = 0; c < choices.size(); ++c) {
        study.doing(choices[c].name + ", " + with_separators(size.images) + " images, seed " + std::to_string(seed));
        train(study, split, size, c, seed);
        const Result& result = size.results[c];
        csv.row(size.images, choices[c].name, seed, result.train_loss.back(), result.train_error.back(),
                result.test_error.back());
      }
      for (size_t layer = 0; layer < hidden_layers; ++layer)
        slopes_csv.row(size.images, seed, layer + 1, size.results[prelu].slopes[layer].back());
    }
    print(study, size);
  }
  print_slopes(study, sizes);
  conclude(study, sizes);
}

}  // namespace

int main(int argc, char** argv) {
  return studies::run(argc, argv,
                      {.name = "small_data",
                       .text = "Trains 784-(3x128)-10 with fixed, learned and random slopes on few images and on many.",
                       .seeds = 10,
                       .quick_seeds = 3},
                      compare_slopes);
}
