// MNIST: loading it, and finding it.

#include "data_test.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "ramp/core/data/find.h"
#include "ramp/core/data/mnist.h"

namespace ramp {
namespace {

using LoadMnist = Data;

/// n images of 2 x 2 whose first pixel is their number, with labels n % 10.
std::string image_file(int n, int first = 0) {
  std::string bytes = header(8, {static_cast<uint32_t>(n), 2, 2});
  for (int i = 0; i < n; ++i) bytes += {static_cast<char>(first + i), '\0', '\x80', '\xff'};
  return bytes;
}
std::string label_file(int n) {
  std::string bytes = header(8, {static_cast<uint32_t>(n)});
  for (int i = 0; i < n; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

TEST_F(LoadMnist, ReadsDashedAndDottedNames) {
  for (const std::string separator : {"-", "."}) {
    const std::string place = separator == "-" ? "dashed/" : "dotted/";
    write(place + "train-images" + separator + "idx3-ubyte", image_file(12));
    write(place + "train-labels" + separator + "idx1-ubyte", label_file(12));
    write(place + "t10k-images" + separator + "idx3-ubyte", image_file(3, 100));
    write(place + "t10k-labels" + separator + "idx1-ubyte", label_file(3));
    const auto [train, test] = data::load_mnist(path(place));
    EXPECT_EQ(train.size(), 12);
    EXPECT_EQ(train.inputs.shape(), (Shape{12, 4}));
    EXPECT_EQ(test.inputs.to_vector<uint8_t>(),
              (std::vector<uint8_t>{100, 0, 128, 255, 101, 0, 128, 255, 102, 0, 128, 255}));
    EXPECT_EQ(train.targets.to_vector<int32_t>(), (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1}));
    EXPECT_EQ(train.standardization->mean().item(), 255 * 0.1307);
    EXPECT_EQ(train.standardization->stddev().item(), 255 * 0.3081);
    const Dataset fashion = data::load_mnist(path(place), data::fashion_mnist_pixels).test;
    EXPECT_EQ(fashion.standardization->mean().item(), 255 * 0.2860);
    EXPECT_EQ(fashion.standardization->stddev().item(), 255 * 0.3530);
  }
}

TEST_F(LoadMnist, RefusesUnsoundSets) {
  const std::string images = path("train-images-idx3-ubyte"), labels = path("train-labels-idx1-ubyte");
  write("t10k-images-idx3-ubyte", image_file(3));
  write("t10k-labels-idx1-ubyte", label_file(3));
  const auto refusal = [&](const std::string& image_bytes, const std::string& label_bytes) {
    write("train-images-idx3-ubyte", image_bytes);
    write("train-labels-idx1-ubyte", label_bytes);
    return error_of([&] { data::load_mnist(directory_.string()); });
  };
  EXPECT_EQ(error_of([&] { data::load_mnist(directory_.string()); }),
            "[load_mnist] " + directory_.string() +
                ": expected a file train-images-idx3-ubyte (or with a dot for the second dash, or .gz), got none");
  EXPECT_EQ(refusal(image_file(3), label_file(4)),
            "[load_mnist] " + images + ": expected as many labels as images, got 3 images and 4 labels");
  EXPECT_EQ(refusal(image_file(0), label_file(0)),
            "[load_mnist] " + images + ": expected at least one image of at least one pixel, got [0, 2, 2]");
  EXPECT_EQ(refusal(header(8, {3, 0, 2}), label_file(3)),
            "[load_mnist] " + images + ": expected at least one image of at least one pixel, got [3, 0, 2]");
  EXPECT_EQ(refusal(image_file(3), header(8, {3}) + std::string("\x09\x0a\x01", 3)),
            "[load_mnist] " + labels + ": expected labels from 0 to 9, got 10 at 1");
  EXPECT_EQ(refusal(image_file(3), header(9, {3}) + std::string("\x09\xff\x01", 3)),
            "[load_mnist] " + labels + ": expected labels from 0 to 9, got -1 at 1");
  EXPECT_EQ(refusal(header(8, {3, 2}) + "123456", label_file(3)),
            "[load_mnist] " + images + ": expected uint8 images [n, rows, columns], got uint8 [3, 2]");
  EXPECT_EQ(refusal(header(0x0d, {1, 1, 1}) + "1234", label_file(1)),
            "[load_mnist] " + images + ": expected uint8 images [n, rows, columns], got float32 [1, 1, 1]");
  EXPECT_EQ(refusal(image_file(3), header(8, {3, 1}) + "123"),
            "[load_mnist] " + labels + ": expected integer labels [n], got uint8 [3, 1]");
  EXPECT_EQ(
      refusal(header(8, {3, 1, 1}) + "123", label_file(3)),
      "[load_mnist] " + directory_.string() + ": expected train and test images of one size, got [3, 1] and [3, 4]");
  EXPECT_EQ(refusal(image_file(3).substr(0, 20), label_file(3)),
            "[read_idx] " + images + ": expected 12 bytes of elements for the shape [3, 2, 2], got 4");
  // Before any element is read: these files hold none.
  EXPECT_EQ(refusal(header(8, {3, 2}), label_file(3)),
            "[load_mnist] " + images + ": expected uint8 images [n, rows, columns], got uint8 [3, 2]");
  EXPECT_EQ(refusal(header(8, {1000000, 28, 28}), label_file(3)),
            "[load_mnist] " + images + ": expected as many labels as images, got 1000000 images and 3 labels");
  EXPECT_EQ(refusal(image_file(3), header(0x0d, {1000000})),
            "[load_mnist] " + labels + ": expected integer labels [n], got float32 [1000000]");
}

TEST_F(LoadMnist, SaysWhyAFileCannotBeSeen) {
  fs::create_symlink("train-images-idx3-ubyte", path("train-images-idx3-ubyte"));
  EXPECT_EQ(error_of([&] { data::load_mnist(directory_.string()); }),
            "[find_idx] " + path("train-images-idx3-ubyte") +
                ": expected a path that can be followed, got Too many levels of symbolic links");
}

TEST_F(LoadMnist, RefusesStatisticsOfNoUse) {
  const std::string rule = "[Standardization] expected a finite mean and a standard deviation above 0, got ";
  const auto refusal = [&](data::PixelStatistics pixels) {
    return error_of([&] { data::load_mnist(directory_.string(), pixels); });
  };
  EXPECT_EQ(refusal({0, 0}), rule + "0 and 0");
  EXPECT_EQ(refusal({0, -1}), rule + "0 and -255");
  EXPECT_EQ(refusal({0, INFINITY}), rule + "0 and inf");
  EXPECT_EQ(refusal({NAN, 1}), rule + "nan and 255");
}

TEST_F(LoadMnist, FindsFilesByStemsWithADash) {
  EXPECT_EQ(error_of([&] { data::find_idx(directory_.string(), "labels"); }),
            "[find_idx] expected a stem with a dash, as in train-images-idx3, got labels");
}

#if defined(RAMP_SOURCE_DIR)
TEST(MnistSample, Loads) {
#ifndef RAMP_ZLIB
  GTEST_SKIP() << "the sample is gzipped, and this build has no zlib";
#endif
  const std::string directory = std::string(RAMP_SOURCE_DIR) + "/examples/data/mnist-10k";
  const auto [train, test] = data::load_mnist(directory);
  EXPECT_EQ(train.inputs.shape(), (Shape{8000, 784}));
  EXPECT_EQ(test.inputs.shape(), (Shape{2000, 784}));
  EXPECT_EQ(train.subset(0, 10).targets.to_vector<int32_t>(), (std::vector<int32_t>{5, 0, 4, 1, 9, 2, 1, 3, 1, 4}));
  // Of the full training set; over 6 million pixels of it the mean cannot be far off.
  double sum = 0, squares = 0, count = 0;
  for (const uint8_t pixel : train.inputs.to_vector<uint8_t>())
    sum += pixel / 255.0, squares += pixel / 255.0 * pixel / 255.0, ++count;
  EXPECT_NEAR(sum / count, data::mnist_pixels.mean, 0.002);
  EXPECT_NEAR(std::sqrt(squares / count - sum / count * (sum / count)), data::mnist_pixels.stddev, 0.002);
}
#else
#error "data_test needs RAMP_SOURCE_DIR, the directory that holds examples/"
#endif

/// The working directory and the environment as they were, afterwards.
class Find : public Data {
 protected:
  Find() : before_(fs::current_path()) {
    for (const char* name : {"RAMP_DATA", "HOME"}) {
      const char* value = std::getenv(name);
      environment_.emplace_back(name, value ? std::optional<std::string>(value) : std::nullopt);
      unsetenv(name);
    }
    fs::create_directories(path("work/deep"));
    fs::current_path(path("work/deep"));
  }
  ~Find() override {
    fs::current_path(before_);
    for (const auto& [name, value] : environment_) value ? setenv(name, value->c_str(), 1) : unsetenv(name);
  }

  void make_set(const std::string& place) {
    for (const char* file : {"/train-images-idx3-ubyte", "/train-labels.idx1-ubyte", "/t10k-images.idx3-ubyte.gz",
                             "/t10k-labels-idx1-ubyte.gz"})
      write(place + file, "");
  }

  fs::path before_;
  std::vector<std::pair<const char*, std::optional<std::string>>> environment_;
};

TEST_F(Find, GoesThroughThePlacesInOrder) {
  setenv("RAMP_DATA", path("data").c_str(), 1);
  setenv("HOME", path("home").c_str(), 1);
  // From the last to the first: each is found before the ones made so far. Whoever keeps MNIST in the source finds that
  // before the one at home.
  const std::string source = std::string(RAMP_SOURCE_DIR) + "/examples/data/mnist";
  for (const char* place : {"home/.cache/ramp/mnist", "examples/data/mnist", "work/examples/data/mnist",
                            "work/deep/examples/data/mnist", "work/deep/data/mnist", "data", "data/mnist"}) {
    make_set(place);
    const std::string found = data::find("mnist");
    EXPECT_TRUE(found == path(place) || found == source) << found;
  }
  make_set("elsewhere");
  EXPECT_EQ(data::find("mnist", path("elsewhere")), path("elsewhere"));
}

TEST_F(Find, TheSampleIsFoundFromAnywhere) {
  fs::current_path("/");
  EXPECT_EQ(data::find("mnist-10k"), std::string(RAMP_SOURCE_DIR) + "/examples/data/mnist-10k");
}

TEST_F(Find, ListsEveryPlaceAndTheRemedy) {
  setenv("RAMP_DATA", path("data").c_str(), 1);
  setenv("HOME", path("home").c_str(), 1);
  make_set("data/mnist");
  fs::remove(path("data/mnist/t10k-images.idx3-ubyte.gz"));
  // Only where the machine itself has no MNIST is there something to list.
  if (fs::exists(std::string(RAMP_SOURCE_DIR) + "/examples/data/mnist") || fs::exists("/usr/share/datasets/mnist"))
    GTEST_SKIP() << "this machine holds MNIST in one of the usual places";
  const std::string text = error_of([] { data::find("mnist"); });
  for (const std::string& part :
       {"\n  " + path("data/mnist") + ": has no t10k-images-idx3-ubyte",
        "\n  " + path("data") + ": has no train-images-idx3-ubyte",
        "\n  " + path("work/deep/data/mnist") + ": no such directory",
        "\n  " + path("work/deep/examples/data/mnist") + ": no such directory",
        "\n  " + path("work/examples/data/mnist") + ": no such directory",
        "\n  " + path("home/.cache/ramp/mnist") + ": no such directory",
        std::string("\n  /usr/share/datasets/mnist: no such directory"), std::string("examples/data/download mnist")})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
}

TEST_F(Find, SaysWhyAPlaceCannotBeSeen) {
  const auto reason = [&](const std::string& place) {
    const std::string text = error_of([&] { data::find("mnist", place); }), before = "\n  " + place + ": ";
    const size_t begin = text.find(before) + before.size();
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  fs::create_symlink("loop", path("loop"));
  EXPECT_EQ(reason(path("loop")), "Too many levels of symbolic links");
  make_set("closed");
  const bool root = geteuid() == 0;  // who may do everything, and so becomes nobody
  if (root) {
    ASSERT_EQ(chown(directory_.c_str(), 65534, 65534), 0);
    ASSERT_EQ(chown(path("closed").c_str(), 65534, 65534), 0);
    ASSERT_EQ(seteuid(65534), 0);
  }
  fs::permissions(path("closed"), fs::perms::owner_read);
  const std::string files = reason(path("closed")), folder = reason(path("closed/within"));
  fs::permissions(path("closed"), fs::perms::owner_all);
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(files, "Permission denied");
  EXPECT_EQ(folder, "Permission denied");
}

TEST_F(Find, TriesNothingBesideAnExplicitDirectory) {
  make_set("work/deep/data/fashion-mnist");
  EXPECT_EQ(
      error_of([&] { data::find("fashion-mnist", path("none")); }),
      "[find] expected the four files of fashion-mnist ({train,t10k}-{images-idx3,labels-idx1}-ubyte, plain or .gz) in "
      "one "
      "directory, got none that has them:\n  " +
          path("none") +
          ": no such directory\n"
          "Get it with `examples/data/download fashion-mnist` or, on Debian, `apt install dataset-fashion-mnist`.");
  EXPECT_EQ(error_of([] { data::find("cifar"); }),
            "[find] expected the data set mnist-10k, mnist or fashion-mnist, got cifar");
}

}  // namespace
}  // namespace ramp
