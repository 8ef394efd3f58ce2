#include "studies/support/table.h"

#include <ramp/core/error.h>
#include <algorithm>

namespace studies {
namespace {

/// Characters, not bytes: continuation bytes of UTF-8 take no room.
size_t width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

void Table::row(std::vector<std::string> cells) {
  const size_t columns = rows_.front().size();
  if (cells.size() != columns) ramp::fail("table", "expected ", columns, " cells, got ", cells.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));

  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - width(row[i]), ' ');
      line += i == 0 ? row[i] + space : "  " + space + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
    if (&row != &rows_.front()) continue;
    size_t rule = 2 * (widths.size() - 1);
    for (const size_t w : widths) rule += w;
    text += std::string(rule, '-') + '\n';
  }
  return text;
}

}  // namespace studies
