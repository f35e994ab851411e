#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/codes_file.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "cli/tokens.h"
#include "cli/tokens_options.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/engine/engine.h"
#include "csm/validate/token_file.h"
#include "csm/weights/npy.h"

namespace csm::cli {
namespace {

using validate::Place;
using validate::TokenFile;
using validate::TokenLogits;

constexpr double kLogitTolerance = 2e-4;  // that of docs/numerics.md

struct CompareArguments {
  std::string a, b;
  std::string logits_a, logits_b;
  ModelOptions model;
  std::string model_b, dtype_b;
  std::string text;
  int speaker = 0;
  int valid_codes = 0;
  TokenSampling sampling;
  double logit_tolerance = kLogitTolerance;
  bool json = false;
  const CLI::Option* text_option = nullptr;
  const CLI::Option* seed_option = nullptr;
};

/// The logits of both sides, where they are known.
struct Evidence {
  std::optional<TokenLogits> a, b;
  int n_valid = 0;  ///< codes that the codec can decode; 0: unknown
};

TokenFile read_tokens(const std::string& path) {
  CodesFile file = read_codes(path);
  const auto bad = std::find_if(file.codes.begin(), file.codes.end(),
                                [](std::int32_t code) { return code < 0; });
  if (file.shape.size() != 2 || file.shape[1] < 1 || bad != file.codes.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[cli.tokens] expected codes of 0 or more in the shape "
                        "[frames, codebooks], got others (",
                        path, ")"));
  }
  return {path, static_cast<int>(file.shape[0]),
          static_cast<int>(file.shape[1]), std::move(file.codes)};
}

TokenLogits read_token_logits(const std::string& path, const TokenFile& file) {
  auto array = weights::read_npy_f32(path);
  const auto& shape = array.shape;
  if (shape.size() != 3 || shape[0] != file.n_frames ||
      shape[1] != file.n_codebooks || shape[2] < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[cli.tokens] expected logits [", file.n_frames, ", ",
                        file.n_codebooks, ", codes] as `csm score` writes for ",
                        file.name, ", got others (", path, ")"));
  }
  return {file.n_frames, file.n_codebooks, static_cast<int>(shape[2]),
          std::move(array.data)};
}

TokenLogits score(engine::Engine& engine, const CompareArguments& arguments,
                  const TokenFile& file) {
  const engine::ModelFacts& facts = engine.facts();
  if (file.n_codebooks != facts.n_codebooks) {
    throw Error(
        ErrorCode::kInvalidArgument,
        str_cat("[cli.tokens] expected codes of ", facts.n_codebooks,
                " codebooks, got ", file.n_codebooks, " (", file.name, ")"));
  }
  const engine::Utterance utterance = {.speaker = arguments.speaker,
                                       .text = arguments.text};
  return {file.n_frames, file.n_codebooks, facts.n_codes,
          engine.score(utterance, file.codes)};
}

// A file that ended early says no code where the other goes on: the end code.
TokenFile up_to(TokenFile file, Place place) {
  const auto width = static_cast<std::size_t>(file.n_codebooks);
  const std::size_t n = static_cast<std::size_t>(place.frame + 1) * width;
  file.codes.resize(n, 0);
  file.n_frames = place.frame + 1;
  return file;
}

Evidence score_with_models(const CompareArguments& arguments,
                           const TokenFile& a, const TokenFile& b,
                           Place place) {
  Evidence evidence;
  auto options = arguments.model;
  {
    engine::Engine engine(options.resolve());
    evidence.n_valid = engine.facts().n_codec_codes;
    evidence.a = score(engine, arguments, up_to(a, place));
    if (arguments.model_b.empty() && arguments.dtype_b.empty()) {
      evidence.b = score(engine, arguments, up_to(b, place));
    }
  }
  if (!evidence.b) {
    if (!arguments.model_b.empty()) options.model = arguments.model_b;
    if (!arguments.dtype_b.empty()) options.dtype = arguments.dtype_b;
    engine::Engine engine(options.resolve());
    evidence.b = score(engine, arguments, up_to(b, place));
  }
  return evidence;
}

Evidence gather(const CompareArguments& arguments, const TokenFile& a,
                const TokenFile& b, Place place) {
  if (arguments.text_option->count() > 0) {
    return score_with_models(arguments, a, b, place);
  }
  Evidence evidence;
  if (!arguments.logits_a.empty()) {
    evidence.a = read_token_logits(arguments.logits_a, a);
  }
  if (!arguments.logits_b.empty()) {
    evidence.b = read_token_logits(arguments.logits_b, b);
  }
  evidence.n_valid = arguments.valid_codes;
  return evidence;
}

std::string stage_name(Place place) {
  return str_cat(place.codebook == 0 ? "backbone" : "depth decoder", ", frame ",
                 place.frame, ", codebook ", place.codebook);
}

OrderedJson describe_stage(const CompareArguments& arguments,
                           const Evidence& evidence, Place place,
                           double& blur) {
  const auto difference = validate::compare_logits(
      *evidence.a, *evidence.b, place, arguments.logit_tolerance);
  blur = difference.at_last;
  OrderedJson json = {{"tolerance", arguments.logit_tolerance},
                      {"difference_at_place", difference.at_last}};
  json["first_stage"] =
      difference.first ? stage_name(*difference.first) : "sampler";
  return json;
}

std::int32_t code_at(const TokenFile& file, Place place) {
  if (place.frame >= file.n_frames) return -1;
  return file.codes[static_cast<std::size_t>(place.frame) *
                        static_cast<std::size_t>(file.n_codebooks) +
                    static_cast<std::size_t>(place.codebook)];
}

// A frame that one side lacks was the end frame: all of its codes 0.
std::int32_t code_or_end(const TokenFile& file, Place place) {
  return std::max(code_at(file, place), 0);
}

OrderedJson describe_verdict(const CompareArguments& arguments,
                             const Evidence& evidence, const TokenFile& a,
                             const TokenFile& b, Place place, double blur) {
  const TokenLogits& logits = evidence.a ? *evidence.a : *evidence.b;
  if (place.frame >= logits.n_frames) return nullptr;
  const int n_valid = evidence.n_valid > 0 ? evidence.n_valid : logits.vocab;
  const auto verdict = validate::judge_difference(
      logits.row(place), arguments.sampling.resolve(n_valid),
      arguments.sampling.seed,
      std::int64_t{place.frame} * a.n_codebooks + place.codebook,
      code_or_end(a, place), code_or_end(b, place), blur);
  return {{"verdict", validate::to_string(verdict.cause)},
          {"expected", verdict.expected},
          {"runner_up", verdict.runner_up},
          {"top2_margin", verdict.margin},
          {"near_tie_below", verdict.tolerance}};
}

OrderedJson compare(const CompareArguments& arguments, const TokenFile& a,
                    const TokenFile& b) {
  const auto place = validate::first_difference(a, b);
  OrderedJson json = validate::compare_token_files(a, b);
  if (!place) {
    json["verdict"] = "equal";
    return json;
  }
  json["first_difference"] = {{"frame", place->frame},
                              {"codebook", place->codebook},
                              {"code_a", code_at(a, *place)},
                              {"code_b", code_at(b, *place)}};
  json["verdict"] = "unknown";
  const Evidence evidence = gather(arguments, a, b, *place);
  double blur = 0.0;
  if (evidence.a && evidence.b) {
    json["logits"] = describe_stage(arguments, evidence, *place, blur);
  }
  const bool can_replay =
      arguments.seed_option->count() > 0 || arguments.sampling.greedy;
  if (can_replay && (evidence.a || evidence.b)) {
    const OrderedJson verdict =
        describe_verdict(arguments, evidence, a, b, *place, blur);
    if (!verdict.is_null()) json.update(verdict);
  }
  return json;
}

std::string summarise(const OrderedJson& json) {
  std::string out;
  const auto frames = json["frames"];
  out += str_cat("frames ", frames[0].get<int>(), " and ", frames[1].get<int>(),
                 ", ", json["codebooks"].get<int>(), " codebooks\n");
  if (json.contains("match_rate")) {
    out += str_cat("codes equal ",
                   fixed(json["match_rate"].get<double>() * 100, 3), " %\n");
  }
  if (json.contains("first_difference")) {
    const auto& first = json["first_difference"];
    out += str_cat("first difference: frame ", first["frame"].get<int>(),
                   ", codebook ", first["codebook"].get<int>(), ": ",
                   first["code_a"].get<int>(), " and ",
                   first["code_b"].get<int>(), " (-1: no such frame)\n");
  }
  if (json.contains("logits")) {
    const auto& logits = json["logits"];
    out += str_cat(
        "first stage that differs: ", logits["first_stage"].get<std::string>(),
        " (logits at the difference within ",
        logits["difference_at_place"].get<double>(), ")\n");
  }
  if (json.contains("top2_margin")) {
    out += str_cat("PyTorch draws ", json["expected"].get<int>(), ", then ",
                   json["runner_up"].get<int>(), "; margin ",
                   json["top2_margin"].get<double>(), ", a near-tie below ",
                   json["near_tie_below"].get<double>(), "\n");
  }
  const auto verdict = json["verdict"].get<std::string>();
  out += "verdict: " + verdict;
  if (verdict == "unknown") {
    out +=
        "; --seed with --text (or --logits-a) tells a near-tie from a "
        "defect";
  }
  return out + "\n";
}

void run_compare(const CompareArguments& arguments) {
  const bool has_model_b =
      !arguments.model_b.empty() || !arguments.dtype_b.empty();
  if (arguments.text_option->count() == 0 && has_model_b) {
    throw UsageError("--model-b and --dtype-b need --text");
  }
  if (arguments.text_option->count() > 0 &&
      (!arguments.logits_a.empty() || !arguments.logits_b.empty())) {
    throw UsageError("--text and --logits-a, --logits-b exclude each other");
  }
  const OrderedJson json =
      compare(arguments, read_tokens(arguments.a), read_tokens(arguments.b));
  write_stdout(arguments.json ? json.dump() + "\n" : summarise(json));
  const auto verdict = json["verdict"].get<std::string>();
  if (verdict == "equal" || verdict == "near-tie") return;
  throw Error(
      ErrorCode::kInvalidArgument,
      str_cat("[cli.tokens] expected equal codes, got a difference at "
              "frame ",
              json["first_difference"]["frame"].get<int>(), ", codebook ",
              json["first_difference"]["codebook"].get<int>(), " (", verdict,
              ")"));
}

void add_options(CLI::App& command, CompareArguments& arguments) {
  command
      .add_option("A", arguments.a,
                  "Codes as .npy, [frames, codebooks], or .csmc")
      ->required();
  command.add_option("B", arguments.b, "Codes to compare with")->required();
  command.add_option("--logits-a", arguments.logits_a,
                     "Logits of A as `csm score` writes them");
  command.add_option("--logits-b", arguments.logits_b, "Logits of B");
  arguments.text_option = command.add_option(
      "--text", arguments.text, "Text of both: scores them with the model");
  command.add_option("--speaker", arguments.speaker, "Number of the voice")
      ->check(CLI::Range(0, 999999))
      ->capture_default_str();
  arguments.model.add_to(command);
  command.add_option("--model-b", arguments.model_b,
                     "Model that B was made with (default: --model)");
  command.add_option("--dtype-b", arguments.dtype_b,
                     "Weights that B was made with (default: --dtype)");
  command
      .add_option("--valid-codes", arguments.valid_codes,
                  "Codes that the codec can decode, with --logits-a")
      ->check(CLI::Range(1, 1 << 30));
  command
      .add_option("--logit-tolerance", arguments.logit_tolerance,
                  "Larger differences of logits are a stage that differs")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command.add_flag("--json", arguments.json,
                   "One JSON object on standard output");
  arguments.sampling.add_to(command);
  arguments.seed_option = command.get_option("--seed");
}

}  // namespace

void add_tokens_compare(CLI::App& tokens) {
  const auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command = tokens.add_subcommand(
      "compare",
      "Compare two files of codes: where they part, and why. Exit status 0 if "
      "they are equal or part at a near-tie");
  add_options(*command, *arguments);
  command->callback([arguments] { run_compare(*arguments); });
}

}  // namespace csm::cli
