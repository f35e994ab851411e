#include "cli/bench_roofline.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "cli/bench_report.h"
#include "cli/console.h"
#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/plot.h"
#include "csm/validate/process.h"

namespace csm::cli {
namespace {

constexpr double kGiga = 1e9;
constexpr double kMilli = 1e3;

// One stage: what it computes and reads in how long, and its mark.
struct Point {
  std::string name;
  double operations;
  double bytes;
  double seconds;
  int mark;  // gnuplot's point type
  const char* colour;

  [[nodiscard]] double intensity() const { return operations / bytes; }
  [[nodiscard]] double speed() const { return operations / seconds / kGiga; }
};

std::vector<Point> points(const BenchPlan& plan, const BenchResult& result) {
  const engine::ModelCost& cost = result.cost;
  const int n = plan.n_streams;
  const auto median = [&](auto value) {
    return spread_of(result, value).median;
  };
  const auto twice = [n](std::int64_t macs) {
    return 2.0 * n * static_cast<double>(macs);
  };
  const auto reads = [](std::int64_t bytes) {
    return static_cast<double>(bytes);
  };
  constexpr int kSquare = 5, kCircle = 7, kTriangle = 9, kRing = 6, kStar = 11;
  return {
      {"backbone", twice(cost.backbone_macs),
       reads(cost.backbone_step_bytes(n)),
       median([](const auto& r) { return r.step.backbone; }), kSquare,
       "#0072b2"},
      {"depth decoder", twice(cost.depth_macs), reads(cost.depth_step_bytes(n)),
       median([](const auto& r) { return r.step.depth; }), kCircle, "#d55e00"},
      {"language model, all included",
       twice(cost.backbone_macs + cost.depth_macs), reads(cost.step_bytes(n)),
       median([](const auto& r) { return r.lm(); }), kRing, "#1f2933"},
      {"codec", twice(cost.codec_macs), reads(cost.codec_bytes),
       median([](const auto& r) { return r.step.codec; }), kTriangle,
       "#009e73"},
      {str_cat("prefill of ", plan.n_prompt, " positions"),
       prefill_operations(plan, result), reads(cost.backbone_bytes),
       median([](const auto& r) { return r.prefill; }), kStar, "#cc79a7"}};
}

// One quoted gnuplot string.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

// The limit is bandwidth times intensity, up to the peak.
std::string limit_line(double bandwidth, double peak) {
  return str_cat(
      "plot (x * ", bandwidth / kGiga, " < ", peak / kGiga, " ? x * ",
      bandwidth / kGiga, " : ", peak / kGiga,
      ") with lines lw 2.5 lc rgb '#6b7785' title ",
      quoted(str_cat("limit: ", fixed(bandwidth / kGiga, 1), " GB/s read, ",
                     fixed(peak / kGiga, 0), " Gop/s multiply-add")));
}

std::string script(const BenchPlan& plan, const BenchResult& result,
                   const std::filesystem::path& picture) {
  const double bandwidth =
      spread_of(result, [](const auto& r) { return r.bandwidth(); }).median;
  const double peak =
      spread_of(result, [](const auto& r) { return r.peak; }).median;
  constexpr double kLeft = 0.25;
  constexpr double kRoom = 4;
  double right = kRoom * peak / bandwidth;
  double low = kLeft * bandwidth / kGiga;
  std::string data;
  std::string plots = limit_line(bandwidth, peak);
  for (const Point& p : points(plan, result)) {
    right = std::max(right, kRoom * p.intensity());
    low = std::min(low, p.speed() / kRoom);
    plots += str_cat(
        ", '-' using 1:2 with points pt ", p.mark, " ps 2 lw 1.5 lc rgb '",
        p.colour, "' title ",
        quoted(str_cat(p.name, ": ", fixed(p.seconds * kMilli, 1), " ms")));
    data += str_cat(p.intensity(), " ", p.speed(), "\ne\n");
  }
  const std::string title =
      str_cat("A frame of ", model_label(plan), " at ",
              engine::to_string(plan.model.weight_type), ", ", result.threads,
              result.threads == 1 ? " thread, " : " threads, ", result.isa);
  return str_cat(
      "set terminal pngcairo size 1800,1000 fontscale 2 linewidth 2 "
      "background '#ffffff' font 'DejaVu Sans,12'\nset output ",
      quoted(picture.string()), "\nset encoding utf8\nset title ",
      quoted(title), " noenhanced\nset xlabel ",
      quoted("operations for each byte of weights read"),
      "\nset ylabel 'billion operations a second'\nset logscale xy\nset format "
      "xy '%g'\n"
      "set samples 1000\nset border 3\nset tics nomirror\n"
      "set grid lc rgb '#c9d1da' lw 0.5 dt 1\nset xrange [",
      kLeft, ":", right, "]\nset yrange [", low, ":", 2 * peak / kGiga,
      "]\nset key right bottom Left reverse samplen 2 noenhanced\n", plots,
      "\n", data);
}

std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

void check_roofline(const std::filesystem::path& file) {
  if (file.extension() != ".png") {
    throw UsageError(
        str_cat("--roofline: expected a name ending in .png, got '",
                file.string(), "'"));
  }
  validate::Plotter({}).check();
}

void draw_roofline(const BenchPlan& plan, const BenchResult& result,
                   const std::filesystem::path& file) {
  const validate::TempFolder temp;
  const auto picture = temp.path() / "roofline.png";
  const auto commands = temp.path() / "roofline.gp";
  std::ofstream(commands) << script(plan, result, picture);
  const auto ended = validate::run_process("gnuplot", {commands.string()});
  if (ended.exit_status != 0) {
    throw Error(ErrorCode::kBackend, str_cat("[cli.bench] gnuplot failed: ",
                                             ended.last_error, " (roofline)"));
  }
  write_file_atomically(file, read_all(picture));
}

}  // namespace csm::cli
