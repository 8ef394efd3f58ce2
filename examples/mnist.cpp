// Trains a network on handwritten digits and shows what it learned; --help lists the options.

#include <cmath>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include <ramp/ramp.h>

#include "support/csv.h"
#include "support/mnist_flags.h"
#include "support/progress.h"
#include "support/report.h"
#include "support/terminal.h"

using namespace ramp;
using namespace support;

namespace {

/// A data set and how to speak of it.
struct Data {
  data::Split split;
  std::string found_in;
  std::vector<std::string> names;
  std::string held_out;  // what the test half is
};

Data load(const MnistFlags& flags) {
  const bool fashion = flags.dataset == "fashion-mnist";
  const std::string directory = data::find(flags.dataset, flags.data);
  for (const char* stem : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"})
    if (std::error_code none; std::filesystem::equivalent(data::find_idx(directory, stem), flags.csv, none))
      fail("csv", "expected a file that is none of the data's, got ", flags.csv);
  Data result{data::load_mnist(directory, fashion ? data::fashion_mnist_pixels : data::mnist_pixels), "", {}, ""};

  std::error_code error;
  const std::string near = std::filesystem::proximate(directory, error).string();
  result.found_in = error || near.size() >= directory.size() ? directory : near;

  if (fashion)
    result.names = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                    "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  else
    for (int digit = 0; digit < 10; ++digit) result.names.push_back(std::to_string(digit));

  // The name promises a test set only where the sizes are the published ones.
  const int64_t train = result.split.train.size(), test = result.split.test.size();
  const std::string images = with_separators(test) + (fashion ? " images" : " digits");
  if (flags.dataset == "mnist-10k" && train == 8000 && test == 2000)
    result.held_out = "the held-out " + images +
                      " of the bundled sample\n"
                      "(a split of MNIST's training set, not MNIST's test set)";
  else if (flags.dataset != "mnist-10k" && train == 60000 && test == 10000)
    result.held_out = "the " + images + " of " + (fashion ? "Fashion-MNIST" : "MNIST") + "'s test set";
  else result.held_out = "the " + images + " held out in " + result.found_in;
  return result;
}

/// Dense, activation and perhaps dropout for each hidden layer, and a Dense for the classes' logits.
Sequential build(const MnistFlags& flags, int64_t features, int64_t classes) {
  const DenseOptions options{.init = flags.initializer()};
  Sequential model;
  int64_t in = features;
  for (const int64_t width : flags.hidden) {
    model.push_back(Dense(in, width, options));
    model.push_back(Activation(flags.formula()));
    if (flags.dropout > 0) model.push_back(Dropout(flags.dropout));
    in = width;
  }
  model.push_back(Dense(in, classes, options));
  return model;
}

/// One pass over the training set. Returns the mean loss.
double train_epoch(Sequential& model, Device device, optim::SGD& sgd, const data::Loader& loader, Progress& progress) {
  double total = 0;
  int64_t done = 0;
  for (auto [images, labels] : loader) {
    Tensor loss = cross_entropy(model(images.to(device)), labels.to(device));
    sgd.zero_grad();
    loss.backward();
    sgd.step();

    const int64_t n = labels.size(0);
    total += loss.item() * static_cast<double>(n);
    done += n;
    progress.update(done, total / static_cast<double>(done));
  }
  return total / static_cast<double>(done);
}

void suggest(const MnistFlags& flags) {
  const bool deep_sigmoid = flags.activation == "sigmoid" && flags.hidden.size() > 3;
  std::cout << "\nTry next: "
            << (deep_sigmoid ? "the same depth with ReLU, through which gradients pass\n"
                             : "six layers of sigmoids, through which hardly any gradient passes\n")
            << "  ./examples/run mnist --activation " << (deep_sigmoid ? "relu" : "sigmoid")
            << " --hidden 64,64,64,64,64,64\n";
}

void run(const MnistFlags& flags) {
  Csv csv(flags.csv, {"epoch", "train_loss", "test_accuracy", "seconds", "samples_per_second"});
  set_num_threads(flags.threads);
  manual_seed(static_cast<uint64_t>(flags.seed));

  const Data data = load(flags);
  const auto& [train, test] = data.split;
  std::cout << "Data: " << flags.dataset << " in " << data.found_in << ", " << with_separators(train.size())
            << " to train on, " << with_separators(test.size()) << " held out\n\n";
  Sequential model = build(flags, train.inputs.size(1), static_cast<int64_t>(data.names.size()));
  const Device device = Device::parse(flags.device);
  set_precision(device, flags.products());
  model.to(device);
  std::cout << model << '\n';

  optim::SGD sgd(model.parameters(),
                 {.learning_rate = flags.lr, .momentum = flags.momentum, .weight_decay = flags.weight_decay});
  const data::Loader loader(train.to(device), {.batch_size = flags.batch_size, .shuffle = true});
  Progress progress(flags.epochs, train.size());
  double best = 0, correct = 0, seconds_in_all = 0;
  int best_epoch = 0;
  const int digits = static_cast<int>(std::to_string(flags.epochs).size());
  for (int epoch = 1; epoch <= flags.epochs; ++epoch) {
    progress.begin_epoch(epoch);
    const double loss = train_epoch(model, device, sgd, loader, progress);
    const double seconds = progress.end_epoch();
    if (!std::isfinite(loss))
      fail("train", "expected a finite loss, got ", std::abs(loss), " in epoch ", epoch, "; try a smaller --lr");
    correct = accuracy(model, test);
    if (correct > best) best = correct, best_epoch = epoch;
    seconds_in_all += seconds;

    const double samples_per_second = static_cast<double>(train.size()) / seconds;
    std::cout << "epoch " << std::setw(digits) << epoch << '/' << flags.epochs << "  train loss " << fixed(loss, 4)
              << "  test accuracy " << percent(correct) << "  " << fixed(seconds, 1) << " s  "
              << with_separators(std::llround(samples_per_second)) << " samples/s" << std::endl;
    csv.row(epoch, fixed(loss, 6), fixed(correct, 6), fixed(seconds, 3), fixed(samples_per_second, 0));
  }

  std::cout << "\nFinal accuracy " << percent(correct) << " on " << data.held_out << ",\nafter "
            << fixed(seconds_in_all, 1) << " s of training.";
  if (best > correct) std::cout << " (Best: " << percent(best) << " after epoch " << best_epoch << ", with hindsight.)";
  std::cout << "\n\n";
  const Tensor logits = predict(model, test);
  std::cout << "Confusion matrix (rows: the true class, columns: the model's guess, .: never)\n\n"
            << confusion_matrix(logits, test.targets).table(data.names) << '\n';
  const Report report(test, logits, data.names);
  report.print_mistakes(std::cout, 4);
  suggest(flags);
}

}  // namespace

int main(int argc, char** argv) {
  MnistFlags flags;
  if (const auto status = parse(argc, argv, flags)) return *status;
  try {
    run(flags);
  } catch (const std::exception& error) {
    std::cerr << "mnist: " << error.what() << '\n';
    return 1;
  }
}
