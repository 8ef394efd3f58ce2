// Text reads the same in every locale that a program may set.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <fstream>
#include <locale>
#include <sstream>
#include <string>

#include <ramp/ramp.h>

#include "error_of.h"

namespace ramp {
namespace {

struct GermanNumbers : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

/// C++'s global locale writes 1.234,5, and so does C's where this machine has such a locale.
class InGermany : public testing::Test {
 protected:
  InGermany() { std::setlocale(LC_NUMERIC, "de_DE.UTF-8"); }
  ~InGermany() override {
    std::setlocale(LC_NUMERIC, c_.c_str());
    std::locale::global(before_);
  }

  template <class T>
  static std::string printed(const T& x) {
    std::ostringstream out;  // of the global locale
    out << x;
    return out.str();
  }

  std::string c_ = std::setlocale(LC_NUMERIC, nullptr);
  std::locale before_ = std::locale::global(std::locale(std::locale::classic(), new GermanNumbers));
};

TEST_F(InGermany, TheLocaleIsInForce) { EXPECT_EQ(printed(1234.5), "1.234,5"); }

TEST_F(InGermany, ErrorsHavePoints) {
  EXPECT_EQ(error_of([] { fail("op", "expected ", 0.5, ", got ", 123456); }), "[op] expected 0.5, got 123456");
  EXPECT_EQ(error_of([] { Dropout(1.5); }), "[Dropout] p must lie in [0, 1), got 1.5");
}

TEST_F(InGermany, ShapesAndTensorsHavePoints) {
  EXPECT_EQ(printed(Shape{4, 1000}), "[4, 1000]");
  EXPECT_EQ(to_string(Shape{4, 1000}), "[4, 1000]");
  EXPECT_EQ(printed(tensor({{1, 2}, {3000, 4.5}})), "[[   1.     2. ]\n [3000.     4.5]]");
  EXPECT_EQ(printed(tensor({1e-10, 1})), "[1.0000e-10 1.0000e+00]");
  EXPECT_EQ(printed(tensor({1000, 2}, {.dtype = int32})), "[1000    2]");
}

TEST_F(InGermany, TablesHavePoints) {
  const std::string path = testing::TempDir() + "ramp-locale-" + std::to_string(getpid()) + ".csv";
  std::ofstream(path) << "1.5,2.25\n";
  const data::Dataset set = data::load_csv(path);
  std::remove(path.c_str());
  EXPECT_EQ(set.inputs.item(), 1.5);
  EXPECT_EQ(set.targets.item(), 2.25);
}

TEST_F(InGermany, LayersHavePoints) {
  EXPECT_EQ(Dropout(0.25).describe(), "Dropout(0.25)");
  EXPECT_EQ(AlphaDropout(0.25).describe(), "AlphaDropout(0.25)");
  EXPECT_EQ(LeakyReLU(0.2).describe(), "LeakyReLU(0.2)");
  EXPECT_EQ(RReLU(0.1, 0.2).describe(), "RReLU(0.1, 0.2)");
  EXPECT_EQ(RReLU({.lower = 5.5, .upper = 1000, .draws = RReLUOptions::divisor}).describe(),
            "RReLU({.lower = 5.5, .upper = 1000, .draws = divisor})");
  EXPECT_EQ(Dense(1000, 2000).describe(), "Dense(1000, 2000)");
}

TEST_F(InGermany, DiagnosticsHavePoints) {
  Generator generator(1);
  Sequential model{Dense(3, 4, {}, generator), Dropout(0.25, generator)};
  const Diagnostics diagnostics(model);
  model(randn({5, 3}, {}, generator));
  std::istringstream lines(Diagnostics::csv_header() + diagnostics.csv(1000));
  std::string line;
  int count = 0;
  for (; std::getline(lines, line); ++count) {
    // The commas of "Dense(3, 4)" stand between quotation marks.
    int commas = 0;
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') quoted = !quoted;
      commas += c == ',' && !quoted;
    }
    EXPECT_EQ(commas, 13) << line;
  }
  EXPECT_EQ(count, 3);
  EXPECT_NE(diagnostics.csv(1000).find("1000,\"1\",\"Dropout(0.25)\",5,4,"), std::string::npos);
  const std::string table = diagnostics.table();
  EXPECT_EQ(std::count(table.begin(), table.end(), ','), 1) << table;  // of Dense(3, 4)
  EXPECT_NE(table.find('.'), std::string::npos);
}

TEST_F(InGermany, ConfusionMatricesHavePoints) {
  EXPECT_NE((ConfusionMatrix{2, {2, 1, 0, 1000}}).table().find(" 66.7%\n"), std::string::npos);
}

}  // namespace
}  // namespace ramp
