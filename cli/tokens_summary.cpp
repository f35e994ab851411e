#include "cli/tokens_summary.h"

#include <algorithm>
#include <cmath>
#include <iomanip>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/setting.h"
#include "csm/validate/speech_sweep.h"

namespace csm::cli {
namespace {

using validate::Check;
using validate::describe_setting;
using validate::find_metric;

double number(const OrderedJson& result, const char* path) {
  const OrderedJson* value = find_metric(result, path);
  return value == nullptr ? std::nan("") : value->get<double>();
}

// Rounded down, so that only 1 is shown as 100.
std::string percent(double share) {
  constexpr double kUnits = 1e6;
  const double shown = share >= 1.0 - 1e-12
                           ? 100.0
                           : std::floor(share * kUnits) / (kUnits / 100.0);
  return str_cat(std::setprecision(6), shown, " %");
}

std::string line(const std::string& name, const std::string& value) {
  return str_cat("  ", std::left, std::setw(44), name, value, "\n");
}

std::string with_floor(const OrderedJson& s, const char* metric,
                       bool is_share) {
  const auto text = [&](const std::string& group) {
    const double value = number(s, (group + "." + metric).c_str());
    return is_share ? percent(value) : str_cat(std::setprecision(4), value);
  };
  return str_cat(text("independent_noise"), "  (noise floor ",
                 text("noise_floor"), ")");
}

std::string summarise_setting(const OrderedJson& s) {
  std::string out = describe_setting(s) + "\n";
  out += line("codes drawn",
              str_cat(s["match"]["codes"].get<std::int64_t>(), " from ",
                      s["rows"].get<int>(), " rows of logits"));
  out += line("equal to PyTorch's algorithm, same noise",
              str_cat(percent(number(s, "match.rate")), "  (",
                      number(s, "match.near_ties"), " near-ties, ",
                      number(s, "match.defects"), " defects)"));
  out += line("distribution similarity, same noise",
              percent(number(s, "equal_noise.similarity")));
  out += line("KL, same noise (nats)",
              str_cat(number(s, "equal_noise.kl_forward")));
  out += line("distribution similarity, other noise",
              with_floor(s, "similarity", true));
  out += line("cosine, other noise", with_floor(s, "cosine", true));
  out += line("token overlap, set", with_floor(s, "overlap_set", true));
  out +=
      line("token overlap, weighted", with_floor(s, "overlap_weighted", true));
  out += line("KL (nats)", with_floor(s, "kl_forward", false));
  out += line("Jensen-Shannon (nats)", with_floor(s, "jensen_shannon", false));
  out +=
      line("all rows pooled, similarity",
           str_cat(percent(number(s, "pooled.independent_noise.similarity")),
                   "  (noise floor ",
                   percent(number(s, "pooled.noise_floor.similarity")), ")"));
  out += line(
      "chi-square against the exact distribution",
      str_cat("p = ", std::setprecision(3), number(s, "chi_square.p_value"),
              ", ", number(s, "chi_square.outside"),
              " draws of filtered codes"));
  out += line("permutation test", str_cat("p = ", std::setprecision(3),
                                          number(s, "permutation.p_value")));
  out +=
      line("codes without a codec entry", str_cat(number(s, "invalid_codes")));
  return out;
}

std::string summarise_safety(const OrderedJson& rules) {
  std::string out = "codec safety, against no rule at equal noise\n";
  for (const OrderedJson& rule : rules) {
    out += line(
        rule["rule"].get<std::string>(),
        str_cat(percent(number(rule, "changed_rate")), " of codes changed, ",
                number(rule, "invalid_codes"), " without entry, similarity ",
                percent(number(rule, "similarity"))));
  }
  return out;
}

std::string summarise_sweep(const OrderedJson& sweep) {
  double defects = 0.0;
  double lowest_p = 1.0;
  double widest_gap = 0.0;
  for (const OrderedJson& cell : sweep) {
    defects += number(cell, "match.defects");
    lowest_p = std::min(lowest_p, number(cell, "chi_square.p_value"));
    widest_gap = std::max(
        widest_gap, std::abs(number(cell, "independent_noise.similarity") -
                             number(cell, "noise_floor.similarity")));
  }
  return str_cat("sweep of ", sweep.size(), " settings\n",
                 line("defects at equal noise", str_cat(defects)),
                 line("lowest chi-square p-value",
                      str_cat(std::setprecision(3), lowest_p)),
                 line("widest gap to the noise floor",
                      str_cat(std::setprecision(3), widest_gap)));
}

}  // namespace

OrderedJson describe_checks(const std::vector<Check>& checks) {
  OrderedJson json = OrderedJson::array();
  for (const Check& check : checks) {
    json.push_back({{"where", check.where},
                    {"metric", check.metric},
                    {"value", check.value},
                    {"limit", check.limit},
                    {"passed", check.passed}});
  }
  return json;
}

std::string summarise(const OrderedJson& results,
                      const std::vector<Check>& checks) {
  std::string out;
  if (results.contains("settings")) {
    for (const OrderedJson& setting : results["settings"]) {
      out += summarise_setting(setting);
    }
    const OrderedJson& first = results["settings"][0];
    if (first.contains("codec_safety")) {
      out += summarise_safety(first["codec_safety"]);
    }
  }
  if (results.contains("sweep")) out += summarise_sweep(results["sweep"]);
  for (const std::string& sentence : validate::speech_verdict(results)) {
    out += "  " + sentence + "\n";
  }
  out += "probes decided by the last digits of the noise\n";
  for (const auto& [kind, probe] : results["probes"].items()) {
    out += line(kind, str_cat(probe["failed"].get<int>(), " of ",
                              probe["count"].get<int>(), " failed"));
  }
  if (results.contains("pytorch")) {
    out +=
        str_cat("live PyTorch\n",
                line("csm", percent(number(results, "pytorch.match.rate")) +
                                " of codes equal"),
                line("reference in this tool",
                     percent(number(results, "pytorch.reference_match.rate")) +
                         " of codes equal"));
  }
  const auto n_failed = std::count_if(checks.begin(), checks.end(),
                                      [](const Check& c) { return !c.passed; });
  for (const Check& check : checks) {
    if (check.passed) continue;
    out += str_cat("FAILED ", check.metric, " = ", check.value, ", limit ",
                   check.limit, " (", check.where, ")\n");
  }
  if (!checks.empty()) {
    out += str_cat(checks.size() - static_cast<std::size_t>(n_failed), " of ",
                   checks.size(), " checks passed\n");
  }
  return out;
}

void throw_if_failed(const std::vector<Check>& checks) {
  const auto failed = [](const Check& check) { return !check.passed; };
  const auto first = std::find_if(checks.begin(), checks.end(), failed);
  if (first == checks.end()) return;
  throw Error(
      ErrorCode::kInternal,
      str_cat("[cli.tokens] expected ", first->metric, " ", first->limit,
              ", got ", first->value, " (", first->where, "); ",
              std::count_if(checks.begin(), checks.end(), failed), " of ",
              checks.size(), " checks failed"));
}

}  // namespace csm::cli
