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
  // The more specific path first: a directory of one data set may contain others.
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

/// The path of a stem's file, empty if there is none. Throws filesystem_error when the file system cannot tell.
std::string file_of(const fs::path& directory, const std::string& stem) {
  const size_t dash = stem.rfind('-');
  if (dash == std::string::npos) fail("find_idx", "expected a stem with a dash, as in train-images-idx3, got ", stem);
  std::string dotted = stem;
  dotted[dash] = '.';
  for (const std::string& name : {stem, dotted})
    for (const char* ending : {"-ubyte", "-ubyte.gz"})
      if (const fs::path path = directory / (name + ending); fs::is_regular_file(path)) return path.string();
  return "";
}

/// Why a directory is not a data set; empty if it is one.
std::string lack(const fs::path& directory) {
  try {
    if (!fs::is_directory(directory)) return "no such directory";
    for (const char* stem : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"})
      if (file_of(directory, stem).empty()) return std::string("has no ") + stem + "-ubyte";
    return "";
  } catch (const fs::filesystem_error& error) {
    return error.code().message();
  }
}

std::string remedy(const std::string& name) {
  if (name == "mnist-10k") return "It lies in examples/data/mnist-10k of ramp's source.";
  std::string text = "Get it with `examples/data/download " + name + "`";
  if (name == "fashion-mnist") text += " or, on Debian, `apt install dataset-fashion-mnist`";
  return text + ".";
}

}  // namespace

std::string find_idx(const std::string& directory, const std::string& stem) {
  try {
    return file_of(directory, stem);
  } catch (const fs::filesystem_error& error) {
    fail("find_idx", error.path1().string(), ": expected a path that can be followed, got ", error.code().message());
  }
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
