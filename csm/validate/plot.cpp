#include "csm/validate/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <limits>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/process.h"

namespace csm::validate {

/// Colours of one kind of page.
struct Plotter::Theme {
  const char* name;
  const char* background;
  const char* text;
  const char* grid;
  std::array<const char*, 4> series;
  const char* palette;
  const char* low_label;   // on cells of low value
  const char* high_label;  // on cells of high value
};

namespace {

constexpr const char* kLightPalette =
    "0 '#f4f8fc', 0.25 '#c3dcf0', 0.5 '#7fb4dc', 0.75 '#3a80bd', 1 '#0b4a8a'";
constexpr const char* kDarkPalette =
    "0 '#13202e', 0.25 '#1d4468', 0.5 '#2f75ac', 0.75 '#6db1e0', 1 '#d8ecfb'";

// One quoted gnuplot string: no escapes, no enhanced markup.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::string number(double value) {
  return std::isfinite(value) ? str_cat(std::setprecision(10), value) : "NaN";
}

std::string tics(const char* axis, const std::vector<std::string>& names) {
  std::string out = str_cat("set ", axis, "tics (");
  for (std::size_t idx = 0; idx < names.size(); ++idx) {
    out += str_cat(idx == 0 ? "" : ", ", quoted(names[idx]), " ", idx);
  }
  return out + ") nomirror scale 0\n";
}

const char* look_of(Series::Look look) {
  switch (look) {
    case Series::Look::kLine:
      return "with lines lw 2.5 dt 1";
    case Series::Look::kPoints:
      return "with points pt 7 ps 0.7";
    case Series::Look::kRings:
      return "with points pt 6 ps 0.9 lw 1.5";
    case Series::Look::kLinePoints:
      return "with linespoints lw 2.5 dt 1 pt 7 ps 0.7";
    case Series::Look::kDashed:
      return "with lines lw 2.5 dt 2";
  }
  return "with lines";
}

std::string data_block(const Series& series, std::size_t idx) {
  std::string out = str_cat("$series", idx, " << EOD\n");
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    out += number(series.x[i]) + " " + number(series.y[i]) + "\n";
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

double middle_value(const HeatMap& map) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const auto& row : map.values) {
    for (const double value : row) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  return (low + high) / 2.0;
}

std::string heat_data(const HeatMap& map) {
  std::string out = "$grid << EOD\n";
  for (std::size_t row = 0; row < map.rows.size(); ++row) {
    for (std::size_t column = 0; column < map.columns.size(); ++column) {
      out += str_cat(column, " ", row, " ", number(map.values[row][column]),
                     " \"", map.labels[row][column], "\"\n");
    }
  }
  return out + "EOD\n";
}

std::string line_data(const LinePlot& plot) {
  std::string out;
  for (std::size_t idx = 0; idx < plot.series.size(); ++idx) {
    out += data_block(plot.series[idx], idx);
  }
  return out;
}

std::string labels(const std::string& title, const std::string& x,
                   const std::string& y) {
  return str_cat("set title ", quoted(title), " noenhanced\nset xlabel ",
                 quoted(x), " noenhanced\nset ylabel ", quoted(y),
                 " noenhanced\n");
}

}  // namespace

Plotter::Plotter(std::filesystem::path folder, std::string gnuplot)
    : folder_(std::move(folder)), gnuplot_(std::move(gnuplot)) {}

void Plotter::check() const {
  try {
    if (run_process(gnuplot_, {"--version"}).exit_status == 0) return;
  } catch (const Error&) {
    // Said below, with the remedy.
  }
  throw Error(ErrorCode::kNotFound,
              str_cat("[validate.plot] expected gnuplot for the pictures of "
                      "the report, got no '",
                      gnuplot_, "' (package gnuplot-nox)"));
}

std::string Plotter::line_body(const void* plot, const Theme& theme) {
  const auto& line = *static_cast<const LinePlot*>(plot);
  const auto [low, high] = y_range(line);
  std::string out = labels(line.title, line.x_label, line.y_label);
  if (line.log_x) out += "set logscale x\n";
  if (line.log_y) out += "set logscale y\nset format y '%g'\n";
  const auto [left, right] = x_range(line);
  out += str_cat("set xrange [", number(left), ":", number(right), "]\n");
  out += str_cat("set yrange [", number(low), ":", number(high), "]\n");
  out += "set xtics nomirror\nset ytics nomirror\nset border 3\n";
  out += "set xlabel offset 0,0.4\nset bmargin 6.5\n";
  out += str_cat("set grid ytics lc rgb '", theme.grid, "' lw 1 dt 1\n");
  out += str_cat(
      "set key below center horizontal Left reverse samplen 3 "
      "height 0.6 textcolor rgb '",
      theme.text, "' noenhanced\n");
  for (std::size_t idx = 0; idx < line.series.size(); ++idx) {
    const Series& series = line.series[idx];
    const auto colour = static_cast<std::size_t>(series.colour);
    out += str_cat(idx == 0 ? "plot " : ", ", "$series", idx, " using 1:2 ",
                   look_of(series.look), " lc rgb '", theme.series.at(colour),
                   "' title ", quoted(series.name));
  }
  return out + "\n";
}

std::string Plotter::heat_body(const void* map, const Theme& theme) {
  const auto& heat = *static_cast<const HeatMap*>(map);
  const std::string middle = number(middle_value(heat));
  std::string out = labels(heat.title, heat.x_label, heat.y_label);
  out += tics("x", heat.columns) + tics("y", heat.rows);
  out += str_cat("set xrange [-0.5:", heat.columns.size() - 1, ".5]\n");
  out += str_cat("set yrange [-0.5:", heat.rows.size() - 1, ".5]\n");
  out += str_cat("set cblabel ", quoted(heat.value_label),
                 " noenhanced\nset palette defined (", theme.palette,
                 ")\nunset key\nset border 0\n");
  const auto cell_labels = [&](const char* test, const char* colour) {
    return str_cat(
        ", $grid using 1:2:($3 ", test, " ", middle,
        " ? strcol(4) : '') with labels noenhanced offset 0,0.25 font ',11' "
        "textcolor rgb '",
        colour, "'");
  };
  return out + "plot $grid using 1:2:3 with image pixels" +
         cell_labels("<=", theme.low_label) +
         cell_labels(">", theme.high_label) + "\n";
}

void Plotter::render(const std::string& name, const std::string& data,
                     std::string (*body)(const void*, const Theme&),
                     const void* plot) const {
  static constexpr std::array<Theme, 2> kThemes = {
      {{"light",
        "#ffffff",
        "#1f2933",
        "#c9d1da",
        {"#0072b2", "#d55e00", "#6b7785", "#009e73"},
        kLightPalette,
        "#1f2933",
        "#ffffff"},
       {"dark",
        "#161b22",
        "#e6edf3",
        "#3d4754",
        {"#56b4e9", "#f0a04b", "#98a4b3", "#3fcf9f"},
        kDarkPalette,
        "#e6edf3",
        "#0d1117"}}};
  std::string script = "set encoding utf8\n" + data;
  for (const Theme& theme : kThemes) {
    const std::string base = (folder_ / (name + "-" + theme.name)).string();
    const auto output = [&](const char* terminal, const char* suffix) {
      return str_cat("reset\n", terminal, " background '", theme.background,
                     "'\nset output ", quoted(base + suffix),
                     "\nset style line 1 lc rgb '", theme.text,
                     "'\nset border lc rgb '", theme.text,
                     "'\nset tics textcolor rgb '", theme.text,
                     "'\nset title textcolor rgb '", theme.text,
                     "'\nset xlabel textcolor rgb '", theme.text,
                     "'\nset ylabel textcolor rgb '", theme.text,
                     "'\nset cblabel textcolor rgb '", theme.text, "'\n",
                     body(plot, theme), "unset output\n");
    };
    script +=
        output("set terminal svg size 900,500 font 'DejaVu Sans,13'", ".svg");
    script += output(
        "set terminal pngcairo size 1800,1000 fontscale 2 "
        "linewidth 2 font 'DejaVu Sans,12'",
        ".png");
  }
  const TempFolder temp;
  const auto file = temp.path() / "plot.gp";
  std::ofstream(file) << script;
  const auto result = run_process(gnuplot_, {file.string()});
  if (result.exit_status != 0) {
    throw Error(ErrorCode::kBackend,
                str_cat("[validate.plot] gnuplot failed: ", result.last_error,
                        " (", name, ")"));
  }
}

void Plotter::draw(const std::string& name, const LinePlot& plot) const {
  render(name, line_data(plot), &Plotter::line_body, &plot);
}

void Plotter::draw(const std::string& name, const HeatMap& map) const {
  render(name, heat_data(map), &Plotter::heat_body, &map);
}

}  // namespace csm::validate
