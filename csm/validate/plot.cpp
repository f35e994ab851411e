#include "csm/validate/plot.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/plot_parts.h"
#include "csm/validate/process.h"

namespace csm::validate {
namespace {

constexpr PlotTheme kThemes[] = {
    {"light",
     "#ffffff",
     "#1f2933",
     "#c9d1da",
     {"#0072b2", "#d55e00", "#009e73"},
     {"#f4f8fc", "#c3dcf0", "#7fb4dc", "#3a80bd", "#0b4a8a"},
     "#1f2933",
     "#ffffff",
     "#7b8794",
     "#d55e00"},
    {"dark",
     "#161b22",
     "#e6edf3",
     "#3d4754",
     {"#56b4e9", "#f0a04b", "#3fcf9f"},
     {"#13202e", "#1d4468", "#2f75ac", "#6db1e0", "#d8ecfb"},
     "#0d1117",
     "#ffffff",
     "#7d8896",
     "#f0a04b"}};

constexpr PlotLayout kLayouts[] = {{"", 900, 520, 14.0, false},
                                   {"-narrow", 360, 440, 12.0, true}};

// Pixels of the picture's file for one of the page's, for PNG.
constexpr int kPngScale = 2;
// The font unit of pngcairo, 1/72 inch of 96 pixels. That of svg is the pixel.
constexpr double kPngPoint = 96.0 / 72.0;

std::string colours(const PlotTheme& theme) {
  std::string out = str_cat("set border lc rgb '", theme.text,
                            "'\nset style line 1 lc rgb '", theme.text, "'\n");
  for (const char* part : {"tics", "title", "xlabel", "ylabel", "cblabel"}) {
    out += str_cat("set ", part, " textcolor rgb '", theme.text, "'\n");
  }
  return out;
}

std::string svg_terminal(const PlotLayout& layout) {
  return str_cat("set terminal svg size ", layout.width, ",", layout.height,
                 " font 'DejaVu Sans,", layout.font, "'");
}

std::string png_terminal(const PlotLayout& layout) {
  return str_cat("set terminal pngcairo size ", kPngScale * layout.width, ",",
                 kPngScale * layout.height, " fontscale ", kPngScale,
                 " linewidth ", kPngScale, " pointscale ", kPngScale,
                 " font 'DejaVu Sans,", layout.font / kPngPoint, "'");
}

// The lines of a text, broken at spaces as late as possible.
std::vector<std::string> broken(const std::string& text, std::size_t n_chars) {
  std::vector<std::string> lines = {""};
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (line.size() + 1 + word.size() <= n_chars) {
      line += " " + word;
    } else {
      lines.push_back(word);
    }
    begin = end + 1;
  }
  return lines;
}

// As few lines as possible, of about the same length.
std::vector<std::string> lines_of(const std::string& text,
                                  std::size_t n_chars) {
  auto lines = broken(text, n_chars);
  while (n_chars > 1) {
    auto narrower = broken(text, --n_chars);
    if (narrower.size() > lines.size()) break;
    lines = std::move(narrower);
  }
  return lines;
}

}  // namespace

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::string plot_number(double value) {
  return std::isfinite(value) ? str_cat(std::setprecision(10), value) : "NaN";
}

std::string wrapped(const std::string& text, std::size_t n_chars) {
  std::string out;
  for (const std::string& line : lines_of(text, n_chars)) {
    out += (out.empty() ? "" : ".\"\\n\".") + quoted(line);
  }
  return out;
}

int wrapped_lines(const std::string& text, std::size_t n_chars) {
  return static_cast<int>(lines_of(text, n_chars).size());
}

std::size_t title_chars(const PlotLayout& layout) {
  constexpr double kMeanWidth = 0.62;  // of a character, in font sizes
  return static_cast<std::size_t>(0.96 * layout.width /
                                  (kMeanWidth * layout.font));
}

std::string centred_text(const std::string& text, const PlotLayout& layout,
                         double x, double y) {
  return str_cat("set label ", quoted(text), " at screen ",
                 plot_number(x / layout.width), ",",
                 plot_number(y / layout.height),
                 " center noenhanced textcolor linestyle 1\n");
}

std::string plot_frame(const std::string& title, const std::string& x_label,
                       const std::string& y_label, const PlotLayout& layout,
                       const PlotMargins& margins) {
  const auto side = [](const char* name, double share) {
    return str_cat("set ", name, "margin at screen ", plot_number(share), "\n");
  };
  const double width = layout.width;
  const double height = layout.height;
  constexpr double kBelowAxis = 2.9;  // font sizes, with the tics between
  const double middle = 0.5 * (margins.left + width - margins.right);
  return str_cat("set title ", wrapped(title, title_chars(layout)),
                 " noenhanced\nset ylabel ", quoted(y_label), " noenhanced\n") +
         centred_text(x_label, layout, middle,
                      margins.bottom - kBelowAxis * layout.font) +
         side("l", margins.left / width) +
         side("r", 1.0 - margins.right / width) +
         side("t", 1.0 - margins.top / height) +
         side("b", margins.bottom / height);
}

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

template <class Plot, class Script>
void Plotter::render(const std::string& name, const Plot& plot,
                     Script script) const {
  std::string commands = "set encoding utf8\n";
  for (const PlotTheme& theme : kThemes) {
    for (const PlotLayout& layout : kLayouts) {
      const auto output = [&](const std::string& terminal, const char* type,
                              double point) {
        const auto path =
            folder_ / str_cat(name, layout.suffix, "-", theme.name, type);
        commands += str_cat(
            "reset\n", terminal, " background '", theme.background,
            "'\nset output ", quoted(path.string()), "\n", colours(theme),
            script(plot, theme, layout, point), "unset output\n");
      };
      output(svg_terminal(layout), ".svg", 1.0);
      output(png_terminal(layout), ".png", kPngPoint);
    }
  }
  const TempFolder temp;
  const auto file = temp.path() / "plot.gp";
  std::ofstream(file) << commands;
  const auto result = run_process(gnuplot_, {file.string()});
  if (result.exit_status != 0) {
    throw Error(ErrorCode::kBackend,
                str_cat("[validate.plot] gnuplot failed: ", result.last_error,
                        " (", name, ")"));
  }
}

void Plotter::draw(const std::string& name, const LinePlot& plot) const {
  render(name, plot, line_script);
}

void Plotter::draw(const std::string& name, const HeatMap& map) const {
  render(name, map, heat_script);
}

}  // namespace csm::validate
