#include "csm/validate/speech_sweep.h"

#include <iomanip>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/validate/html.h"
#include "csm/validate/setting.h"
#include "csm/validate/thresholds.h"

namespace csm::validate {
namespace {

constexpr const char* kFormat = "csm-speech-sweep 1";
constexpr double kLargest = 1e9;

void check_interval(const JsonObject& object, const std::string& key) {
  const Json* value = object.has(key) ? &object.value()[key] : nullptr;
  if (value == nullptr || !value->is_array() || value->size() != 2 ||
      !(*value)[0].is_number() || !(*value)[1].is_number() ||
      !((*value)[0].get<double>() <= (*value)[1].get<double>())) {
    object.fail(key, "[low, high]");
  }
}

void check_cell(const Json& json, const std::string& origin) {
  const JsonObject cell(json, origin);
  (void)cell.number("temperature", 0.0, kLargest);
  (void)cell.integer("top_k", 1, 1 << 30);
  const JsonObject speech = cell.object("speech");
  for (const SpeechMeasure& measure : kSpeechMeasures) {
    const std::string key = measure.key;
    (void)speech.number(key, 0.0, kLargest);
    check_interval(speech, key + "_95");
    if (!measure.has_best) continue;
    (void)speech.number(key + "_to_best", -kLargest, kLargest);
    check_interval(speech, key + "_to_best_95");
  }
}

// The word error rate comes first: the report's tile shows it.
void check_verdict(const Json& json, const std::string& origin) {
  const JsonObject entry(json, origin);
  (void)entry.string("measure");
  (void)entry.number("value", 0.0, kLargest);
  (void)entry.number("difference", -kLargest, kLargest);
  check_interval(entry, "difference_95");
  if (!entry.has("holds") || !json["holds"].is_boolean()) {
    entry.fail("holds", "true or false");
  }
  const JsonObject best = entry.object("best");
  (void)best.number("temperature", 0.0, kLargest);
  (void)best.integer("top_k", 1, 1 << 30);
  (void)best.number("value", 0.0, kLargest);
}

// The report calls it the verdict on csm's default: let it be that.
void check_default(const JsonObject& file) {
  const JsonObject json = file.object("default");
  const Setting spoken = {
      .temperature = json.number("temperature", 0.0, kLargest),
      .top_k = static_cast<int>(json.integer("top_k", 1, 1 << 30))};
  if (!file.has("verdict") || same_setting(spoken, default_setting())) return;
  throw Error(
      ErrorCode::kCorrupt,
      str_cat("[validate.speech] expected the verdict on csm's default, ",
              to_string(default_setting()), ", got that on ", to_string(spoken),
              " (", file.origin(), ")"));
}

std::string fixed(double value, int decimals) {
  return str_cat(std::fixed, std::setprecision(decimals), value);
}

// A value with its interval, in the measure's unit.
std::string with_interval(const OrderedJson& value, const OrderedJson& bounds,
                          const SpeechMeasure& m) {
  const auto text = [&](const OrderedJson& v) {
    return fixed(m.scale * v.get<double>(), m.decimals);
  };
  return text(value) + " (" + text(bounds[0]) + " to " + text(bounds[1]) + ")";
}

std::string verdict_sentence(const OrderedJson& entry, const SpeechMeasure& m,
                             const std::string& setting) {
  const auto text = [&](double value) {
    return str_cat(fixed(m.scale * value, m.decimals), " ", m.unit);
  };
  const OrderedJson& best = entry["best"];
  const bool holds = entry["holds"].get<bool>();
  return str_cat(m.name, ": ", setting, holds ? " holds" : " does not hold",
                 ". It has ", text(entry["value"].get<double>()),
                 "; the best cell, ", to_string(setting_of(best)), ", has ",
                 text(best["value"].get<double>()), "; the difference is ",
                 with_interval(entry["difference"], entry["difference_95"], m),
                 " ", m.unit,
                 holds ? ", which includes 0." : ", which excludes 0.");
}

std::string cells_table(const OrderedJson& sweep) {
  std::vector<std::vector<std::string>> lines = {{"Temperature", "Top-k"}};
  for (const SpeechMeasure& m : kSpeechMeasures) {
    lines[0].push_back(str_cat(m.name, *m.unit == '\0' ? "" : ", ", m.unit));
  }
  lines[0].push_back("Word error rate over the best cell's, %");
  for (const OrderedJson& cell : sweep) {
    if (!cell.contains("speech")) continue;
    const OrderedJson& speech = cell["speech"];
    std::vector<std::string> line = {
        fixed(cell["temperature"].get<double>(), 2),
        str_cat(cell["top_k"].get<int>())};
    for (const SpeechMeasure& m : kSpeechMeasures) {
      const std::string key = m.key;
      line.push_back(with_interval(speech[key], speech[key + "_95"], m));
    }
    line.push_back(with_interval(speech["word_error_rate_to_best"],
                                 speech["word_error_rate_to_best_95"],
                                 kSpeechMeasures[0]));
    lines.push_back(std::move(line));
  }
  return html_table(lines);
}

}  // namespace

SpeechSweep SpeechSweep::load(const std::filesystem::path& path) {
  const Json json = parse_json_file(path);
  const JsonObject file(json, path.string());
  if (file.string("format") != kFormat) {
    file.fail("format", str_cat("'", kFormat, "'"));
  }
  (void)file.string("sampler");
  (void)file.string("model_sha256");
  (void)file.integer("sentences", 1, 1 << 30);
  (void)file.integer("speakers", 1, 1 << 30);
  (void)file.number("flite_word_error_rate", 0.0, kLargest);
  check_default(file);
  if (!file.has("cells") || !json["cells"].is_array()) {
    file.fail("cells", "an array");
  }
  std::size_t number = 0;
  for (const Json& cell : json["cells"]) {
    check_cell(cell, str_cat(path.string(), ": cells[", number++, "]"));
  }
  if (file.has("verdict")) {
    if (!json["verdict"].is_array() || json["verdict"].empty()) {
      file.fail("verdict", "an array that is not empty");
    }
    for (const Json& entry : json["verdict"]) {
      check_verdict(entry, path.string() + ": verdict");
    }
    if (json["verdict"][0]["measure"] != kSpeechMeasures[0].key) {
      file.fail("verdict", "the word error rate first");
    }
  }
  SpeechSweep sweep;
  sweep.path_ = path.string();
  sweep.json_ = OrderedJson::parse(json.dump());
  return sweep;
}

void SpeechSweep::merge(OrderedJson& results) const {
  int n_merged = 0;
  const auto sampler = json_["sampler"].get<std::string>();
  for (OrderedJson& cell : results["sweep"]) {
    if (cell["sampler"].get<std::string>() != sampler) {
      throw Error(ErrorCode::kInvalidArgument,
                  str_cat("[validate.speech] expected speech of sampler ",
                          cell["sampler"].get<std::string>(), ", got ", sampler,
                          " (", path_, ")"));
    }
    for (const OrderedJson& spoken : json_["cells"]) {
      if (!same_setting(setting_of(cell), setting_of(spoken))) continue;
      cell["speech"] = spoken["speech"];
      ++n_merged;
    }
  }
  if (n_merged == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[validate.speech] expected speech for a cell of the "
                        "sweep, got it for none of ",
                        results["sweep"].size(), " (", path_, ")"));
  }
  OrderedJson about = json_;
  about.erase("cells");
  about.erase("columns");
  about["cells_with_speech"] = n_merged;
  results["speech"] = std::move(about);
}

std::vector<std::string> speech_verdict(const OrderedJson& results) {
  std::vector<std::string> sentences;
  if (!results.contains("speech")) return sentences;
  const OrderedJson& speech = results["speech"];
  if (!speech.contains("verdict") || speech["verdict"].is_null()) {
    return sentences;
  }
  const std::string setting = to_string(setting_of(speech["default"]));
  for (const SpeechMeasure& m : kSpeechMeasures) {
    for (const OrderedJson& entry : speech["verdict"]) {
      if (entry["measure"].get<std::string>() != m.key) continue;
      sentences.push_back(verdict_sentence(entry, m, setting));
    }
  }
  return sentences;
}

std::string speech_section(const OrderedJson& results) {
  if (!results.contains("speech")) return {};
  const OrderedJson& speech = results["speech"];
  std::string out = str_cat(
      "<h2>Speech by temperature and top-k</h2>\n<p class=\"quiet\">",
      speech["sentences"].get<int>(), " held-out sentences, ",
      speech["speakers"].get<int>(),
      " speakers, one seed each; flite's own word error rate is ",
      fixed(100.0 * speech["flite_word_error_rate"].get<double>(), 1),
      " %. In brackets: 95 % bootstrap intervals over the sentences, paired "
      "for differences. A setting holds if the interval of its difference to "
      "the best cell includes 0.</p>\n");
  const auto sentences = speech_verdict(results);
  if (!sentences.empty()) out += "<ul>\n";
  for (const std::string& sentence : sentences) {
    out += "<li>" + html_escape(sentence) + "</li>\n";
  }
  if (!sentences.empty()) out += "</ul>\n";
  return out + cells_table(results["sweep"]);
}

}  // namespace csm::validate
