// How a layer prints itself.

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <set>
#include <typeinfo>

#include "ramp/core/text.h"
#include "ramp/layers/layer.h"

namespace ramp {

std::string Layer::describe() const {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 ? demangled.get() : typeid(*this).name();
  name = name.substr(0, name.find('<'));
  const size_t scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

std::string Layer::summary() const {
  require_whole();
  TextRows rows{{"name", "layer", "parameters"}, {}};
  std::set<const Array*> seen;
  int64_t total = 0;
  visit("", [&](const std::string& path, const Layer& layer) {
    int64_t own_total = 0;
    for (const auto& own : layer.parameters_)
      if (own->tensor.defined() && seen.insert(&own->tensor.array()).second) own_total += own->tensor.numel();
    const bool only_holds_others = layer.parameters_.empty() && !layer.children_.empty();
    rows.push_back({path, layer.describe(), only_holds_others ? "" : with_separators(own_total)});
    total += own_total;
  });
  rows.push_back({});
  rows.push_back({"total", "", with_separators(total)});
  int64_t buffered = 0;
  for (const Buffer& buffer : buffers()) buffered += buffer.tensor.numel();
  if (buffered > 0) rows.push_back({"buffers", "", with_separators(buffered)});

  constexpr size_t columns = 80, gap = 2, longest_name = 30;
  std::vector<size_t> widths = column_widths(rows);
  widths[0] = std::min(widths[0], longest_name);
  widths[1] = std::min(widths[1], columns - widths[0] - widths[2] - 2 * gap);
  return text_table(rows, widths, 2, gap);
}

std::ostream& operator<<(std::ostream& out, const Layer& layer) { return out << layer.summary(); }

}  // namespace ramp
