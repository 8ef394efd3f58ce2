#pragma once
// Figures, drawn by gnuplot: panels side by side, lines with their names beside them.

#include <optional>
#include <string>
#include <vector>

namespace studies {

/// One colour for each activation in all studies: "relu", "leaky_relu", "prelu", "rrelu", "elu", "selu", "gelu",
/// "tanh", "sigmoid", "softplus"; "grey" for the rest. From Okabe & Ito's set, which colour-blind readers can tell
/// apart, the light ones darkened for white paper. Throws ramp::Error for other names.
std::string color(const std::string& name);

struct Point {
  double x, y;
  double error = 0;  ///< half the height of the error bar (of a band, where a line has many points)
};

enum class Mark { line, points, bars };

/// What is drawn in one colour, with its name at its right end in that colour (bars have their name below:
/// Axis::names).
struct Series {
  std::string name;
  std::string color;  ///< of color()
  std::vector<Point> points;
  Mark mark = Mark::line;
  bool dashed = false;  ///< to tell two of one colour apart, and for what was not measured
};

struct Axis {
  std::string title;  ///< with the unit
  bool log = false;   ///< points at 0 and below are left out then
  std::optional<double> from = {}, to = {};
  std::vector<std::string> names = {};  ///< of the ticks at 0, 1, 2, ...
  std::vector<double> ticks = {};       ///< where numbers stand, if not where gnuplot or the logarithm puts them
};

struct Panel {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
};

struct Figure {
  std::string title;  ///< the finding
  std::vector<Panel> panels;
  std::string note = {};  ///< small, below: on what data, how many seeds, what the error bars are
  int width = 960, height = 440;
};

/// Writes `path`.svg and `path`.png. False when there is no gnuplot; throws ramp::Error when it fails.
bool draw(const Figure& figure, const std::string& path);

}  // namespace studies
