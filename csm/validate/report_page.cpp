#include <array>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <map>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/html.h"
#include "csm/validate/report.h"
#include "csm/validate/setting.h"
#include "csm/validate/speech_sweep.h"

namespace csm::validate {
namespace {

// What one sees on a picture.
const std::map<std::string, const char*> kCaptions = {
    {"token-frequency",
     "All draws of the first setting pooled, codes sorted by their exact "
     "probability. Points scatter around the line by chance alone; a sampler "
     "that is wrong leaves it for a whole range of ranks."},
    {"sample-size",
     "Two samples of a finite size never look the same, even if PyTorch drew "
     "both: that is the noise floor. csm with noise of its own lies on it, and "
     "with PyTorch's noise it is PyTorch."},
    {"by-codebook",
     "Codebook 0 comes from the backbone, the others from the depth decoder."},
    {"by-frame", "The same by frame: no drift along the utterance."},
    {"grid-similarity",
     "Each cell: csm against PyTorch's algorithm with independent noise, and "
     "in brackets PyTorch's algorithm against itself. Equal numbers mean that "
     "only chance is left; wider distributions need more draws to look alike."},
    {"grid-kl",
     "The same for Kullback-Leibler divergence (smoothed by half a draw)."},
    {"grid-entropy",
     "How much choice a setting leaves: 0 is no choice, and e to the power of "
     "the entropy is the number of codes in play."},
    {"grid-word_error_rate",
     "How well a speech recogniser understands the model at this setting; in "
     "brackets by how much more it errs than at the best one."},
    {"grid-eos_rate",
     "Share of sentences that the model ended, before the limit."},
    {"grid-duration_ratio", "All speech of the cell against all of flite's."},
    {"grid-duration_error_s",
     "Mean absolute difference to flite's duration of the same sentence."},
    {"grid-mcd_db",
     "Spectral distance to flite's audio, aligned in time "
     "(docs/validation.md)."}};

std::string number(const OrderedJson& result, const std::string& path,
                   int digits = 4) {
  const OrderedJson* value = find_metric(result, path);
  if (value == nullptr) return "&ndash;";
  if (value->is_number_integer()) return value->dump();
  return str_cat(std::setprecision(digits), value->get<double>());
}

std::string percent(const OrderedJson& result, const std::string& path) {
  const OrderedJson* value = find_metric(result, path);
  if (value == nullptr) return "&ndash;";
  // Never round up to 100: a lone mismatch among millions must show.
  const double share = value->get<double>();
  if (share >= 1.0 - 1e-12) return "100 %";
  const double shown = std::floor(share * 1e6) / 1e4;
  return str_cat(std::setprecision(6), shown, " %");
}

std::string tile(const std::string& value, const std::string& label) {
  return "<div class=\"tile\"><b>" + value + "</b><span>" + label +
         "</span></div>\n";
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw Error(ErrorCode::kBackend,
                str_cat("[validate.report] expected a picture, got none (",
                        path.string(), ")"));
  }
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string figure(const std::filesystem::path& folder,
                   const std::string& name) {
  const auto data = [&](const char* variant) {
    return "data:image/svg+xml;base64," +
           base64(read_file(folder / (name + variant + ".svg")));
  };
  const auto source = [&](const char* media, const char* variant) {
    return str_cat("<source media=\"", media, "\" srcset=\"", data(variant),
                   "\">");
  };
  const auto caption = kCaptions.find(name);
  const std::string text =
      caption == kCaptions.end() ? std::string() : caption->second;
  return "<figure><picture>" +
         source("(max-width: 640px) and (prefers-color-scheme: dark)",
                "-narrow-dark") +
         source("(max-width: 640px)", "-narrow-light") +
         source("(prefers-color-scheme: dark)", "-dark") + "<img alt=\"" +
         html_escape(name) + "\" src=\"" + data("-light") +
         "\"></picture><figcaption>" + html_escape(text) + " <a href=\"" +
         name + "-light.png\">PNG</a></figcaption></figure>\n";
}

std::string tiles(const OrderedJson& results) {
  std::string out = "<div class=\"tiles\">\n";
  if (results.contains("settings") && !results["settings"].empty()) {
    const OrderedJson& first = results["settings"][0];
    out += tile(percent(first, "match.rate"),
                "codes equal to PyTorch's algorithm at equal noise");
    out += tile(percent(first, "equal_noise.similarity"),
                "distribution similarity at equal noise");
    out += tile(percent(first, "pooled.independent_noise.similarity"),
                "with independent noise, all rows; PyTorch to itself " +
                    percent(first, "pooled.noise_floor.similarity"));
    out += tile(number(first, "chi_square.p_value", 3),
                "p-value against the exact distribution");
    out +=
        tile(number(first, "invalid_codes"),
             "codes without a codec entry in " + number(first, "match.codes"));
  }
  if (results.contains("sweep")) {
    out += tile(str_cat(results["sweep"].size()), "settings in the sweep");
  }
  const auto verdict = speech_verdict(results);
  if (!verdict.empty()) {
    const OrderedJson& first = results["speech"]["verdict"][0];
    out += tile(first["holds"].get<bool>() ? "holds" : "does not hold",
                "csm's default temperature / top-k, " +
                    to_string(default_setting()) + ", by word error rate");
  }
  if (find_metric(results, "pytorch.match.rate") != nullptr) {
    out += tile(percent(results["pytorch"], "match.rate"),
                "codes equal to live PyTorch");
  }
  return out + "</div>\n";
}

std::string settings_table(const OrderedJson& settings) {
  const std::vector<std::array<std::string, 3>> kRows = {
      {"Codes drawn", "match.codes", "n"},
      {"Codes equal at equal noise", "match.rate", "%"},
      {"&nbsp; near-ties among the unequal", "match.near_ties", "n"},
      {"&nbsp; defects among the unequal", "match.defects", "n"},
      {"Similarity at equal noise", "equal_noise.similarity", "%"},
      {"KL at equal noise (nats)", "equal_noise.kl_forward", "n"},
      {"Similarity, independent noise", "independent_noise.similarity", "%"},
      {"&nbsp; noise floor", "noise_floor.similarity", "%"},
      {"Cosine, independent noise", "independent_noise.cosine", "n"},
      {"&nbsp; noise floor", "noise_floor.cosine", "n"},
      {"Token overlap, set", "independent_noise.overlap_set", "%"},
      {"&nbsp; noise floor", "noise_floor.overlap_set", "%"},
      {"Token overlap, weighted", "independent_noise.overlap_weighted", "%"},
      {"&nbsp; noise floor", "noise_floor.overlap_weighted", "%"},
      {"KL csm to PyTorch (nats)", "independent_noise.kl_forward", "n"},
      {"KL PyTorch to csm (nats)", "independent_noise.kl_backward", "n"},
      {"&nbsp; noise floor", "noise_floor.kl_forward", "n"},
      {"Jensen-Shannon (nats)", "independent_noise.jensen_shannon", "n"},
      {"&nbsp; noise floor", "noise_floor.jensen_shannon", "n"},
      {"All rows pooled: similarity", "pooled.independent_noise.similarity",
       "%"},
      {"&nbsp; noise floor", "pooled.noise_floor.similarity", "%"},
      {"&nbsp; token overlap, weighted",
       "pooled.independent_noise.overlap_weighted", "%"},
      {"&nbsp; noise floor", "pooled.noise_floor.overlap_weighted", "%"},
      {"Chi-square against the exact distribution", "chi_square.statistic",
       "n"},
      {"&nbsp; degrees of freedom", "chi_square.dof", "n"},
      {"&nbsp; p-value", "chi_square.p_value", "n"},
      {"&nbsp; p-value of PyTorch's draws", "chi_square_reference.p_value",
       "n"},
      {"&nbsp; draws of filtered codes", "chi_square.outside", "n"},
      {"Permutation test, p-value", "permutation.p_value", "n"},
      {"Entropy (nats), csm", "entropy.ours", "n"},
      {"&nbsp; PyTorch", "entropy.reference", "n"},
      {"&nbsp; exact distribution", "entropy.analytic", "n"},
      {"Repetition rate, csm", "repetition.ours", "%"},
      {"&nbsp; PyTorch", "repetition.reference", "%"},
      {"Codes without a codec entry", "invalid_codes", "n"}};
  std::vector<std::vector<std::string>> lines = {{"Metric"}};
  for (const OrderedJson& setting : settings) {
    lines[0].push_back(html_escape(describe_setting(setting)));
  }
  for (const auto& [name, path, kind] : kRows) {
    std::vector<std::string> line = {name};
    for (const OrderedJson& setting : settings) {
      line.push_back(kind == "%" ? percent(setting, path)
                                 : number(setting, path));
    }
    lines.push_back(line);
  }
  return html_table(lines);
}

std::string safety_table(const OrderedJson& rules) {
  std::vector<std::vector<std::string>> lines = {{"Rule", "Codes changed",
                                                  "Codes without entry",
                                                  "Similarity to PyTorch"}};
  for (const OrderedJson& rule : rules) {
    lines.push_back({html_escape(rule["rule"].get<std::string>()),
                     percent(rule, "changed_rate"),
                     number(rule, "invalid_codes"),
                     percent(rule, "similarity")});
  }
  return html_table(lines);
}

std::string checks_table(const std::vector<Check>& checks) {
  // A sweep judges the same metric in every cell: only its worst is shown.
  std::map<std::string, std::vector<const Check*>> by_metric;
  std::vector<std::string> order;
  for (const Check& check : checks) {
    if (by_metric[check.metric].empty()) order.push_back(check.metric);
    by_metric[check.metric].push_back(&check);
  }
  std::vector<std::vector<std::string>> lines = {
      {"Metric", "Limit", "Judged", "Failed", "First failure"}};
  for (const std::string& metric : order) {
    const Check* failure = nullptr;
    std::size_t n_failed = 0;
    for (const Check* check : by_metric[metric]) {
      n_failed += check->passed ? 0U : 1U;
      if (!check->passed && failure == nullptr) failure = check;
    }
    const std::string verdict =
        str_cat("<span class=\"", n_failed == 0 ? "good" : "bad", "\">",
                n_failed, "</span>");
    lines.push_back(
        {html_escape(metric), html_escape(by_metric[metric].front()->limit),
         str_cat(by_metric[metric].size()), verdict,
         failure == nullptr
             ? "&ndash;"
             : html_escape(str_cat(failure->value, " at ", failure->where))});
  }
  return html_table(lines);
}

std::string verdict_line(const std::vector<Check>& checks) {
  if (checks.empty()) return "<p class=\"quiet\">No thresholds applied.</p>\n";
  std::size_t n_failed = 0;
  for (const Check& check : checks) n_failed += check.passed ? 0U : 1U;
  const bool passed = n_failed == 0;
  return str_cat("<p class=\"verdict ", passed ? "good" : "bad", "\">",
                 passed ? "PASSED" : "FAILED", ": ", checks.size() - n_failed,
                 " of ", checks.size(), " checks</p>\n");
}

std::string source_line(const OrderedJson& results) {
  std::string out = "<p class=\"quiet\">";
  if (results.contains("source")) {
    out += "Logits: " +
           html_escape(results["source"].value("name", std::string())) + ". ";
  }
  out += "csm " + html_escape(results.value("version", std::string())) +
         ", seed " + number(results, "seed");
  return out + ". Formulas and ranges: docs/validation.md.</p>\n";
}

}  // namespace

std::string report_page(const std::filesystem::path& folder,
                        const OrderedJson& results,
                        const std::vector<Check>& checks,
                        const std::vector<std::string>& pictures) {
  const std::string mode = results.value("mode", std::string());
  std::string page = page_head("csm tokens " + mode);
  page += "<h1>Are the codes PyTorch's? csm tokens " + html_escape(mode) +
          "</h1>\n" + source_line(results) + verdict_line(checks) +
          tiles(results);
  if (!pictures.empty()) page += "<h2>Pictures</h2>\n";
  for (const std::string& name : pictures) page += figure(folder, name);
  if (results.contains("settings") && !results["settings"].empty()) {
    page += "<h2>Settings</h2>\n" + settings_table(results["settings"]);
    const OrderedJson& first = results["settings"][0];
    if (first.contains("codec_safety")) {
      page +=
          "<h2>What each codec-safety rule does</h2>\n<p class=\"quiet\">"
          "At equal noise, against drawing without a rule.</p>\n" +
          safety_table(first["codec_safety"]);
    }
  }
  page += speech_section(results);
  if (!checks.empty()) page += "<h2>Checks</h2>\n" + checks_table(checks);
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace csm::validate
