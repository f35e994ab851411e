#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "csm/validate/plot.h"

namespace csm::validate {

/// Colours of one kind of page, as #rrggbb.
struct PlotTheme {
  const char* name;
  const char* background;
  const char* text;
  const char* grid;
  std::array<const char*, 3> series;
  std::array<const char*, 5> palette;  ///< evenly spaced, low to high
  const char* dark_label;              ///< on bright cells
  const char* bright_label;            ///< on dark cells
  const char* hatch;                   ///< of cells without a value
  const char* mark;                    ///< around a marked cell
};

/// Size of a picture in pixels of the page that shows it.
struct PlotLayout {
  const char* suffix;  ///< of the file's name, before the theme's
  int width, height;
  double font;  ///< size of text, px
  bool narrow;  ///< a phone's screen: legend and colours below the picture
};

/// Bounds of the drawing area; gnuplot's own guesses cut text off.
struct PlotMargins {
  double left, right, top, bottom;  ///< px from the picture's edges
};

/// The finite values among those that were added.
struct PlotRange {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool empty() const { return low > high; }
  [[nodiscard]] bool flat() const { return low >= high; }
  [[nodiscard]] double share(double value) const {
    return flat() ? 0.5 : (value - low) / (high - low);
  }
};

/// One quoted gnuplot string: no escapes, no substitution.
[[nodiscard]] std::string quoted(const std::string& text);

/// A number that gnuplot reads; NaN if it is not finite.
[[nodiscard]] std::string plot_number(double value);

/// `text` as a gnuplot string of lines of at most `n_chars`, broken at spaces.
[[nodiscard]] std::string wrapped(const std::string& text, std::size_t n_chars);

/// Number of lines that wrapped() makes.
[[nodiscard]] int wrapped_lines(const std::string& text, std::size_t n_chars);

/// Characters of a title that fit across the picture.
[[nodiscard]] std::size_t title_chars(const PlotLayout& layout);

/// Text around a point, px from the lower left corner. Unlike gnuplot's own
/// names of axes it is at the same place in PNG and SVG.
[[nodiscard]] std::string centred_text(const std::string& text,
                                       const PlotLayout& layout, double x,
                                       double y);

/// gnuplot's commands for title, axis names and drawing area.
[[nodiscard]] std::string plot_frame(const std::string& title,
                                     const std::string& x_label,
                                     const std::string& y_label,
                                     const PlotLayout& layout,
                                     const PlotMargins& margins);

/// gnuplot's commands for one picture, without terminal and output.
///
/// point  size of a font unit of the terminal, px
[[nodiscard]] std::string line_script(const LinePlot& plot,
                                      const PlotTheme& theme,
                                      const PlotLayout& layout, double point);
[[nodiscard]] std::string heat_script(const HeatMap& map,
                                      const PlotTheme& theme,
                                      const PlotLayout& layout, double point);

}  // namespace csm::validate
