// Prints prompts, for tools/oracle/compare_context.py: for each line of
// standard input, a JSON object {"speaker", "text", "context": [{"speaker",
// "text", "codes": [T * K]}]}, one line with the prompt's parts:
// [{"ids": [T]} or {"codes": [T * K]}, ...].
//
//     csm_prompt MODEL < conversations.jsonl

#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/engine/engine.h"

namespace csm::engine {
namespace {

Utterance read_utterance(const JsonObject& json) {
  return {.speaker = static_cast<int>(json.integer("speaker", 0, INT32_MAX)),
          .text = json.string("text")};
}

Json prompt_parts(const Engine& engine, const std::string& line) {
  const Json parsed = parse_json(line, "standard input");
  const JsonObject json(parsed, "standard input");
  std::vector<Segment> context;
  for (const Json& segment : parsed.at("context")) {
    context.push_back(
        {.utterance = read_utterance(JsonObject(segment, "context")),
         .codes = segment.at("codes").get<std::vector<std::int32_t>>()});
  }
  const Prompt prompt = engine.make_prompt(read_utterance(json), context);
  Json parts = Json::array();
  for (const Prompt::Part& part : prompt.parts()) {
    parts.push_back({{part.is_audio ? "codes" : "ids", part.values}});
  }
  return parts;
}

int run(const std::string& model) {
  EngineOptions options;
  options.model_dir = model;
  const Engine engine(options);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << prompt_parts(engine, line).dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace csm::engine

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: csm_prompt MODEL < conversations.jsonl\n";
    return 2;
  }
  try {
    return csm::engine::run(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "csm_prompt: " << error.what() << "\n";
    return 1;
  }
}
