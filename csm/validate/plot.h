#pragma once

#include <filesystem>
#include <functional>
#include <optional>
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
  int colour = 0;  ///< 0 ours, 1 reference, 2 exact
};

/// A picture of curves.
struct LinePlot {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  std::vector<Series> series;
};

/// A picture of a grid; rows from bottom to top. Cells whose value is not
/// finite are hatched and have no text.
struct HeatMap {
  struct Place {
    std::size_t row, column;
  };

  std::string title, x_label, y_label, value_label;
  std::vector<std::string> columns, rows;
  std::vector<std::vector<double>> values;       ///< [rows][columns]
  std::vector<std::vector<std::string>> labels;  ///< written into the cells
  /// Second line of the cells' text, left out where there is no room; may be
  /// empty strings.
  std::vector<std::vector<std::string>> notes;
  std::optional<Place> marked = {};  ///< outlined
  std::string mark_name = {};        ///< what the outline means
};

/// Draws pictures with gnuplot, each as PNG and SVG, for light and for dark
/// pages, wide and for the screen of a phone: NAME-light.png,
/// NAME-narrow-light.png, NAME-light.svg and so on.
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
  template <class Plot, class Script>
  void render(const std::string& name, const Plot& plot, Script script) const;

  std::filesystem::path folder_;
  std::string gnuplot_;
};

}  // namespace csm::validate
