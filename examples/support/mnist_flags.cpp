#include "support/mnist_flags.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>

#include "support/checks.h"

namespace support {
namespace {

constexpr size_t flag_column = 30;

using Activations = std::map<std::string, ramp::Unary>;
using Initializers = std::map<std::string, ramp::init::Initializer (*)(double gain)>;
using Precisions = std::map<std::string, ramp::Precision>;

/// Every activation by the name of its function.
const Activations& activations() {
#define RAMP_BY_NAME(Struct, function) {#function, ramp::formula::Struct{}},
  static const Activations table{RAMP_ACTIVATIONS(RAMP_BY_NAME)};
#undef RAMP_BY_NAME
  return table;
}

const Initializers& initializers() {
  namespace init = ramp::init;
  static const Initializers table{
      {"glorot_normal", [](double) { return init::glorot_normal(); }},
      {"glorot_uniform", [](double) { return init::glorot_uniform(); }},
      {"he_normal", [](double gain) { return init::he_normal({.gain = gain}); }},
      {"he_uniform", [](double gain) { return init::he_uniform({.gain = gain}); }},
  };
  return table;
}

const Precisions& precisions() {
  using ramp::Precision;
  static const Precisions table{{"float32", Precision::float32}, {"tf32", Precision::tf32}, {"bf16", Precision::bf16}};
  return table;
}

std::vector<std::string> data_sets() { return {"mnist-10k", "mnist", "fashion-mnist"}; }

template <class Table>
std::vector<std::string> names_in(const Table& table) {
  std::vector<std::string> names;
  for (const auto& [name, value] : table) names.push_back(name);
  return names;
}

CLI::Validator one_of(const std::vector<std::string>& names) {
  return expect("one of " + CLI::detail::join(names, ", "), [names](const std::string& text) {
    return std::find(names.begin(), names.end(), text) != names.end();
  });
}
CLI::Validator from_zero() {
  return expect("a finite number from 0 up", [](const std::string& text) {
    const auto value = read<double>(text);
    return value && *value >= 0 && std::isfinite(*value);
  });
}
CLI::Validator share() {
  return expect("a number from 0 to just below 1", [](const std::string& text) {
    const auto value = read<double>(text);
    return value && *value >= 0 && *value < 1;
  });
}

/// "256,256" or "none"; nothing for anything else.
std::optional<std::vector<int64_t>> read_widths(const std::string& text) {
  std::vector<int64_t> widths;
  if (text == "none") return widths;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const auto width = read<int64_t>(text.substr(begin, end - begin));
    if (!width || *width < 1 || *width > 65536 || widths.size() == 1000) return std::nullopt;
    widths.push_back(*width);
    begin = end + 1;
  }
  return widths;
}

/// The parser and the texts it starts from; `widths` is --hidden as it is written.
void define(CLI::App& app, MnistFlags& flags, std::string& widths) {
  app.get_formatter()->column_width(flag_column);
  app.set_help_flag("-h,--help", "Show this and end")->group("Help");

  const auto add = [&](const char* group, const char* name, auto& value, const char* unit, const std::string& text) {
    return app.add_option(name, value, wrap(text, 80 - flag_column))
        ->group(group)
        ->type_name(unit)
        ->capture_default_str();
  };
  const char* network = "The network";
  add(network, "--hidden", widths, "WIDTHS", "Units of each hidden layer, first to last, or 'none'")
      ->check(expect("widths from 1 to 65536 with commas between them, or 'none'",
                     [](const std::string& text) { return read_widths(text).has_value(); }));
  add(network, "--activation", flags.activation, "NAME",
      "After each hidden layer: " + CLI::detail::join(names_in(activations()), ", "))
      ->check(one_of(names_in(activations())));
  add(network, "--leak", flags.leak, "SLOPE", "leaky_relu's slope for negative numbers, 0 <= SLOPE < 1")
      ->check(share());
  add(network, "--init", flags.init, "NAME",
      "First weights: " + CLI::detail::join(names_in(initializers()), ", ") +
          "; he_* with the gain that suits the activation")
      ->check(one_of(names_in(initializers())));
  add(network, "--dropout", flags.dropout, "P", "Chance of each hidden unit to be left out in a training step")
      ->check(share());

  const char* training = "Training, by stochastic gradient descent";
  add(training, "--epochs", flags.epochs, "N", "Passes over the training set")->check(whole(1, 100000));
  add(training, "--batch-size", flags.batch_size, "N", "Images in a step")->check(whole(1, 1000000));
  add(training, "--lr", flags.lr, "RATE", "Learning rate")->check(from_zero());
  add(training, "--momentum", flags.momentum, "M", "How much of the last step goes on into the next")->check(share());
  add(training, "--weight-decay", flags.weight_decay, "L", "Pull of every parameter towards 0")->check(from_zero());
  add(training, "--seed", flags.seed, "N", "Same seed and threads: the same numbers, bit for bit")
      ->check(whole(0, 1000000000000000000));
  add(training, "--threads", flags.threads, "N", "Processor threads to use")->check(whole(1, 256));
  add(training, "--device", flags.device, "NAME", "cpu, cuda, or auto: CUDA when there is one")
      ->check(one_of({"auto", "cpu", "cuda"}));

  add(training, "--precision", flags.precision, "NAME",
      "What matrix products round their operands to: " + CLI::detail::join(names_in(precisions()), ", ") +
          " (tf32: CUDA; bf16: CUDA, or a CPU with AVX512-BF16)")
      ->check(one_of(names_in(precisions())));

  const char* files = "Data";
  add(files, "--dataset", flags.dataset, "NAME",
      "mnist-10k, the 10,000 digits that come with the source; mnist, the full set; fashion-mnist, clothes")
      ->check(one_of(data_sets()));
  add(files, "--data", flags.data, "DIR", "Where its four IDX files lie; otherwise RAMP_DATA and the usual places")
      ->check(expect("a folder", [](const std::string& text) { return !text.empty(); }));
  add(files, "--csv", flags.csv, "FILE", "Writes a line for each epoch there");

  app.footer(
      "Examples, each after ./examples/run:\n"
      "  mnist                                     ten epochs on the bundled digits\n"
      "  mnist --activation leaky_relu --leak 0.2  another activation\n"
      "  mnist --hidden none                       no hidden layer: logistic regression\n"
      "  mnist --hidden 512,512 --dropout 0.2      more units, and dropout to hold them\n"
      "  mnist --csv run.csv --seed 2              numbers to plot\n"
      "  mnist --dataset fashion-mnist --hidden 512,512");
}

}  // namespace

ramp::Unary MnistFlags::formula() const {
  ramp::Unary formula = activations().at(activation);
  if (auto* leaky = std::get_if<ramp::formula::LeakyReLU>(&formula)) leaky->alpha = leak;
  return formula;
}

ramp::Precision MnistFlags::products() const { return precisions().at(precision); }

ramp::init::Initializer MnistFlags::initializer() const { return initializers().at(init)(ramp::init::gain(formula())); }

std::optional<int> parse(int argc, char** argv, MnistFlags& flags) {
  CLI::App app("Trains a fully connected network on handwritten digits (or clothes) and shows what it learned.",
               "mnist");
  std::string widths = "256,256";
  define(app, flags, widths);
  try {
    app.parse(argc, argv);
    flags.hidden = *read_widths(widths);
    if (app.count("--leak") && flags.activation != "leaky_relu")
      throw CLI::ValidationError("--leak", "only leaky_relu has a leak, got --activation " + flags.activation);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& error) {
    std::cerr << "mnist: " << error.what() << " (mnist --help lists the options)\n";
    return 2;
  }
  return std::nullopt;
}

}  // namespace support
