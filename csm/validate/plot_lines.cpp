#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "csm/base/str_cat.h"
#include "csm/validate/plot_parts.h"

namespace csm::validate {
namespace {

const char* look_of(Series::Look look) {
  switch (look) {
    case Series::Look::kLine:
      return "with lines lw 2.5 dt 1";
    case Series::Look::kPoints:
      return "with points pt 7 ps 0.5";
    case Series::Look::kRings:
      return "with points pt 6 ps 0.6 lw 1.5";
    case Series::Look::kLinePoints:
      return "with linespoints lw 2.5 dt 1 pt 7 ps 0.5";
    case Series::Look::kDashed:
      return "with lines lw 2.5 dt 2";
  }
  return "with lines";
}

std::string data_block(const Series& series, std::size_t idx) {
  std::string out = str_cat("$series", idx, " << EOD\n");
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    out += plot_number(series.x[i]) + " " + plot_number(series.y[i]) + "\n";
  }
  return out + "EOD\n";
}

// The y range, with air above and below; gnuplot's own hides a line at 1.
std::pair<double, double> y_range(const LinePlot& plot) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const Series& series : plot.series) {
    for (const double y : series.y) {
      if (!std::isfinite(y) || (plot.log_y && y <= 0.0)) continue;
      low = std::min(low, y);
      high = std::max(high, y);
    }
  }
  if (low > high) return {0.0, 1.0};
  if (plot.log_y) return {low / 2.0, high * 2.0};
  const double air = std::max((high - low) * 0.08, 1e-3);
  return {low - air, high + air};
}

// The x range of the data with a little air on both sides.
std::pair<double, double> x_range(const LinePlot& plot) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const Series& series : plot.series) {
    for (const double x : series.x) {
      low = std::min(low, x);
      high = std::max(high, x);
    }
  }
  if (low > high) return {0.0, 1.0};
  if (plot.log_x) return {low / 1.15, high * 1.15};
  const double air = std::max((high - low) * 0.03, 0.1);
  return {low - air, high + air};
}

// Room for the names of axes and series.
PlotMargins margins_of(const LinePlot& plot, const PlotLayout& layout) {
  const double line = 1.5 * layout.font;
  const double n_titles = wrapped_lines(plot.title, title_chars(layout));
  const double n_keys =
      layout.narrow ? static_cast<double>(plot.series.size()) : 1.0;
  return {.left = (layout.narrow ? 6.4 : 6.0) * layout.font,
          .right = 1.5 * layout.font,
          .top = line * (n_titles + 0.9),
          .bottom = line * (n_keys + 3.2)};
}

}  // namespace

std::string line_script(const LinePlot& plot, const PlotTheme& theme,
                        const PlotLayout& layout, double /*point*/) {
  std::string out;
  for (std::size_t idx = 0; idx < plot.series.size(); ++idx) {
    out += data_block(plot.series[idx], idx);
  }
  out += plot_frame(plot.title, plot.x_label, plot.y_label, layout,
                    margins_of(plot, layout));
  if (plot.log_x) out += "set logscale x\n";
  if (plot.log_y) out += "set logscale y\nset format y '%g'\n";
  const auto range = [&](const char* axis, std::pair<double, double> bounds) {
    return str_cat("set ", axis, "range [", plot_number(bounds.first), ":",
                   plot_number(bounds.second), "]\n");
  };
  out += range("x", x_range(plot)) + range("y", y_range(plot));
  out += "set xtics nomirror\nset ytics nomirror\nset border 3\n";
  out += str_cat("set grid ytics lc rgb '", theme.grid, "' lw 1 dt 1\n");
  out += str_cat("set key at screen 0.5,0.02 bottom center ",
                 layout.narrow ? "vertical maxcols 1" : "horizontal maxrows 1",
                 " Left reverse samplen 2 width -3 textcolor rgb '", theme.text,
                 "' noenhanced\n");
  for (std::size_t idx = 0; idx < plot.series.size(); ++idx) {
    const Series& series = plot.series[idx];
    const auto colour = static_cast<std::size_t>(series.colour);
    out += str_cat(idx == 0 ? "plot " : ", ", "$series", idx, " using 1:2 ",
                   look_of(series.look), " lc rgb '", theme.series.at(colour),
                   "' title ", quoted(series.name));
  }
  return out + "\n";
}

}  // namespace csm::validate
