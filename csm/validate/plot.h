#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace csm::validate {

/// One line or set of points of a picture.
struct Series {
  std::string name;
  std::vector<double> x, y;  ///< same length
  enum class Look {
    kLine,
    kPoints,
    kRings,
    kLinePoints,
    kDashed
  } look = Look::kLine;
  int colour = 0;  ///< 0 ours, 1 reference, 2 noise floor, 3 exact
};

/// A picture of curves.
struct LinePlot {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  std::vector<Series> series;
};

/// A picture of a grid; rows from bottom to top.
struct HeatMap {
  std::string title, x_label, y_label, value_label;
  std::vector<std::string> columns, rows;
  std::vector<std::vector<double>> values;       ///< [rows][columns]
  std::vector<std::vector<std::string>> labels;  ///< written into the cells
};

/// Draws pictures with gnuplot, each as PNG and SVG, for light and for dark
/// pages: NAME-light.png, NAME-light.svg, NAME-dark.png, NAME-dark.svg.
class Plotter {
 public:
  /// gnuplot  program, looked up in PATH
  Plotter(std::filesystem::path folder, std::string gnuplot = "gnuplot");

  /// Throws: Error{kNotFound} if gnuplot is missing, saying how to install it.
  void check() const;

  /// Throws: Error{kBackend} with gnuplot's message if it fails.
  void draw(const std::string& name, const LinePlot& plot) const;
  void draw(const std::string& name, const HeatMap& map) const;

 private:
  struct Theme;
  void render(const std::string& name, const std::string& data,
              std::string (*body)(const void*, const Theme&),
              const void* plot) const;
  static std::string line_body(const void* plot, const Theme& theme);
  static std::string heat_body(const void* map, const Theme& theme);

  std::filesystem::path folder_;
  std::string gnuplot_;
};

}  // namespace csm::validate
