#include <algorithm>

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

// Room beyond the data: of a logarithmic axis a factor, otherwise a share of
// the range, and no less than `least`.
struct Air {
  double factor, share, least;
};

// The range of an axis; gnuplot's own hides a line at 1.
PlotRange with_air(const PlotRange& data, bool logarithmic, const Air& air) {
  if (data.empty()) return {0.0, 1.0};
  if (logarithmic) return {data.low / air.factor, data.high * air.factor};
  const double wide = std::max((data.high - data.low) * air.share, air.least);
  return {data.low - wide, data.high + wide};
}

PlotRange y_range(const LinePlot& plot) {
  PlotRange data;
  for (const Series& series : plot.series) {
    for (const double y : series.y) {
      if (!plot.log_y || y > 0.0) data.add(y);
    }
  }
  return with_air(data, plot.log_y, {2.0, 0.08, 1e-3});
}

PlotRange x_range(const LinePlot& plot) {
  PlotRange data;
  for (const Series& series : plot.series) {
    for (const double x : series.x) data.add(x);
  }
  return with_air(data, plot.log_x, {1.15, 0.03, 0.1});
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
  const auto range = [&](const char* axis, const PlotRange& bounds) {
    return str_cat("set ", axis, "range [", plot_number(bounds.low), ":",
                   plot_number(bounds.high), "]\n");
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
