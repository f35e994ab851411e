// Test tool: reads texts from standard input, each as a 4-byte little endian
// length and its bytes, and writes one line of ids each.
//
//   csm_tokenize TOKENIZER.json [--no-special | --decode]
//
// With --decode every line gives "<length>\n<text>" of the encoded ids' decoded
// form instead. Used by tools/oracle/tokenizer_live.py.

#include <array>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>

#include "csm/base/error.h"
#include "csm/text/tokenizer.h"

namespace {

bool read_text(std::string& text) {
  std::array<char, 4> head{};
  if (!std::cin.read(head.data(), head.size())) return false;
  std::uint32_t length = 0;
  for (std::size_t i = head.size(); i-- > 0;) {
    length = (length << 8U) | static_cast<std::uint8_t>(head[i]);
  }
  text.resize(length);
  return static_cast<bool>(
      std::cin.read(text.data(), static_cast<std::streamsize>(length)));
}

void run(const std::string& path, std::string_view mode) {
  const auto tokenizer = csm::text::Tokenizer::load(path);
  std::string text;
  while (read_text(text)) {
    const auto ids = tokenizer.encode(text, mode != "--no-special");
    if (mode == "--decode") {
      const std::string back = tokenizer.decode(ids, true);
      std::cout << back.size() << '\n' << back << '\n';
      continue;
    }
    for (const auto id : ids) std::cout << id << ' ';
    std::cout << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: csm_tokenize TOKENIZER.json "
                 "[--no-special | --decode]\n";
    return 2;
  }
  try {
    run(argv[1], argc == 3 ? argv[2] : "");
  } catch (const csm::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
