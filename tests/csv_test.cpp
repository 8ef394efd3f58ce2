// CSV files: what is read, and what is refused in which words.

#include "ramp/core/data/csv.h"

#include <sys/stat.h>

#include "data_test.h"

namespace ramp {
namespace {

class LoadCsv : public Data {
 protected:
  Dataset load(const std::string& text, const data::CsvOptions& options = {}) const {
    return data::load_csv(write("table.csv", text), options);
  }
  std::string refusal(const std::string& text, const data::CsvOptions& options = {}) const {
    return error_of([&] { load(text, options); });
  }
  std::string in_file(const std::string& message) const { return "[load_csv] " + message + " of " + path("table.csv"); }
  std::string of_file(const std::string& message) const { return "[load_csv] " + path("table.csv") + ": " + message; }
};

TEST_F(LoadCsv, ReadsARegression) {
  const Dataset set = load("rooms,area,price\n1,20.5,300\n2,-4e1,1.25\n");
  EXPECT_EQ(set.inputs.shape(), (Shape{2, 2}));
  EXPECT_EQ(set.inputs.to_vector<float>(), (std::vector<float>{1, 20.5f, 2, -40}));
  EXPECT_EQ(set.targets.shape(), (Shape{2, 1}));
  EXPECT_EQ(set.targets.to_vector<float>(), (std::vector<float>{300, 1.25f}));
  EXPECT_EQ(set.inputs.device(), Device::cpu());

  const Dataset two = load("a,b,c,d\n1,2,3,4\n", {.targets = {"c", 0}, .dtype = float64});
  EXPECT_EQ(two.inputs.to_vector<double>(), (std::vector<double>{2, 4}));
  EXPECT_EQ(two.targets.to_vector<double>(), (std::vector<double>{3, 1}));
}

TEST_F(LoadCsv, ReadsAClassification) {
  const Dataset set = load("0.5;1;2\n1.5;2;0\n", {.targets = {1}, .labels = true, .separator = ';'});
  EXPECT_EQ(set.inputs.to_vector<float>(), (std::vector<float>{0.5f, 2, 1.5f, 0}));
  EXPECT_EQ(set.targets.shape(), Shape{2});
  EXPECT_EQ(set.targets.to_vector<int32_t>(), (std::vector<int32_t>{1, 2}));
  for (const char* wrong : {"-1", "0.5", "2147483648", "1e99"})
    EXPECT_EQ(
        refusal(std::string("0,") + wrong, {.labels = true}),
        in_file("expected a class, a whole number from 0 on, got \"" + std::string(wrong) + "\" at line 1, column 2"));
}

TEST_F(LoadCsv, TakesWhatProgramsWrite) {
  const std::vector<float> two{1, 2}, three{3};
  const auto expect_numbers = [&](const std::string& text, const data::CsvOptions& options = {}) {
    const Dataset set = load(text, options);
    EXPECT_EQ(set.inputs.to_vector<float>(), two) << text;
    EXPECT_EQ(set.targets.to_vector<float>(), three) << text;
  };
  expect_numbers("1,2,3");
  expect_numbers("1,2,3\r\n");
  expect_numbers(
      "\xef\xbb\xbf"
      "1,2,3\n\n  \n\r\n");
  expect_numbers(" 1 ,\t+2 , 3\t\n");
  expect_numbers("\"1\",\"2\" , \"3\"\n");
  expect_numbers("\"a, b\",\"said \"\"x\"\"\",c\n1,2,3\n");
  expect_numbers("1\t2\t3\n", {.separator = '\t'});
  expect_numbers("1|2|3\n", {.separator = '|'});
  expect_numbers("2019,2020,2021\n1,2,3\n", {.header = true});
  expect_numbers("said \"x\",y,z\n1,2,3\n", {.targets = {"z"}});
  expect_numbers("\"x \"\"y\"\"\",p,q\n3,1,2\n", {.targets = {"x \"y\""}});
}

TEST_F(LoadCsv, ReadsLinesOfManyBuffers) {
  std::string text, row;
  for (int i = 0; i < 30000; ++i) row += std::to_string(i) + ',';
  row += "7\n";
  const Dataset set = load(row + row + row);
  EXPECT_EQ(set.inputs.shape(), (Shape{3, 30000}));
  const std::vector<float> x = set.inputs.to_vector<float>();
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(x[i], static_cast<float>(i % 30000));
  EXPECT_EQ(set.targets.to_vector<float>(), (std::vector<float>{7, 7, 7}));
}

TEST_F(LoadCsv, RefusesFieldsThatAreNoNumbers) {
  const auto second = [&](const std::string& field, const data::CsvOptions& options = {}) {
    return refusal("a,b,c\n1,2,3\n4," + field + ",6\n", options);
  };
  const std::string place = " at line 3, column 2";
  for (const char* field : {"abc", "1.5x", "0x10", "--1", "+-1", "+", "1e", "1 2", "1_000", "1.2.3"})
    EXPECT_EQ(second(field), in_file("expected a number, got \"" + std::string(field) + '"' + place));
  for (const char* field : {"", " ", "\"\""})
    EXPECT_EQ(second(field), in_file("expected a number, got an empty field" + place));
  for (const char* field : {"nan", "inf", "-INF", "infinity"})
    EXPECT_EQ(second(field), in_file("expected a finite number, got \"" + std::string(field) + '"' + place));
  for (const char* field : {"1e39", "-3.5e38"})
    EXPECT_EQ(second(field),
              in_file("expected a number in the range of float32, got \"" + std::string(field) + '"' + place));
  EXPECT_EQ(second("1e39", {.dtype = float64}), "no error");
  for (const char* field : {"1e309", "-1e999999999", "1e-999"})
    EXPECT_EQ(second(field, {.dtype = float64}),
              in_file("expected a number in the range of float64, got \"" + std::string(field) + '"' + place));
  EXPECT_EQ(second("1e-60"), "no error");  // rounds to 0
  EXPECT_EQ(second(std::string("1\0", 2)), in_file("expected a number, got \"1?\"" + place));
  EXPECT_EQ(second(std::string(100, 'z')),
            in_file("expected a number, got \"" + std::string(40, 'z') + "...\"" + place));
  EXPECT_EQ(refusal("1,x,3\n"), in_file("expected a number, got \"x\" at line 1, column 2"));
}

TEST_F(LoadCsv, RefusesTablesThatAreNone) {
  EXPECT_EQ(refusal("1,2\n3\n"), in_file("expected 2 fields, as in the first line, got 1 at line 2"));
  EXPECT_EQ(refusal("1,2\n\n3,4,5\n"), in_file("expected 2 fields, as in the first line, got 3 at line 3"));
  EXPECT_EQ(refusal("1,2,\n3,4\n", {.targets = {0}}),
            in_file("expected a number, got an empty field at line 1, column 3"));
  EXPECT_EQ(refusal("1,\"2\n3,4\n"),
            in_file("expected a quote that ends on its line, got \"\"2\" at line 1, column 2"));
  EXPECT_EQ(refusal("1,\"2\"3\n"), in_file("expected nothing after a quote, got \"\"2\"3\" at line 1, column 2"));
  EXPECT_EQ(refusal(""), of_file("expected at least one row of numbers, got an empty file"));
  EXPECT_EQ(refusal("\n \n\r\n"), of_file("expected at least one row of numbers, got an empty file"));
  EXPECT_EQ(refusal("a,b\n"), of_file("expected at least one row of numbers, got only a header"));
  EXPECT_EQ(refusal("1,2\n", {.header = true}), of_file("expected at least one row of numbers, got only a header"));
  EXPECT_EQ(refusal("a,b\n1,2\n", {.header = false}), in_file("expected a number, got \"a\" at line 1, column 1"));
  EXPECT_EQ(refusal("1\n2\n"), of_file("expected a column that is no target, got 1 in all"));
  EXPECT_EQ(refusal(std::string((1 << 24) + 1, '1')),
            in_file("expected lines of at most 16777216 bytes, got more at line 1"));
}

TEST_F(LoadCsv, RefusesTargetsThatAreNotThere) {
  const std::string table = "a,b,a\n1,2,3\n";
  EXPECT_EQ(refusal(table, {.targets = {"c"}}), of_file("expected one column named \"c\" for the target, got 0"));
  EXPECT_EQ(refusal(table, {.targets = {"a"}}), of_file("expected one column named \"a\" for the target, got 2"));
  EXPECT_EQ(refusal("1,2\n", {.targets = {"a"}}),
            of_file("expected a header that names the target \"a\", got a first line of numbers"));
  EXPECT_EQ(refusal(table, {.targets = {3}}), of_file("expected a target column from -3 to 2, got 3"));
  EXPECT_EQ(refusal(table, {.targets = {-4}}), of_file("expected a target column from -3 to 2, got -4"));
  EXPECT_EQ(refusal(table, {.targets = {"b", 1}}), of_file("expected each target once, got column 2 twice"));
  EXPECT_EQ(refusal(table, {.targets = {0, 1, 2}}), of_file("expected a column that is no target, got 3 in all"));
  EXPECT_EQ(refusal(table, {.targets = {}}), "[load_csv] expected at least one target column, got none");
  EXPECT_EQ(refusal(table, {.targets = {0, 1}, .labels = true}),
            "[load_csv] expected one target column for labels, got 2");
}

TEST_F(LoadCsv, RefusesOptionsThatMakeNoSense) {
  for (const DType dtype : {int32, uint8, bfloat16})
    EXPECT_EQ(refusal("1,2\n", {.dtype = dtype}),
              text_of("[load_csv] expected the dtype float32 or float64, got ", dtype));
  for (const char separator : {'.', '"', ' ', '\n', 'e', '1'})
    EXPECT_NE(refusal("1,2\n", {.separator = separator}).find("expected the separator , ; | : or a tab, got"),
              std::string::npos);
}

TEST_F(LoadCsv, SaysWhichFileCannotBeRead) {
  EXPECT_EQ(error_of([&] { data::load_csv(path("none.csv")); }),
            "[load_csv] " + path("none.csv") + ": expected a readable file, got No such file or directory");
  EXPECT_EQ(error_of([&] { data::load_csv(directory_.string()); }),
            "[load_csv] " + directory_.string() + ": expected a regular file, got something else");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);  // opening it would wait for a writer
  EXPECT_EQ(error_of([&] { data::load_csv(path("pipe")); }),
            "[load_csv] " + path("pipe") + ": expected a regular file, got something else");
}

}  // namespace
}  // namespace ramp
