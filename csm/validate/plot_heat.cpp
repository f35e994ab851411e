#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "csm/base/str_cat.h"
#include "csm/validate/plot_parts.h"

namespace csm::validate {
namespace {

constexpr double kSmallestFont = 9.5;  // px; cells without room have no text
constexpr double kDigitWidth = 0.64;   // of DejaVu Sans, in font sizes
constexpr double kLineHeight = 1.25;   // in font sizes
constexpr double kHalfCell = 0.485;    // of a cell's place; the rest is a gap

PlotRange range_of(const HeatMap& map) {
  PlotRange range;
  for (const auto& row : map.values) {
    for (const double value : row) range.add(value);
  }
  return range;
}

bool has_gaps(const HeatMap& map) {
  return std::any_of(map.values.begin(), map.values.end(), [](const auto& row) {
    return std::any_of(row.begin(), row.end(),
                       [](double v) { return !std::isfinite(v); });
  });
}

std::array<double, 3> channels(std::string_view colour) {
  std::array<double, 3> rgb{};
  for (std::size_t c = 0; c < rgb.size(); ++c) {
    const std::string digits(colour.substr(1 + 2 * c, 2));
    rgb[c] = static_cast<double>(std::strtol(digits.c_str(), nullptr, 16));
  }
  return rgb;
}

// WCAG 2: relative luminance of 8-bit sRGB, and contrast of two.
double luminance(const std::array<double, 3>& rgb) {
  const auto linear = [](double c) {
    c /= 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) +
         0.0722 * linear(rgb[2]);
}

double contrast(double a, double b) {
  return (std::max(a, b) + 0.05) / (std::min(a, b) + 0.05);
}

// Luminance of the palette's colour at a share of its length.
double palette_luminance(const PlotTheme& theme, double share) {
  const double place = share * static_cast<double>(theme.palette.size() - 1);
  const auto low =
      std::min(static_cast<std::size_t>(place), theme.palette.size() - 2);
  const auto a = channels(theme.palette[low]);
  const auto b = channels(theme.palette[low + 1]);
  const double t = place - static_cast<double>(low);
  std::array<double, 3> rgb{};
  for (std::size_t c = 0; c < rgb.size(); ++c)
    rgb[c] = a[c] + t * (b[c] - a[c]);
  return luminance(rgb);
}

bool wants_bright_label(const PlotTheme& theme, double share) {
  const double cell = palette_luminance(theme, share);
  return contrast(cell, luminance(channels(theme.bright_label))) >
         contrast(cell, luminance(channels(theme.dark_label)));
}

std::size_t longest(const std::vector<std::vector<std::string>>& texts) {
  std::size_t size = 0;
  for (const auto& row : texts) {
    for (const std::string& text : row) size = std::max(size, text.size());
  }
  return size;
}

std::size_t longest(const std::vector<std::string>& texts) {
  return longest(std::vector<std::vector<std::string>>{texts});
}

/// Where things are, and the size of the cells' text.
struct Geometry {
  PlotMargins margins{};
  double cell_width = 0, cell_height = 0;  // px
  double label_font = 0;                   // px; 0: no text
  bool with_notes = false;
};

// The largest font, up to the picture's, at which text fits the cells; 0 if it
// would be too small to read.
double fitting_font(const Geometry& g, const PlotLayout& layout,
                    std::size_t n_chars, int n_lines) {
  if (n_chars == 0) return 0.0;
  const double by_width =
      0.92 * g.cell_width / (kDigitWidth * static_cast<double>(n_chars));
  const double by_height = 0.92 * g.cell_height / (kLineHeight * n_lines);
  const double font = std::min({layout.font, by_width, by_height});
  return font < kSmallestFont ? 0.0 : font;
}

int key_entries(const HeatMap& map) {
  return (has_gaps(map) ? 1 : 0) + (map.marked ? 1 : 0);
}

Geometry geometry_of(const HeatMap& map, const PlotLayout& layout) {
  const double font = layout.font;
  const double line = 1.5 * font;
  const double n_titles = wrapped_lines(map.title, title_chars(layout));
  // One below the other where the screen is narrow.
  const double n_key_lines =
      layout.narrow ? key_entries(map) : 1.3 * std::min(1, key_entries(map));
  Geometry g;
  g.margins.left =
      3.6 * font + kDigitWidth * font * static_cast<double>(longest(map.rows));
  g.margins.right = layout.narrow ? 1.6 * font : 9.5 * font;
  g.margins.top = line * (n_titles + 0.9);
  g.margins.bottom = line * (2.8 + (layout.narrow ? 3.2 : 0.0) + n_key_lines);
  g.cell_width = (layout.width - g.margins.left - g.margins.right) /
                 static_cast<double>(map.columns.size());
  g.cell_height = (layout.height - g.margins.top - g.margins.bottom) /
                  static_cast<double>(map.rows.size());
  const std::size_t label = longest(map.labels);
  const std::size_t note = longest(map.notes);
  if (note > 0) {
    g.label_font = fitting_font(g, layout, std::max(label, note), 2);
    g.with_notes = g.label_font > 0.0;
  }
  if (!g.with_notes) g.label_font = fitting_font(g, layout, label, 1);
  return g;
}

// Every name, or every n-th where they would touch. `size` of a name and
// `room` for it along the axis, px.
std::string tics(const char* axis, const std::vector<std::string>& names,
                 double size, double room) {
  const auto step = static_cast<std::size_t>(
      std::max(1.0, std::ceil(size / std::max(room, 1.0))));
  std::string out = str_cat("set ", axis, "tics (");
  for (std::size_t idx = 0; idx < names.size(); idx += step) {
    out += str_cat(idx == 0 ? "" : ", ", quoted(names[idx]), " ", idx);
  }
  return out + ") nomirror scale 0\n";
}

// Lines of column, row, value, text, whether the text is bright; the cells
// without a value; the marked cell.
std::string data_blocks(const HeatMap& map, const PlotTheme& theme,
                        const PlotRange& range, bool with_notes) {
  std::string grid = "$grid << EOD\n";
  std::string gaps = "$gaps << EOD\n";
  for (std::size_t row = 0; row < map.rows.size(); ++row) {
    for (std::size_t column = 0; column < map.columns.size(); ++column) {
      const double value = map.values[row][column];
      if (!std::isfinite(value)) {
        gaps += str_cat(column, " ", row, "\n");
        continue;
      }
      std::string text = map.labels[row][column];
      if (with_notes && !map.notes[row][column].empty()) {
        text += "\\n" + map.notes[row][column];
      }
      const bool bright = wants_bright_label(theme, range.share(value));
      grid += str_cat(column, " ", row, " ", plot_number(value), " \"", text,
                      "\" ", bright ? 1 : 0, "\n");
    }
  }
  std::string mark;
  if (map.marked) {
    mark = str_cat("$mark << EOD\n", map.marked->column, " ", map.marked->row,
                   "\nEOD\n");
  }
  return grid + "EOD\n" + gaps + "EOD\n" + mark;
}

// The step of 1, 2 or 5 times a power of ten that makes about n steps.
double step_of(const PlotRange& range, int n) {
  const double raw = (range.high - range.low) / n;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10.0 * power;
}

// The bar of colours: at the right, or below on a narrow picture.
std::string colour_box(const HeatMap& map, const PlotTheme& theme,
                       const PlotLayout& layout, const Geometry& g,
                       const PlotRange& range) {
  std::string out = "set palette defined (";
  for (std::size_t i = 0; i < theme.palette.size(); ++i) {
    out += str_cat(i == 0 ? "" : ", ", i, " '", theme.palette[i], "'");
  }
  out += ")\n";
  if (range.empty()) return out + "unset colorbox\nset cbrange [0:1]\n";
  const double widen =
      range.flat() ? 0.5 * std::max(1.0, std::abs(range.low)) : 0.0;
  out += str_cat("set cbrange [", plot_number(range.low - widen), ":",
                 plot_number(range.high + widen), "]\n");
  const std::string tics =
      range.flat() ? str_cat("(", plot_number(range.low), ")")
                   : plot_number(step_of(range, layout.narrow ? 4 : 6));
  out += str_cat("set cbtics ", tics, "\n");
  const double width = layout.width;
  const double height = layout.height;
  const double left = g.margins.left / width;
  const double bottom = g.margins.bottom / height;
  const double inner_width = 1.0 - left - g.margins.right / width;
  const double inner_height = 1.0 - bottom - g.margins.top / height;
  const double bar = layout.font;
  if (!layout.narrow) {
    return out + str_cat("set colorbox vertical user origin screen ",
                         1.0 - (g.margins.right - layout.font) / width, ",",
                         bottom, " size screen ", bar / width, ",",
                         inner_height, "\nset cblabel ",
                         quoted(map.value_label), " noenhanced\n");
  }
  const double y = g.margins.bottom - 5.0 * layout.font;
  out += str_cat("set colorbox horizontal user origin screen ", left, ",",
                 y / height, " size screen ", inner_width, ",", bar / height,
                 "\n");
  return out + centred_text(map.value_label, layout,
                            0.5 * (g.margins.left + width - g.margins.right),
                            y - 2.6 * layout.font);
}

std::string plot_command(const HeatMap& map, const PlotTheme& theme,
                         const PlotLayout& layout, const Geometry& g,
                         double point) {
  const std::string box = str_cat("(", kHalfCell, ")");
  const std::string at = " using 1:2:" + box + ":" + box;
  std::string out = str_cat("set style fill solid noborder\nplot $grid", at,
                            ":3 with boxxyerror fs solid noborder lc palette "
                            "notitle");
  if (has_gaps(map)) {
    out += str_cat(", $gaps", at,
                   " with boxxyerror fs transparent pattern 4 "
                   "border lw 0.5 lc rgb '",
                   theme.hatch, "' title 'not measured'");
  }
  if (map.marked) {
    out +=
        str_cat(", $mark", at, " with boxxyerror fs empty border lw 3 lc rgb '",
                theme.mark, "' title ", quoted(map.mark_name));
  }
  if (g.label_font <= 0.0) return out + "\n";
  // gnuplot centres the first line; the unit is the picture's line of text.
  const double raise = g.with_notes ? 0.5 * g.label_font / layout.font : 0.0;
  for (const int bright : {0, 1}) {
    out += str_cat(", $grid using 1:2:($5 == ", bright,
                   " ? strcol(4) : '') with labels noenhanced offset 0,", raise,
                   " font ',", g.label_font / point, "' textcolor rgb '",
                   bright == 1 ? theme.bright_label : theme.dark_label,
                   "' notitle");
  }
  return out + "\n";
}

}  // namespace

std::string heat_script(const HeatMap& map, const PlotTheme& theme,
                        const PlotLayout& layout, double point) {
  const PlotRange range = range_of(map);
  const Geometry g = geometry_of(map, layout);
  const double font = layout.font;
  std::string out = data_blocks(map, theme, range, g.with_notes);
  out += plot_frame(map.title, map.x_label, map.y_label, layout, g.margins);
  out +=
      tics("x", map.columns,
           kDigitWidth * font * static_cast<double>(longest(map.columns) + 1),
           g.cell_width);
  out += tics("y", map.rows, 1.1 * font, g.cell_height);
  out += str_cat("set xrange [-0.5:", map.columns.size() - 1, ".5]\n");
  out += str_cat("set yrange [-0.5:", map.rows.size() - 1, ".5]\n");
  out += colour_box(map, theme, layout, g, range) + "set border 0\n";
  if (key_entries(map) > 0) {
    out +=
        str_cat("set key at screen 0.5,0.015 bottom center ",
                layout.narrow ? "vertical maxcols 1" : "horizontal maxrows 1",
                " Left reverse samplen 1.5 width 1 textcolor rgb '", theme.text,
                "' noenhanced\n");
  } else {
    out += "unset key\n";
  }
  return out + plot_command(map, theme, layout, g, point);
}

}  // namespace csm::validate
