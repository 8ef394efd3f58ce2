#pragma once
// Where the names of lines go: beside their right ends, one below the other without touching.

#include <string>
#include <vector>

#include "studies/support/figure.h"

namespace studies {

/// What an axis shows, from one end to the other.
struct Range {
  double from, to;
  bool log;
  /// The share of the axis that lies before the value.
  double share(double value) const;
  /// The value at a share of the axis: the inverse.
  double at(double share) const;
};

struct Label {
  std::string text, color;
  double height;      ///< of its middle, as a share of the panel's
  double across = 1;  ///< of its left end: 1 is beside the panel
};

/// A label for each named line or set of points, at the height of its last one: beside the panel, moved as little as
/// keeps `gap` between neighbours; or, where the line ends far from there, beside its last point.
std::vector<Label> place_labels(const Panel& panel, const Range& x, const Range& y, double gap);

}  // namespace studies
