#include "ramp/core/data/find.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "ramp/core/error.h"

namespace ramp::data {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value ? value : "";
}

std::vector<fs::path> usual_places(const std::string& name) {
  std::vector<fs::path> places;
  const auto add = [&](const fs::path& place) {
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  };
  // The more telling path first: a directory of one data set may well hold others.
  if (const std::string data = environment("RAMP_DATA"); !data.empty()) {
    add(fs::path(data) / name);
    add(data);
  }
  std::error_code error;
  if (fs::path here = fs::current_path(error); !error) {
    add(here / "data" / name);
    for (;; here = here.parent_path()) {
      add(here / "examples" / "data" / name);
      if (here == here.parent_path()) break;
    }
  }
#ifdef RAMP_SOURCE_DIR
  add(fs::path(RAMP_SOURCE_DIR) / "examples" / "data" / name);
#endif
  if (const std::string home = environment("HOME"); !home.empty()) add(fs::path(home) / ".cache" / "ramp" / name);
  add(fs::path("/usr/share/datasets") / name);
  return places;
}

/// What keeps a directory from being a data set; empty when nothing does.
std::string lack(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) return "no such directory";
  for (const char* stem : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"})
    if (find_idx(directory.string(), stem).empty()) return std::string("has no ") + stem + "-ubyte";
  return "";
}

std::string remedy(const std::string& name) {
  if (name == "mnist-10k") return "It lies in examples/data/mnist-10k of ramp's source.";
  std::string text = "Get it with `examples/data/download " + name + "`";
  if (name == "fashion-mnist") text += " or, on Debian, `apt install dataset-fashion-mnist`";
  return text + ".";
}

}  // namespace

std::string find_idx(const std::string& directory, const std::string& stem) {
  std::string dotted = stem;
  dotted.at(stem.rfind('-')) = '.';
  for (const std::string& name : {stem, dotted})
    for (const char* ending : {"-ubyte", "-ubyte.gz"}) {
      const fs::path path = fs::path(directory) / (name + ending);
      std::error_code error;
      if (fs::is_regular_file(path, error)) return path.string();
    }
  return "";
}

std::string find(const std::string& name, const std::string& directory) {
  if (name != "mnist-10k" && name != "mnist" && name != "fashion-mnist")
    fail("find", "expected the data set mnist-10k, mnist or fashion-mnist, got ", name);
  std::string tried;
  for (const fs::path& place : directory.empty() ? usual_places(name) : std::vector<fs::path>{directory}) {
    const std::string reason = lack(place);
    if (reason.empty()) return place.string();
    tried += "\n  " + place.string() + ": " + reason;
  }
  fail("find", "expected the four files of ", name,
       " ({train,t10k}-{images-idx3,labels-idx1}-ubyte, plain or .gz) in one directory, got none that has them:", tried,
       '\n', remedy(name), directory.empty() ? " Files that lie elsewhere: --data DIR or RAMP_DATA=DIR." : "");
}

}  // namespace ramp::data
