#include "studies/support/labels.h"

#include <algorithm>
#include <cmath>

namespace studies {

double Range::share(double value) const {
  return log ? std::log(value / from) / std::log(to / from) : (value - from) / (to - from);
}

double Range::at(double share) const { return log ? from * std::pow(to / from, share) : from + share * (to - from); }

std::vector<Label> place_labels(const Panel& panel, const Range& x, const Range& y, double gap) {
  std::vector<Label> labels, inside;
  for (const Series& series : panel.series) {
    if (series.name.empty() || series.mark == Mark::bars) continue;
    // The last point that is drawn.
    const auto shown = [&](const Point& p) {
      return std::isfinite(p.y) && (!y.log || p.y > 0) && p.x >= x.from && p.x <= x.to;
    };
    const auto last = std::find_if(series.points.rbegin(), series.points.rend(), shown);
    if (last == series.points.rend()) continue;
    const double across = x.share(last->x);
    const bool early = across < 0.8;
    (early ? inside : labels)
        .push_back({series.name, series.color, std::clamp(y.share(last->y), 0.0, 1.0), early ? across : 1});
  }
  std::stable_sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) { return a.height > b.height; });

  // Neighbours that touch become one group around the mean of their heights, until no two groups touch.
  struct Group {
    double middle;
    size_t size;
  };
  std::vector<Group> groups;
  for (const Label& label : labels) {
    groups.push_back({label.height, 1});
    while (groups.size() > 1) {
      const Group below = groups.back(), above = groups[groups.size() - 2];
      const auto sizes = static_cast<double>(above.size + below.size);
      if (above.middle - below.middle >= gap * sizes / 2) break;
      groups.pop_back();
      groups.back() = {
          (above.middle * static_cast<double>(above.size) + below.middle * static_cast<double>(below.size)) / sizes,
          above.size + below.size};
    }
  }
  size_t next = 0;
  for (const Group& group : groups)
    for (size_t i = 0; i < group.size; ++i)
      labels[next++].height = group.middle + gap * (static_cast<double>(group.size - 1) / 2 - static_cast<double>(i));
  labels.insert(labels.end(), inside.begin(), inside.end());
  return labels;
}

}  // namespace studies
