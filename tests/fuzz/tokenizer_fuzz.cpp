// tokenizer.json, and text through whatever it makes.

#include <string_view>

#include "csm/text/tokenizer.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  const auto path = fuzz::write_scratch("tokenizer.json", {data, size});
  fuzz::refusable([&] {
    const auto tokenizer = text::Tokenizer::load(path);
    constexpr std::string_view kText =
        "[0]Hello, it's 12345 o'clock!  \n\tGr\xc3\xbc\xc3\x9f \xe4\xbd\xa0"
        "<|begin_of_text|>";
    for (const bool add_special : {false, true}) {
      fuzz::refusable([&] {
        const auto ids = tokenizer.encode(kText, add_special);
        (void)tokenizer.decode(ids, add_special);
      });
    }
  });
  return 0;
}
