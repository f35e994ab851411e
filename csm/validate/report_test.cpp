#include "csm/validate/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/html.h"
#include "csm/validate/process.h"
#include "csm/validate/speech_sweep.h"
#include "csm/validate/testing.h"

namespace csm::validate {
namespace {

OrderedJson small_results() {
  const LogitRows rows = bell_rows(3, 2, 60, 56, 64);
  sampling::SamplerOptions options;
  options.n_valid_codes = 56;
  MeasureOptions measure_options;
  measure_options.n_draws = 100;
  measure_options.n_permutations = 19;
  measure_options.curve = {10, 100};
  measure_options.breakdown = true;
  OrderedJson setting = measure(rows, options, measure_options, csm_sampler());
  setting["sampler"] = "torch-f32";
  OrderedJson results = {{"mode", "quick"}, {"version", "<test>"}, {"seed", 1}};
  results["settings"].push_back(setting);
  results["sweep"] = {setting, setting};
  results["sweep"][1]["temperature"] = 1.0;
  results["speech"] = {
      {"sentences", 3}, {"speakers", 2}, {"flite_word_error_rate", 0.25}};
  OrderedJson& speech = results["sweep"][0]["speech"];  // the other has none
  for (const SpeechMeasure& measure : kSpeechMeasures) {
    for (const std::string end : {"", "_to_best"}) {
      speech[measure.key + end] = 0.625;
      speech[measure.key + end + "_95"] = {0.5, 0.75};
    }
  }
  return results;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Base64, PublishedVectors) {  // RFC 4648, section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(HtmlEscape, LeavesNoMarkup) {
  EXPECT_EQ(html_escape("<a href=\"x\">&"),
            "&lt;a href=&quot;x&quot;&gt;&amp;");
}

TEST(ResultsCsv, HasALineForEverySettingAndCell) {
  const std::string csv = results_csv(small_results());
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4);
  EXPECT_NE(csv.find("\nsettings,torch-f32,0.8,100,100,6,1.0,0,0,1.0,"),
            std::string::npos)
      << csv;
  EXPECT_NE(csv.find(",0.625,0.625,0.625,0.625,0.625\n"), std::string::npos)
      << csv;
}

TEST(WriteReport, MakesAPageThatNeedsNothingElse) {
  const TempFolder folder;
  const Check failed = {"<cell>", "match.defects", 3.0, "<= 0", false};
  write_report(folder.path() / "report", small_results(), {failed});
  const std::string page = read(folder.path() / "report/index.html");
  EXPECT_NE(page.find("FAILED: 0 of 1 checks"), std::string::npos);
  EXPECT_NE(page.find("3 at &lt;cell&gt;"), std::string::npos);
  EXPECT_NE(page.find("csm &lt;test&gt;"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_NE(page.find("<td>62.5 (50.0 to 75.0)</td>"), std::string::npos);
  for (const char* name :
       {"token-frequency", "sample-size", "by-codebook", "by-frame",
        "grid-similarity", "grid-kl", "grid-entropy", "grid-word_error_rate",
        "grid-eos_rate", "grid-duration_ratio", "grid-duration_error_s",
        "grid-mcd_db"}) {
    for (const char* suffix :
         {"-light.png", "-dark.svg", "-narrow-dark.png", "-narrow-light.svg"}) {
      const auto path = folder.path() / "report" / (name + std::string(suffix));
      EXPECT_GT(read(path).size(), 1000U) << path;
    }
  }
  EXPECT_NE(read(folder.path() / "report/results.json").find("\"settings\""),
            std::string::npos);
}

HeatMap small_map() {
  return {.title = "t",
          .x_label = "x",
          .y_label = "y",
          .value_label = "v",
          .columns = {"1", "2"},
          .rows = {"a", "b"},
          .values = {{1.0, std::nan("")}, {2.0, 3.0}},
          .labels = {{"one", ""}, {"two", "three"}},
          .notes = {{"(1)", ""}, {"(2)", "(3)"}}};
}

std::string drawn(const HeatMap& map, const char* variant) {
  const TempFolder folder;
  Plotter(folder.path()).draw("map", map);
  return read(folder.path() / str_cat("map", variant, ".svg"));
}

TEST(Plotter, CellsWithoutAValueAreHatchedAndHaveNoText) {
  for (const char* variant :
       {"-light", "-dark", "-narrow-light", "-narrow-dark"}) {
    const std::string svg = drawn(small_map(), variant);
    EXPECT_EQ(svg.find("NaN"), std::string::npos);
    EXPECT_NE(svg.find("not measured"), std::string::npos);
    EXPECT_NE(svg.find("three"), std::string::npos);
    HeatMap whole = small_map();
    whole.values[0][1] = 4.0;
    whole.marked = {.row = 0, .column = 1};
    whole.mark_name = "here";
    const std::string full = drawn(whole, variant);
    EXPECT_EQ(full.find("not measured"), std::string::npos);
    EXPECT_NE(full.find("here"), std::string::npos);
  }
}

TEST(Plotter, TextThatWouldBeTooSmallIsLeftOut) {
  HeatMap map = small_map();
  map.columns.assign(40, "1");
  map.values.assign(2, std::vector<double>(40, 1.0));
  map.labels.assign(2, std::vector<std::string>(40, "0.123"));
  map.notes.assign(2, std::vector<std::string>(40, ""));
  EXPECT_EQ(drawn(map, "-narrow-light").find("0.123"), std::string::npos);
  map.columns.resize(4);
  for (auto& row : map.values) row.resize(4);
  EXPECT_NE(drawn(map, "-narrow-light").find("0.123"), std::string::npos);
}

TEST(Plotter, MapsWithoutValuesOrOfOneValueAreDrawn) {
  HeatMap map = small_map();
  for (auto& row : map.values) row.assign(2, std::nan(""));
  EXPECT_NE(drawn(map, "-light").find("not measured"), std::string::npos);
  for (auto& row : map.values) row.assign(2, 0.5);
  EXPECT_EQ(drawn(map, "-light").find("not measured"), std::string::npos);
}

TEST(Plotter, AMissingGnuplotIsAClearError) {
  try {
    Plotter(".", "csm-no-gnuplot").check();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find("gnuplot-nox"), std::string::npos);
  }
}

}  // namespace
}  // namespace csm::validate
