// Conversation scripts of both forms, and the pauses and chunks of their text.

#include <string_view>
#include <vector>

#include "csm/text/chunks.h"
#include "csm/text/script.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = [](const std::vector<text::Turn>& turns) {
    constexpr int kChunkMs = 10000;
    for (const text::Turn& turn : turns) {
      fuzz::refusable([&] { (void)text::plan_reading(turn.text, kChunkMs); });
    }
  };
  fuzz::refusable([&] { read(text::parse_text_script(text, "a.txt")); });
  fuzz::refusable([&] { read(text::parse_json_script(text, "a.json")); });
  fuzz::refusable([&] { (void)text::plan_reading(text, 0); });
  return 0;
}
